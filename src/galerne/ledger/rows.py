"""Records to rows and back. A row read is the record that was written, to the last bit."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from galerne.energy import FacilityFactors
from galerne.generation import FinishReason, Usage
from galerne.ledger.records import (
    AccountEntry,
    Answer,
    Factors,
    GridFactors,
    MachineFactors,
    PriceFactors,
    Settlement,
)
from galerne.units import HOUR_S

DAY_S = 24 * HOUR_S
"""Reports count UTC days."""

_USAGE = tuple(field.name for field in dataclasses.fields(Usage))
_SETTLEMENT = tuple(field.name for field in dataclasses.fields(Settlement))
_ENTRY = tuple(field.name for field in dataclasses.fields(AccountEntry))


_recent_factors: deque[tuple[Factors, dict[str, Any]]] = deque(maxlen=8)
"""The rows of the last different factors: thousands of answers in a row share one."""


def factors_row(factors: Factors) -> dict[str, Any]:
    """Factors under the hash of their contents."""
    for known, row in tuple(_recent_factors):
        if known is factors or known == factors:
            return dict(row)
    row = _factors_row(factors)
    _recent_factors.append((factors, row))
    return dict(row)


def _factors_row(factors: Factors) -> dict[str, Any]:
    contents = json.dumps(_frozen(factors), sort_keys=True, separators=(",", ":"))
    return {"factors_id": factors_digest(contents), "contents": contents}


def _frozen(factors: Factors) -> dict[str, Any]:
    """Everything but what an answer does not have: factors frozen before it was known keep their hash."""
    frozen = dataclasses.asdict(factors)
    for name in ("as_of_at", "direct_g_per_kwh", "market_g_per_kwh", "price_kind"):
        if frozen["grid"][name] is None:
            del frozen["grid"][name]
    for name in ("idle_w", "idle_method", "idle_source"):
        if frozen["machine"][name] is None:
            del frozen["machine"][name]
    if frozen["price"] is None:
        del frozen["price"]
    return frozen


def factors_digest(contents: str) -> str:
    """The id of factors: 128 bits of the hash of their contents."""
    return hashlib.sha256(contents.encode()).hexdigest()[:32]


@functools.lru_cache(maxsize=64)
def factors_of(contents: str) -> Factors:
    """Factors as they were frozen."""
    loaded = json.loads(contents)
    low, high = loaded["interval_ratio"]
    return Factors(
        place=loaded["place"],
        facility=FacilityFactors(**loaded["facility"]),
        grid=GridFactors(**loaded["grid"]),
        machine=MachineFactors(**loaded["machine"]),
        interval_ratio=(low, high),
        price=PriceFactors(**loaded["price"]) if loaded.get("price") else None,
    )


def answer_row(answer: Answer, *, factors_id: str) -> dict[str, Any]:
    """An answer beside its factors' row."""
    return {
        "answer_id": answer.answer_id,
        "request_id": answer.request_id,
        "key_id": answer.key_id,
        "node_id": answer.node_id,
        "model_id": answer.model_id,
        **{name: getattr(answer.usage, name) for name in _USAGE},
        "finish_reason": answer.finish_reason.value,
        "at": answer.at,
        "day": int(answer.at // DAY_S),
        "factors_id": factors_id,
    }


def answer_of(row: Mapping[Any, Any]) -> Answer:
    """An answer from its row joined with its factors' contents."""
    return Answer(
        answer_id=row["answer_id"],
        request_id=row["request_id"],
        key_id=row["key_id"],
        node_id=row["node_id"],
        model_id=row["model_id"],
        usage=Usage(**{name: row[name] for name in _USAGE}),
        finish_reason=FinishReason(row["finish_reason"]),
        at=row["at"],
        factors=factors_of(row["contents"]),
    )


def settlement_row(settlement: Settlement) -> dict[str, Any]:
    """A settlement."""
    return {name: getattr(settlement, name) for name in _SETTLEMENT}


def settlement_of(row: Mapping[Any, Any]) -> Settlement:
    """A settlement from its row."""
    return Settlement(**{name: row[name] for name in _SETTLEMENT})


def entry_row(entry: AccountEntry) -> dict[str, Any]:
    """An account entry."""
    return {name: getattr(entry, name) for name in _ENTRY}


def entry_of(row: Mapping[Any, Any]) -> AccountEntry:
    """An account entry from its row."""
    return AccountEntry(**{name: row[name] for name in _ENTRY})
