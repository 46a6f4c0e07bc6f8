"""Continental Europe, with the user's key: ENTSO-E's generation by type, and day-ahead prices."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from galerne.catalog import Catalog
from galerne.errors import NoSignal
from galerne.grid.fetch import Fetch
from galerne.grid.json_answer import instant_of, number_of
from galerne.grid.reading import GridReading, believed, fuel_factors, mix_g_per_kwh

URL = "https://web-api.tp.entsoe.eu/api"
AREAS = {
    "AT": "10YAT-APG------L", "BE": "10YBE----------2", "BG": "10YCA-BULGARIA-R", "CH": "10YCH-SWISSGRIDZ",
    "CZ": "10YCZ-CEPS-----N", "DE": "10Y1001A1001A83F", "DK": "10Y1001A1001A65H", "EE": "10Y1001A1001A39I",
    "ES": "10YES-REE------0", "FI": "10YFI-1--------U", "FR": "10YFR-RTE------C", "GR": "10YGR-HTSO-----Y",
    "HR": "10YHR-HEP------M", "HU": "10YHU-MAVIR----U", "IT": "10YIT-GRTN-----B", "LT": "10YLT-1001A0008Q",
    "LV": "10YLV-1001A00074", "NL": "10YNL----------L", "NO": "10YNO-0--------C", "PL": "10YPL-AREA-----S",
    "PT": "10YPT-REN------W", "RO": "10YRO-TEL------P", "SE": "10YSE-1--------K", "SI": "10YSI-ELES-----O",
    "SK": "10YSK-SEPS-----K",
}  # fmt: skip
"""Control areas of generation by zone."""
PRICE_AREAS = {
    **{zone: area for zone, area in AREAS.items() if zone not in {"DE", "DK", "IT", "NO", "SE"}},
    "DE": "10Y1001A1001A82H",
    "IE": "10Y1001A1001A59C",
    "LU": "10Y1001A1001A82H",
    "DK1": "10YDK-1--------W", "DK2": "10YDK-2--------M", "IT-North": "10Y1001A1001A73I",
    "NO1": "10YNO-1--------2", "NO2": "10YNO-2--------T", "NO3": "10YNO-3--------J",
    "NO4": "10YNO-4--------9",
    "SE1": "10Y1001A1001A44P", "SE2": "10Y1001A1001A45N", "SE3": "10Y1001A1001A46L",
    "SE4": "10Y1001A1001A47J",
}  # fmt: skip
"""Areas of prices by bidding zone, which is the country's where it has one price."""
BIDDING_ZONES = {
    **{area: (area,) for area in PRICE_AREAS if len(area) == len("FR")},
    "DK": ("DK1", "DK2"),
    "IT": ("IT-North",),
    "NO": ("NO1", "NO2", "NO3", "NO4"),
    "SE": ("SE1", "SE2", "SE3", "SE4"),
}
"""Bidding zones by zone of the catalogue."""
FUELS = {
    "B01": "biomass", "B02": "coal", "B03": "gas", "B04": "gas", "B05": "coal", "B06": "oil", "B07": "oil",
    "B08": "coal", "B09": "geothermal", "B10": "hydro", "B11": "hydro", "B12": "hydro", "B14": "nuclear",
    "B16": "solar", "B17": "biomass", "B18": "wind", "B19": "wind",
}  # fmt: skip
"""Production types; others are of no known fuel."""
RESOLUTIONS_S = {"PT15M": 900.0, "PT30M": 1800.0, "PT60M": 3600.0, "PT1H": 3600.0}
LOOK_BACK_S = 12 * 3600.0
MOST_POINTS = 10_000
WHOLE_RATIO = 0.9
"""Share of the production types that must have reported an instant for it to count."""


class EntsoeSource:
    """The newest generation that nearly all types of a zone have reported; imports are not in it."""

    name = "entsoe"
    fresh_s = 6 * 3600.0

    def __init__(self, fetch: Fetch, catalog: Catalog, *, key: str) -> None:
        self._fetch = fetch
        self._catalog = catalog
        self._key = key

    def serves(self, zone: str) -> bool:
        """The zones whose area is known here."""
        return zone in AREAS

    def read(self, zone: str, *, at: float) -> GridReading:
        """Generation of the last hours, by type."""
        query = {"documentType": "A75", "processType": "A16", "in_Domain": AREAS[zone]}
        span = {"periodStart": _written(at - LOOK_BACK_S), "periodEnd": _written(at)}
        body = self._fetch(URL, zone=zone, params={**query, **span, "securityToken": self._key}, headers={})
        with _refusing_nonsense(zone):
            as_of_at, amounts = _newest(_generation(body))
            reading = GridReading(
                zone=zone,
                as_of_at=as_of_at,
                g_per_kwh=mix_g_per_kwh(amounts, fuel_factors(self._catalog)),
                direct_g_per_kwh=None,
                source="entsoe-live",
            )
        return believed(reading, at=at)


