"""The electricity of a zone: what a kilowatt-hour carries in grams, litres and euros.

Yearly means of the catalogue, life-cycle and location-based. Beside them, for France, the hourly profile of
*direct* emissions: what burns at that hour, without mining, building and dismantling. They are never added.
"""

from __future__ import annotations

import difflib
import functools
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from galerne.catalog import Catalog, ZoneFactor
from galerne.errors import NoSignal
from galerne.units import YEAR_S

USER_PRICE_SOURCE = "user-price"
"""Source key of a price that the user gave."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GridSignal:
    """What a kilowatt-hour carries, in one zone, for a while.

    Attributes:
        zone: id of the zone in the catalogue.
        at: instant it was asked for.
        duration_s: the time that the figures are a mean over.
        g_per_kwh: CO2e.
        l_per_kwh: water consumed by the power stations.
        eur_per_kwh: price.
        basis: ``lifecycle`` or ``direct`` emissions.
        kind: of the emissions: ``annual``, ``profile`` (by month and hour) or ``live``.
        year: of the emissions figure.
        sources: source key by field.
        as_of_at: instant that a live figure holds for; None for the others.
        direct_g_per_kwh: of what burns, beside the life cycle and never added to it; None where not known.
        market_g_per_kwh: of the user's contract, beside the location and never instead; None without one.
        price_kind: ``industrial`` (the zone's mean), ``fixed``, ``time-of-use`` or ``day-ahead``.
        missing: the live figure or price that was asked for and cannot be had now, and why; else empty.
    """

    zone: str
    at: float
    duration_s: float
    g_per_kwh: float
    l_per_kwh: float
    eur_per_kwh: float
    basis: str
    kind: str
    year: int
    sources: Mapping[str, str]
    as_of_at: float | None = None
    direct_g_per_kwh: float | None = None
    market_g_per_kwh: float | None = None
    price_kind: str = "industrial"
    missing: str = ""


def annual_signal(catalog: Catalog, zone: str, at: float, *, eur_per_kwh: float | None = None) -> GridSignal:
    """The yearly factors of a zone.

    Args:
        catalog: where the factors are.
        zone: two- or three-letter country code, or the zone's name.
        at: instant of the answer.
        eur_per_kwh: the user's own price; without it, the zone's industrial one.

    Raises:
        NoSignal: the zone is not known (names the nearest), or has no price and none was given.
        ValueError: the price is negative or not a number.
    """
    factor = find_zone(catalog, zone)
    if eur_per_kwh is not None and not eur_per_kwh >= 0:
        raise ValueError(f"a price is a number, not negative: {eur_per_kwh}")
    price = factor.eur_per_kwh if eur_per_kwh is None else eur_per_kwh
    if price is None:
        raise NoSignal(zone=factor.id, what="electricity price")
    sources = {field: catalog.source_of(factor, field).key for field in ("g_per_kwh", "l_per_kwh")}
    own_price = eur_per_kwh is not None
    sources["eur_per_kwh"] = USER_PRICE_SOURCE if own_price else catalog.source_of(factor, "eur_per_kwh").key
    return GridSignal(
        zone=factor.id,
        at=at,
        duration_s=YEAR_S,
        g_per_kwh=factor.g_per_kwh,
        l_per_kwh=factor.l_per_kwh,
        eur_per_kwh=price,
        basis="lifecycle",
        kind="annual",
        year=factor.year,
        sources=sources,
        price_kind="fixed" if own_price else "industrial",
    )


def find_zone(catalog: Catalog, zone: str) -> ZoneFactor:
    """A zone by its id, its three-letter code or its name; case and accents do not matter.

    Raises:
        NoSignal: there is none; names the nearest id.
    """
    names = _zone_ids_by_name(catalog)
    wanted = _plain(zone)
    if wanted in names:
        return catalog.zones[names[wanted]]
    near = difflib.get_close_matches(wanted, names, n=1)
    raise NoSignal(zone=zone, what="carbon figure", nearest=names[near[0]] if near else None)


@functools.lru_cache(maxsize=8)
def _zone_ids_by_name(catalog: Catalog) -> Mapping[str, str]:
    rows = catalog.zones.rows.values()
    by_name = {_plain(row.name): row.id for row in rows}
    by_iso3 = {_plain(row.iso3): row.id for row in rows if row.iso3}
    return {**by_name, **by_iso3, **{_plain(row.id): row.id for row in rows}}


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.strip())
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()
