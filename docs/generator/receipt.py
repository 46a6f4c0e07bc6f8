"""The receipt, field by field: what each means and its unit."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.generator.docstrings import attributes
from docs.generator.markdown import code, page, summary, table
from docs.generator.units import unit_of
from galerne.api.wire.receipt import ReceiptBody, SourcedReceiptBody
from galerne.energy import FacilityFactors
from galerne.generation import Usage
from galerne.ledger import GridFactors, Settlement
from galerne.units import SUFFIXES

RECORDS = {"": Settlement, "place.": FacilityFactors, "grid.": GridFactors, "timing.": Usage}
"""Whose docstring explains a field that the wire leaves to its name, by the path before it."""

MEANINGS = {
    "id": "Of the answer and its receipt; also in the `galerne-receipt` header.",
    "place.name": "What the owner calls the place the machine stands in.",
    "grid.zone": "Grid zone whose factors these are.",
    "grid.g_per_kwh": "CO2e of a kilowatt-hour.",
    "grid.l_per_kwh": "Water that the power stations consume for a kilowatt-hour.",
    "timing.first_token_s": "From the request to the first token, queue included.",
    "timing.tokens_per_s": "Speed after the first token.",
    "model": "Which model answered.",
    "prompt_tokens": "Tokens of the whole prompt, cached ones included.",
    "completion_tokens": "Tokens generated.",
    "at": "When the answer ended.",
    "sources": "Where each factor comes from, by field.",
    "sources.<field>.key": "Key in the [catalogue](catalogue.md).",
    "sources.<field>.title": "Title of the source.",
    "sources.<field>.url": "Where it can be read.",
}
"""The rest, where neither the wire nor a record has a note."""


def receipt_fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every field of a receipt by its path, groups before what is in them."""
    for name, field in model.model_fields.items():
        path = prefix + name
        inner = _without_none(field.annotation)
        if typing.get_origin(inner) is dict:
            yield path, field
            inner, path = typing.get_args(inner)[1], f"{path}.<field>"
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from receipt_fields(inner, f"{path}.")
        elif path == prefix + name:
            yield path, field


def _without_none(annotation: Any) -> Any:
    """What a field is when it is there; of a body and one with more in it, the latter."""
    kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
    if kinds and all(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds):
        return max(kinds, key=lambda kind: len(kind.model_fields))
    return kinds[0] if len(kinds) == 1 else annotation


def meaning(path: str, field: FieldInfo) -> str:
    """What a field says; a field without a meaning stops the generator."""
    prefix, _, name = path.rpartition(".")
    prefix = f"{prefix}." if prefix else ""
    record = RECORDS.get(prefix)
    note = field.description or MEANINGS.get(path) or (attributes(record).get(name) if record else None)
    if not note:
        raise LookupError(f"nobody says what {path} of the receipt means: describe it in api/wire/receipt.py")
    return note[0].upper() + note[1:]


def unit(path: str) -> str:
    """The unit of a field in a word or two, by its own name or that of the group it is in."""
    whole = next((found for part in reversed(path.split(".")) if (found := unit_of(part))), "")
    if whole == SUFFIXES["_ratio"]:
        return "ratio"
    return whole.split(" (")[0].removesuffix(", as published")


def receipt_page() -> str:
    """``receipt.md``."""
    common = dict(receipt_fields(ReceiptBody))
    more = {path: field for path, field in receipt_fields(SourcedReceiptBody) if path not in common}
    header = ("Field", "Unit", "Meaning")
    return page(
        "The receipt",
        f"{summary(ReceiptBody)} It stands in `usage.galerne` of every answer and at "
        "`GET /v1/receipts/{id}`, which gives its latest revision. How the figures come about: "
        "[attribution](../methods/attribution.md) and [impact](../methods/impact.md).",
        table(header, _rows(common)),
        "## With its sources",
        "`GET /v1/receipts/{id}` adds:",
        table(header, _rows(more)),
        "## Life of a receipt",
        "Revision 1 is written when the answer ends and is `provisional`: the meter's window is still open. "
        "The next revision is `final`. Nothing is rewritten: both stay in the ledger, and the factors in "
        "`grid` and `place` are those of the moment the answer ended, for ever.",
    )


def _rows(fields: dict[str, FieldInfo]) -> Iterator[tuple[str, str, str]]:
    for path, field in fields.items():
        yield code(path), unit(path), meaning(path, field)