def day_ahead_eur_per_kwh(fetch: Fetch, *, zone: str, area: str, key: str, at: float) -> dict[float, float]:
    """Prices of the day around an instant and of the next, by the beginning of each quarter or hour.

    Raises:
        NoSignal: the service does not give them.
    """
    query = {"documentType": "A44", "in_Domain": area, "out_Domain": area}
    span = {"periodStart": _written(at - 86400.0), "periodEnd": _written(at + 2 * 86400.0)}
    body = fetch(URL, zone=zone, params={**query, **span, "securityToken": key}, headers={})
    with _refusing_nonsense(zone):
        prices: dict[float, float] = {}
        for series in _series(body):
            if (
                _text(series, "currency_Unit.name") != "EUR"
                or _text(series, "price_Measure_Unit.name") != "MWH"
            ):
                raise ValueError("not euros per MWh")
            points = _points(series, "price.amount")
            prices |= {start: price / 1000.0 for start, price in points.items() if start not in prices}
        if not prices:
            raise ValueError("no price at all")
        return prices


@contextlib.contextmanager
def _refusing_nonsense(zone: str) -> Iterator[None]:
    try:
        yield
    except (
        ArithmeticError,
        DefusedXmlException,
        LookupError,
        ParseError,
        RecursionError,
        ValueError,
    ) as error:
        why = f"the answer of entsoe cannot be read ({type(error).__name__})"
        raise NoSignal(zone=zone, what="live signal", why=why) from None


def _generation(body: bytes) -> dict[str, dict[float, float]]:
    """Power by type and instant; several series of one type, such as the rivers of two areas, add up."""
    found: dict[str, dict[float, float]] = {}
    for series in _series(body):
        if _child(series, "inBiddingZone_Domain.mRID") is None:
            continue  # what pumps and plants consume themselves
        fuel = FUELS.get(_text(series, "psrType"), _text(series, "psrType"))
        total = found.setdefault(fuel, {})
        for start, power in _points(series, "quantity").items():
            total[start] = total.get(start, 0.0) + power
    return found


def _newest(generation: Mapping[str, Mapping[float, float]]) -> tuple[float, dict[str, float]]:
    instants = sorted({start for series in generation.values() for start in series}, reverse=True)
    for instant in instants:
        amounts = {fuel: series[instant] for fuel, series in generation.items() if instant in series}
        if len(amounts) >= WHOLE_RATIO * len(generation):
            return instant, amounts
    raise ValueError("no instant that nearly all have reported")


def _series(body: bytes) -> list[Element]:
    return [element for element in fromstring(body) if _name(element) == "TimeSeries"]


def _points(series: Element, value_name: str) -> dict[float, float]:
    """Values by instant. A position that is left out repeats the one before it."""
    found: dict[float, float] = {}
    for period in (element for element in series if _name(element) == "Period"):
        start_at, end_at = instant_of(_text(period, "start")), instant_of(_text(period, "end"))
        step_s = RESOLUTIONS_S[_text(period, "resolution")]
        n_points = round((end_at - start_at) / step_s)
        if not 0 < n_points <= MOST_POINTS:
            raise ValueError("a period of impossible length")
        given = {
            int(_text(point, "position")): number_of(float(_text(point, value_name)))
            for point in period
            if _name(point) == "Point"
        }
        last: float | None = None
        for position in range(1, n_points + 1):
            last = given.get(position, last)
            if last is not None:
                found[start_at + (position - 1) * step_s] = last
    return found


def _text(element: Element, name: str) -> str:
    child = _child(element, name)
    if child is None or not child.text:
        raise ValueError(f"there is no {name}")
    return child.text.strip()


def _child(element: Element, name: str) -> Element | None:
    return next((child for child in element.iter() if _name(child) == name), None)


def _name(element: Element) -> str:
    """The name without its namespace, whose version changes."""
    return str(element.tag).rpartition("}")[2]


def _written(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y%m%d%H00")
