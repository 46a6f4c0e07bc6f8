"""What the operator asks for each model, read from a small TOML file."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from galerne.errors import InvalidTariff
from galerne.ledger.records import PriceFactors
from galerne.units import YEAR_S

DEFAULT = "default"
PER_MILLION = 1e6
_KEYS: Mapping[str, Mapping[str, tuple[float | None, float, float]]] = {
    "fixed": {
        "input_eur_per_million_tokens": (None, 0.0, 1e6),
        "cached_eur_per_million_tokens": (math.nan, 0.0, 1e6),
        "output_eur_per_million_tokens": (None, 0.0, 1e6),
    },
    "cost-plus": {
        "hardware_eur": (None, 0.0, 1e9),
        "life_years": (None, 0.1, 50.0),
        "utilisation_ratio": (None, 0.001, 1.0),
        "margin_ratio": (0.0, 0.0, 100.0),
    },
}
"""Keys by kind, each with its default (None: it must be given), least and most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceBook:
    """Prices by model."""

    by_model: Mapping[str, PriceFactors] = field(default_factory=dict)

    def of(self, model_id: str) -> PriceFactors | None:
        """The price of a model; that of ``default`` where it has none of its own; else None."""
        return self.by_model.get(model_id) or self.by_model.get(DEFAULT)


def read_prices(path: Path) -> PriceBook:
    """Read a file of prices: one table per model id, and ``default`` for the others.

    Raises:
        InvalidTariff: it cannot be read; names the key.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidTariff(path=str(path), problem=str(error)) from error
    return PriceBook(by_model={name: _price(table, f"{path}#{name}") for name, table in tables.items()})


def _price(table: Any, path: str) -> PriceFactors:
    if not isinstance(table, dict):
        raise InvalidTariff(path=path, problem="write one table for each model")
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in _KEYS:
        raise InvalidTariff(path=f"{path}.kind", problem=f"one of {', '.join(_KEYS)}, not {kind!r}")
    known = _KEYS[kind]
    for key in sorted(set(table) - set(known) - {"kind", "source"}):
        raise InvalidTariff(path=f"{path}.{key}", problem=f"unknown key; known are {', '.join(known)}")
    source = table.get("source")
    if not isinstance(source, str) or not source.strip():
        raise InvalidTariff(path=f"{path}.source", problem="say where the price comes from")
    values = {key: _value(table, key, bounds, path) for key, bounds in known.items()}
    if kind == "fixed":
        read, cached, written = values.values()
        return PriceFactors(
            kind=kind,
            source=source,
            input_eur_per_token=read / PER_MILLION,
            cached_eur_per_token=(read if math.isnan(cached) else cached) / PER_MILLION,
            output_eur_per_token=written / PER_MILLION,
        )
    used_s = values["life_years"] * YEAR_S * values["utilisation_ratio"]
    return PriceFactors(
        kind=kind,
        source=source,
        hardware_eur_per_s=values["hardware_eur"] / used_s,
        margin_ratio=values["margin_ratio"],
    )


def _value(table: Mapping[str, Any], key: str, bounds: tuple[float | None, float, float], path: str) -> float:
    default, least, most = bounds
    value = table.get(key, default)
    if value is default and value is not None:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        problem = f"a number from {least:g} to {most:g} is needed, not {value!r}"
        raise InvalidTariff(path=f"{path}.{key}", problem=problem)
    return float(value)
