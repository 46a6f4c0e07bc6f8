"""The models of this machine in words: what is loaded, loads or arrives, what could be and what could not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from galerne.chat.bill.figures import decimal, quantity, rate
from galerne.chat.bill.receipt import PACKAGE
from galerne.language import Language, phrases

STATES = ("loaded", "loading", "leaving", "installed", "pulling", "fits", "too_large")
"""In the order of the list."""
_SERVED = {"loaded", "loading", "leaving", "installed"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRow:
    """A model as a person chooses it.

    Attributes:
        id: to ask it by; of one that is not here, what ``galerne pull`` takes.
        state: one of ``STATES``.
        detail: what it holds and does now, else its expected speed and energy, or what is missing.
        served: it can be chosen.
        progress_ratio: of the load or of the download; ``None`` where nothing is under way.
    """

    id: str
    name: str
    state: str
    label: str
    detail: str
    served: bool
    progress_ratio: float | None = None


def view_models(
    fits: Mapping[str, Any],
    models: Sequence[Mapping[str, Any]],
    engines: Sequence[Mapping[str, Any]],
    pulls: Sequence[Mapping[str, Any]] = (),
    *,
    language: Language,
) -> tuple[ModelRow, ...]:
    """What is served first, then what arrives, then what fits, the fastest first, then what does not."""
    say = phrases(PACKAGE, language)
    best: dict[str, Mapping[str, Any]] = {}
    for row in fits.get("data", ()):  # one format of each: the fastest that fits
        known = best.get(row["model_id"])
        if known is None or (row["fits"], row["tokens_per_s"]) > (known["fits"], known["tokens_per_s"]):
            best[row["model_id"]] = row
    living = {str(engine["model_id"]): engine for engine in engines}
    rows = [
        _served(card, living.get(str(card["id"])), best.get(str(card["id"])), language) for card in models
    ]
    rows += [_arriving(pull, language) for pull in pulls]
    here = {row.id for row in rows}
    others = sorted((row for key, row in best.items() if key not in here), key=_slowness)
    for row in others:
        state = "fits" if row["fits"] else "too_large"
        rows.append(
            ModelRow(
                id=str(row["model_id"]),
                name=str(row["model_name"]),
                state=state,
                label=say[f"model_{state}"],
                detail=_expected(row, language),
                served=False,
            )
        )
    return tuple(sorted(rows, key=lambda row: STATES.index(row.state)))


def _slowness(row: Mapping[str, Any]) -> float:
    return -float(row["tokens_per_s"])


def _served(
    card: Mapping[str, Any],
    engine: Mapping[str, Any] | None,
    fit: Mapping[str, Any] | None,
    language: Language,
) -> ModelRow:
    state = str((engine or {}).get("presence") or card.get("state") or "loaded")
    state = state if state in _SERVED else "loaded"
    loading = (engine or {}).get("loading") or {}
    return ModelRow(
        id=str(card["id"]),
        name=str(card.get("name") or card["id"]),
        state=state,
        label=phrases(PACKAGE, language)[f"model_{state}"],
        detail=_now(engine, language) if engine and state == "loaded" else _expected(fit, language),
        served=True,
        progress_ratio=float(loading.get("progress_ratio", 0.0)) if state == "loading" else None,
    )


def _arriving(pull: Mapping[str, Any], language: Language) -> ModelRow:
    say = phrases(PACKAGE, language)
    here, whole = (
        str(quantity(float(pull[key]), "B", language=language, digits=2))
        for key in ("arrived_bytes", "size_bytes")
    )
    return ModelRow(
        id=str(pull["name"]),
        name=str(pull["name"]),
        state="pulling",
        label=say["model_pulling"],
        detail=say["model_arrived"].format(here=here, whole=whole),
        served=False,
        progress_ratio=float(pull["arrived_bytes"]) / float(pull["size_bytes"]),
    )


def _now(engine: Mapping[str, Any], language: Language) -> str:
    """What a loaded model holds and does."""
    say = phrases(PACKAGE, language)
    held = float(engine.get("resident_bytes") or engine.get("needed_bytes") or 0)
    parts = [say["model_memory"].format(memory=quantity(held, "B", language=language, digits=2))]
    if engine.get("n_active"):
        speed = rate(float(engine["tokens_per_s"]), say["tokens_per_s"], language=language, digits=2)
        parts.append(say["model_at_work"].format(n=engine["n_active"], speed=speed))
    if engine.get("pinned"):
        parts.append(say["model_stays"])
    elif engine.get("unload_in_s") is not None:
        minutes = decimal(max(1.0, float(engine["unload_in_s"]) / 60), language=language, decimals=0)
        parts.append(say["model_leaves"].format(minutes=minutes))
    return " · ".join(parts)


def _expected(row: Mapping[str, Any] | None, language: Language) -> str:
    if row is None:
        return ""
    say = phrases(PACKAGE, language)
    needed = str(quantity(row["needed_bytes"], "B", language=language, digits=2))
    if not row["fits"]:
        missing = str(quantity(-row["headroom_bytes"], "B", language=language, digits=2))
        return say["fit_missing"].format(needed=needed, missing=missing)
    speed = rate(row["tokens_per_s"], say["tokens_per_s"], language=language, digits=2)
    energy = rate(row["j_per_token"], say["j_per_token"], language=language, digits=2)
    return f"≈ {speed} · {energy} · {needed}"
