"""The rows of the catalogue: facts of the trade, each number with its source.

A row is a frozen record. ``sources`` names the source of each number by field (``default`` for the others);
``spread`` holds the low and high of those given as a range. Field names carry units as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from galerne.spread import Spread


class Row(Protocol):
    """What every catalogue record has."""

    @property
    def id(self) -> str: ...  # noqa: D102  # the key of the row
    @property
    def sources(self) -> Mapping[str, str]: ...  # noqa: D102  # source key by field
    @property
    def spread(self) -> Mapping[str, Spread]: ...  # noqa: D102  # low and high by field


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where a number comes from.

    Attributes:
        quality: ``measured``, ``published``, ``derived`` or ``estimated``.
    """

    key: str
    title: str
    publisher: str
    url: str
    date: str
    quality: str
    licence: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """A single figure that belongs to no row: an exchange rate, a lifetime, a price."""

    id: str
    name: str
    value: float
    unit: str
    sources: Mapping[str, str]
    spread: Mapping[str, Spread] = field(default_factory=dict)
