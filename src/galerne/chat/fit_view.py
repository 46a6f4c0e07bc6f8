"""What fits on this machine, in words: the models served here, those that could be, those that could not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from galerne.chat.figures import quantity, rate
from galerne.chat.receipt_view import PACKAGE
from galerne.language import Language, phrases


@dataclass(frozen=True, kw_only=True, slots=True)
class FitRow:
    """A model as a person chooses it.

    Attributes:
        state: ``served``, ``fits`` or ``too_large``.
        detail: expected speed and energy, or what is missing; modelled.
    """

    name: str
    state: str
    label: str
    detail: str


def view_fits(
    fits: Mapping[str, Any], models: Sequence[Mapping[str, Any]], *, language: Language
) -> tuple[FitRow, ...]:
    """Served models first, then what fits, the fastest first, then what does not."""
    say = phrases(PACKAGE, language)
    served = {str(entry["id"]): str(entry.get("name") or entry["id"]) for entry in models}
    best: dict[str, Mapping[str, Any]] = {}
    for row in fits.get("data", ()):  # one format of each: the fastest that fits
        known = best.get(row["model_id"])
        if known is None or (row["fits"], row["tokens_per_s"]) > (known["fits"], known["tokens_per_s"]):
            best[row["model_id"]] = row
    rows = [
        (
            0,
            0.0,
            FitRow(
                name=name, state="served", label=say["fit_served"], detail=_detail(best.get(key), language)
            ),
        )
        for key, name in served.items()
    ]
    for key, row in best.items():
        if key in served:
            continue
        state = "fits" if row["fits"] else "too_large"
        view = FitRow(
            name=str(row["model_name"]), state=state, label=say[f"fit_{state}"], detail=_detail(row, language)
        )
        rows.append((1 if row["fits"] else 2, -float(row["tokens_per_s"]), view))
    return tuple(view for _, _, view in sorted(rows, key=lambda entry: entry[:2]))


def _detail(row: Mapping[str, Any] | None, language: Language) -> str:
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
