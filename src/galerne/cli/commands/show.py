"""``galerne show``: what a model on this machine is, may be used for, and needs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from galerne.chat.bill.figures import decimal, quantity
from galerne.cli.foundation import Foundation, lay_foundation
from galerne.cli.installed import find_installed, installed
from galerne.cli.needed import needed_bytes
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import Settings, read_settings
from galerne.cli.tuned import RememberedTunings, Tuned
from galerne.cli.tuned_words import document as tuned_document
from galerne.cli.tuned_words import explained
from galerne.clock import SystemClock
from galerne.language import phrases
from galerne.models import ModelFile, read_gguf_header
from galerne.models.origins import Origin, read_origins
from galerne.perf import serving_plan

CONTEXTS = (4096, 8192, 32_768, 131_072, 262_144)
"""Contexts for which the memory is shown, up to the model's own."""
SLOTS = (1, 4)
"""One conversation, and as many as the daemon reserves room for."""
TEMPLATE_KEY = "tokenizer.chat_template"
READ_BYTES = 8 << 20


def show(*, name: str, template: bool, check: bool, as_json: bool) -> None:
    """Everything about one model.

    Raises:
        UnknownModel: it is not here; names the nearest.
    """
    settings = read_settings(os.environ)
    file = find_installed(installed(settings), name)
    if template:
        print(read_gguf_header(file.path).metadata.get(TEMPLATE_KEY, ""))
        return
    origin = read_origins(file.path.parent).get(file.path.name)
    foundation = lay_foundation(settings, clock=SystemClock())
    tuned = RememberedTunings(settings.home, foundation.machine()).of(file)
    memory = [_memory_row(foundation, file, n_tokens) for n_tokens in _contexts(file)]
    sha256 = _computed(file.pieces) if check else file.sha256 or (origin.sha256 if origin else "")
    if as_json:
        about = _document(file, origin, memory, sha256=sha256, computed=check)
        print_json({**about, "tuning": tuned_document(file, tuned, measured_now=False)})
        return
    _print(settings, file, origin, memory, tuned, sha256=sha256, computed=check)


def _contexts(file: ModelFile) -> list[int]:
    longest = file.spec.context_tokens
    return sorted({min(n_tokens, longest) for n_tokens in CONTEXTS})


def _memory_row(foundation: Foundation, file: ModelFile, context_tokens: int) -> dict[str, float]:
    """As the daemon counts it."""
    needed = {}
    for n_slots in SLOTS:
        plan = serving_plan(
            foundation.catalog,
            file.spec,
            file.weight_format,
            replace(foundation.machine(), accelerators=()),
            context_tokens=context_tokens,
            max_sequences=n_slots,
        )
        needed[f"needed_{n_slots}_bytes"] = float(needed_bytes(foundation.catalog, plan))
    return {"context_tokens": context_tokens, **needed}


def _computed(pieces: Sequence[Path]) -> str:
    """SHA-256 of the file as it is now; of several pieces, each."""
    sums = []
    for path in pieces:
        whole = hashlib.sha256()
        with path.open("rb") as data:
            while block := data.read(READ_BYTES):
                whole.update(block)
        sums.append(whole.hexdigest())
    return " ".join(sums)


def _document(
    file: ModelFile, origin: Origin | None, memory: Sequence[dict[str, float]], *, sha256: str, computed: bool
) -> dict[str, Any]:
    spec = file.spec
    return {
        "model_id": file.model_id,
        "name": spec.name,
        "aliases": list(file.aliases),
        "known": file.is_known,
        "store": file.store,
        "paths": [str(path) for path in file.pieces],
        "projector": str(file.projector.path) if file.projector else None,
        "size_bytes": file.size_bytes,
        "format_id": file.format_id,
        "bytes_per_weight": file.weight_format.bytes_per_weight,
        "n_parameters": spec.n_parameters,
        "n_active_parameters": spec.n_active_parameters,
        "context_tokens": spec.context_tokens,
        "architecture": {
            name: getattr(spec, name)
            for name in (
                "n_layers", "dim", "n_heads", "n_kv_heads", "head_dim", "hidden_dim", "vocab_size",
                "sliding_window", "n_experts", "n_experts_per_token", "kv_lora_rank",
            )
        },
        "licence": spec.licence,
        "commercial_use": spec.commercial_use if file.is_known else None,
        "has_chat_template": file.has_chat_template,
        "memory": list(memory),
        "memory_method": "modelled",
        "sha256": sha256,
        "sha256_from": "file" if computed else "store" if file.sha256 else "download" if origin else None,
        "origin": f"{origin.repository}/{origin.filename}@{origin.revision}" if origin else None,
    }  # fmt: skip


def _files(file: ModelFile) -> list[Path]:
    """What it is made of, its eyes included."""
    return [*file.pieces, *([file.projector.path] if file.projector else [])]


def _print(
    settings: Settings,
    file: ModelFile,
    origin: Origin | None,
    memory: Sequence[dict[str, float]],
    tuned: Tuned,
    *,
    sha256: str,
    computed: bool,
) -> None:
    language, words, console = settings.language, phrases("galerne.cli", settings.language), make_console()
    spec = file.spec
    count = str(quantity(spec.n_parameters, "", language=language))
    if spec.n_experts:
        active = str(quantity(spec.n_active_parameters, "", language=language))
        count = words["show_active"].format(n=count, active=active)
    lines = {
        words["model"]: spec.name,
        words["show_aliases"]: ", ".join(file.aliases),
        words["show_file"]: "\n".join(map(str, _files(file))),
        words["show_store"]: file.store,
        words["size"]: str(quantity(file.size_bytes, "B", language=language)),
        words["format"]: f"{file.weight_format.name} ({file.format_id})",
        words["parameters"]: count,
        words["show_architecture"]: _architecture(file, words),
        words["context"]: decimal(spec.context_tokens, language=language, decimals=0),
        words["show_licence"]: spec.licence or words["unknown"],
        words["show_template"]: words["yes" if file.has_chat_template else "show_no_template"],
        "SHA-256": (sha256 or words["show_no_hash"])
        + ("" if computed or not sha256 else words["show_noted"]),
        words["show_settings"]: explained(tuned, settings, size_bytes=file.size_bytes),
        words["show_origin"]: f"{origin.repository} {origin.revision[:12]}" if origin else "",
    }
    width = max(map(len, lines))
    console.print(file.model_id, style="bold", markup=False)
    for label, text in lines.items():
        for position, part in enumerate(text.split("\n") if text else ()):
            console.print(f"  {label if not position else '':<{width}}  {part}", markup=False, soft_wrap=True)
    if file.is_known and not spec.commercial_use:
        console.print(words["not_commercial"].format(licence=spec.licence), style="bold yellow", markup=False)
    table = plain_table(words["context"], words["show_one"], words["show_four"], title=words["show_memory"])
    for row in memory:
        cells = [str(quantity(row[f"needed_{n}_bytes"], "B", language=language)) for n in SLOTS]
        table.add_row(decimal(row["context_tokens"], language=language, decimals=0), *cells)
    console.print(table)


def _architecture(file: ModelFile, words: Any) -> str:
    spec = file.spec
    text = words["show_layers"].format(
        layers=spec.n_layers,
        dim=spec.dim,
        heads=spec.n_heads,
        kv_heads=spec.n_kv_heads,
        vocab=spec.vocab_size,
    )
    if spec.n_experts:
        text += words["show_experts"].format(n=spec.n_experts, active=spec.n_experts_per_token)
    if spec.sliding_window:
        text += words["show_window"].format(n=spec.sliding_window)
    return str(text)
