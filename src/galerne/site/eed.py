"""The operator's yearly report: the energy-efficiency indicators of Delegated Regulation (EU) 2024/1364.

Metered or simulated energy and what the operator says once in a file become the indicators, each with how it
was had and how much of the year it covers. What is missing is named, never guessed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from galerne.catalog import Catalog
from galerne.errors import InvalidScenario
from galerne.site.climate import read_weather
from galerne.site.degree_days import cooling_degree_days
from galerne.site.history import History
from galerne.site.label import LabelClass, label_class, label_limits
from galerne.site.metered import Metered, MeteredQuantity
from galerne.site.plan import SitePlan
from galerne.units import KWH_J, YEAR_S

REGULATION = "eu-2024-1364"

UNITS: Mapping[str, str] = {
    "P_DIT": "kW",
    "S_DC": "m²",
    "S_CR": "m²",
    "E_DC": "kWh",
    "E_DC_BG": "kWh",
    "E_IT": "kWh",
    "E_COOL": "kWh",
    "Q_COOL": "kWh",
    "W_IN": "m³",
    "W_IN_POT": "m³",
    "W_IN_FRE": "m³",
    "E_REUSE": "kWh",
    "T_WH": "°C",
    "T_IN": "°C",
    "CDD": "K·d",
    "E_RES_GOO": "kWh",
    "E_RES_PPA": "kWh",
    "E_RES_OS": "kWh",
    "E_RES_TOT": "kWh",
    "C_SERV": "SERT",
    "C_STOR": "TB",
    "B_IN": "Gbit/s",
    "B_OUT": "Gbit/s",
    "T_TRAFFIC_IN": "EB",
    "T_TRAFFIC_OUT": "EB",
    "PUE": "1",
    "WUE": "m³/MWh",
    "ERF": "1",
    "REF": "1",
    "CER": "1",
    "CUE": "g/kWh",
}
"""Every indicator in the order of the report, with its unit. Ratios stand last."""

RATIOS = ("PUE", "WUE", "ERF", "REF", "CER", "CUE")
IDENTITY = (
    "name",
    "owner",
    "operator",
    "municipality_code",
    "type",
    "in_operation_since",
    "power_redundancy",
    "cooling_redundancy",
)
"""What the first annex asks and no meter knows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Indicator:
    """One indicator.

    Attributes:
        value: None where it is missing.
        method: ``measured``, ``derived``, ``modelled``, ``declared`` or ``missing``.
        completeness_ratio: share of the year that it covers.
        note: what it was made from, or what would give it.
    """

    symbol: str
    value: float | None
    unit: str
    method: str
    completeness_ratio: float
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredMeter:
    """A line of the meter register.

    Attributes:
        quantity: symbol that it measures.
        place: where it sits, such as the output of the UPS.
    """

    id: str
    quantity: str
    place: str
    accuracy_class: str = ""
    calibrated: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorForm:
    """What the operator says once.

    Attributes:
        identity: keys of ``IDENTITY``.
        declared: indicators that no meter here gives, by symbol.
        meters: the register.
        place: id of a place whose climate is the site's, for its cooling degree days; may be empty.
    """

    identity: Mapping[str, str]
    declared: Mapping[str, float]
    meters: tuple[RegisteredMeter, ...]
    place: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EedReport:
    """A year's report.

    Attributes:
        basis: ``metered``, ``ledger`` or ``simulated``.
        to_fill: keys of the operator's file that are still missing.
        completeness_ratio: of the ratios, the least.
        label: preview of the European label, of the indicators that are known.
    """

    year: int
    basis: str
    identity: Mapping[str, str]
    indicators: tuple[Indicator, ...]
    meters: tuple[RegisteredMeter, ...]
    to_fill: tuple[str, ...]
    completeness_ratio: float
    label: tuple[LabelClass, ...] = ()
    source: str = REGULATION

    def value(self, symbol: str) -> float | None:
        """The value of an indicator."""
        return next(row.value for row in self.indicators if row.symbol == symbol)


def read_form(text: str) -> OperatorForm:
    """Read the operator's file.

    Raises:
        InvalidScenario: not TOML, or a key that is not known or not of its type.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidScenario(path="form", problem=str(error)) from error
    _refuse(tables, {"identity", "declared", "meters", "place"}, "form")
    identity, declared = tables.get("identity", {}), tables.get("declared", {})
    place = tables.get("place", "")
    if not isinstance(place, str):
        raise InvalidScenario(path="place", problem=f"expected the id of a place, found {place!r}")
    _refuse(identity, set(IDENTITY), "identity")
    _refuse(declared, set(UNITS) - set(RATIOS), "declared")
    for name, value in identity.items():
        if not isinstance(value, str):
            raise InvalidScenario(path=f"identity.{name}", problem=f"expected text, found {value!r}")
    for name, value in declared.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            problem = f"expected a number from 0 up, found {value!r}"
            raise InvalidScenario(path=f"declared.{name}", problem=problem)
    meters = []
    for number, row in enumerate(tables.get("meters", [])):
        _refuse(row, {"id", "quantity", "place", "accuracy_class", "calibrated"}, f"meters[{number}]")
        if row.get("quantity") not in UNITS:
            problem = f"expected one of {', '.join(UNITS)}, found {row.get('quantity')!r}"
            raise InvalidScenario(path=f"meters[{number}].quantity", problem=problem)
        try:
            meters.append(RegisteredMeter(**row))
        except TypeError as error:
            raise InvalidScenario(path=f"meters[{number}]", problem=str(error)) from error
    return OperatorForm(
        identity=identity,
        declared={k: float(v) for k, v in declared.items()},
        meters=tuple(meters),
        place=place,
    )


def _refuse(table: Any, known: set[str], path: str) -> None:
    if not isinstance(table, dict):
        raise InvalidScenario(path=path, problem="expected a table")
    unknown = sorted(set(table) - known)
    if unknown:
        problem = f"unknown key; keys: {', '.join(sorted(known))}"
        raise InvalidScenario(path=f"{path}.{unknown[0]}", problem=problem)


def metered_from_ledger(history: History, *, year: int, pue_ratio: float | None) -> Metered:
    """IT energy of a year from the ledger's meters; the building's only where its PUE is declared.

    Args:
        history: of that year.
        year: calendar year.
        pue_ratio: of the place, as the owner says it; None where nothing is known.
    """
    covered_s = sum((s.ended_at - s.started_at) * s.coverage_ratio for s in history.stretches)
    it_kwh = sum(s.it_j for s in history.stretches) / KWH_J
    methods = {s.method for s in history.stretches}
    method = next((m for m in ("modelled", "derived", "measured") if m in methods), "missing")
    completeness = min(1.0, covered_s / YEAR_S)
    quantities: dict[str, MeteredQuantity] = {}
    if history.stretches:
        quantities["E_IT"] = MeteredQuantity(
            value=it_kwh, method=method, completeness_ratio=completeness, note="sum of the ledger's meters"
        )
        if pue_ratio is not None:
            note = f"E_IT × the declared PUE of {pue_ratio:g}"
            quantities["E_DC"] = MeteredQuantity(
                value=it_kwh * pue_ratio, method="derived", completeness_ratio=completeness, note=note
            )
    return Metered(year=year, basis="ledger", quantities=quantities)


def metered_from_plan(plan: SitePlan, *, year: int, catalog: Catalog) -> Metered:
    """A simulated year: what the meters of a planned site would count."""

    def kwh(name: str) -> float:
        return plan.figures[name].value / KWH_J

    it_kwh = plan.figures["mean_it_w"].value * YEAR_S / KWH_J
    cooling_kwh = plan.breakdown_w["cooling"] * YEAR_S / KWH_J
    values = {
        "P_DIT": plan.figures["rated_it_w"].value / 1e3,
        "E_DC": kwh("facility_j"),
        "E_IT": it_kwh,
        "E_COOL": cooling_kwh,
        "Q_COOL": it_kwh + plan.breakdown_w["losses"] * YEAR_S / KWH_J,
        "W_IN": plan.figures["onsite_water_l"].value / 1e3,
        "E_REUSE": kwh("reused_j") if "reused_j" in plan.figures else 0.0,
    }
    note = f"plan {plan.scenario.fingerprint}"
    return Metered(
        year=year,
        basis="simulated",
        quantities={
            symbol: MeteredQuantity(value=value, method="modelled", completeness_ratio=1.0, note=note)
            for symbol, value in values.items()
        }
        | {"CDD": degree_days(catalog, plan.place.id)},
    )


def degree_days(catalog: Catalog, place_id: str) -> MeteredQuantity:
    """Cooling degree days of a place, from its normals.

    Raises:
        UnknownId: there is no such place.
    """
    return MeteredQuantity(
        value=cooling_degree_days(read_weather(catalog.places[place_id])),
        method="modelled",
        completeness_ratio=1.0,
        note=f"normals of {place_id}, as Eurostat counts",
    )


def make_report(
    metered: Metered, form: OperatorForm, *, grid_g_per_kwh: float | None, catalog: Catalog
) -> EedReport:
    """The report of a year.

    Args:
        metered: what meters, the ledger or a plan give.
        form: what the operator says.
        grid_g_per_kwh: carbon of the site's electricity, for CUE; None where it is not known.
        catalog: climates and the limits of the label's classes.

    Raises:
        UnknownId: the form names a place that is not known.
    """
    known = dict(metered.quantities)
    if form.place and "CDD" not in known:
        known["CDD"] = degree_days(catalog, form.place)
    for symbol, value in form.declared.items():
        if symbol not in known:
            known[symbol] = MeteredQuantity(
                value=value, method="declared", completeness_ratio=1.0, note="operator's file"
            )
    guarantees = [known[s] for s in ("E_RES_GOO", "E_RES_PPA", "E_RES_OS") if s in known]
    if guarantees and "E_RES_TOT" not in known:
        known["E_RES_TOT"] = MeteredQuantity(
            value=sum(q.value for q in guarantees),
            method="derived",
            completeness_ratio=min(q.completeness_ratio for q in guarantees),
            note="E_RES_GOO + E_RES_PPA + E_RES_OS",
        )
    indicators = [_plain(symbol, known.get(symbol)) for symbol in UNITS if symbol not in RATIOS]
    indicators += _ratios(known, grid_g_per_kwh)
    to_fill = tuple(f"identity.{key}" for key in IDENTITY if not form.identity.get(key))
    to_ask = [row.symbol for row in indicators if row.symbol not in (*RATIOS, "E_RES_TOT")]
    to_fill += tuple(f"declared.{symbol}" for symbol in to_ask if symbol not in known)
    registered = {meter.quantity for meter in form.meters}
    measured = [row.symbol for row in indicators if row.method == "measured" and metered.basis == "metered"]
    to_fill += tuple(f"meters.{symbol}" for symbol in measured if symbol not in registered)
    return EedReport(
        year=metered.year,
        basis=metered.basis,
        identity=form.identity,
        indicators=tuple(indicators),
        meters=form.meters,
        to_fill=to_fill,
        completeness_ratio=min(row.completeness_ratio for row in indicators if row.symbol in RATIOS),
        label=tuple(_label(known, catalog)),
    )


def _label(known: Mapping[str, MeteredQuantity], catalog: Catalog) -> Iterable[LabelClass]:
    """Classes of what is known; water is fresh water, or all of it where that was not metered apart."""
    limits = label_limits(catalog)
    it_kwh = known["E_IT"].value if "E_IT" in known else 0.0
    if not it_kwh:
        return
    if "E_DC" in known:
        pue = known["E_DC"].value / it_kwh
        yield label_class(limits["PUE"], symbol="PUE", value=pue, note="E_DC / E_IT")
    water = next((name for name in ("W_IN_FRE", "W_IN") if name in known), None)
    if water:
        wue = 1e3 * known[water].value / it_kwh
        yield label_class(limits["WUE"], symbol="WUE", value=wue, note=f"{water} / E_IT")


def _plain(symbol: str, quantity: MeteredQuantity | None) -> Indicator:
    if quantity is None:
        note = f"declared.{symbol} in the operator's file, or a meter"
        return _missing(symbol, note)
    return Indicator(
        symbol=symbol,
        value=quantity.value,
        unit=UNITS[symbol],
        method=quantity.method,
        completeness_ratio=quantity.completeness_ratio,
        note=quantity.note,
    )


def _missing(symbol: str, note: str) -> Indicator:
    return Indicator(
        symbol=symbol, value=None, unit=UNITS[symbol], method="missing", completeness_ratio=0.0, note=note
    )


def _ratios(known: Mapping[str, MeteredQuantity], grid_g_per_kwh: float | None) -> Iterable[Indicator]:
    """PUE = E_DC / E_IT, WUE = W_IN / E_IT, ERF = E_REUSE / E_DC, REF = E_RES / E_DC, CER = Q / E_cooling."""
    for symbol, over, under, scale in (
        ("PUE", "E_DC", "E_IT", 1.0),
        ("WUE", "W_IN", "E_IT", 1e3),
        ("ERF", "E_REUSE", "E_DC", 1.0),
        ("REF", "E_RES_TOT", "E_DC", 1.0),
        ("CER", "Q_COOL", "E_COOL", 1.0),
    ):
        if over not in known or under not in known or not known[under].value:
            missing = " and ".join(name for name in (over, under) if name not in known) or f"{under} above 0"
            yield _missing(symbol, f"needs {missing}")
            continue
        parts = (known[over], known[under])
        yield Indicator(
            symbol=symbol,
            value=scale * parts[0].value / parts[1].value,
            unit=UNITS[symbol],
            method=_weakest(part.method for part in parts),
            completeness_ratio=min(part.completeness_ratio for part in parts),
            note=f"{over} / {under}",
        )
    pue = [known[name] for name in ("E_DC", "E_IT") if name in known]
    if grid_g_per_kwh is None or len(pue) < 2 or not pue[1].value:
        yield _missing("CUE", "needs E_DC, E_IT and the carbon of the grid")
        return
    yield Indicator(
        symbol="CUE",
        value=grid_g_per_kwh * pue[0].value / pue[1].value,
        unit=UNITS["CUE"],
        method=_weakest(["derived", *(part.method for part in pue)]),
        completeness_ratio=min(part.completeness_ratio for part in pue),
        note=f"{grid_g_per_kwh:g} g/kWh × E_DC / E_IT, location-based",
    )


def _weakest(methods: Iterable[str]) -> str:
    order = ("measured", "derived", "declared", "modelled")
    weakest = max(methods, key=order.index)
    return "derived" if weakest == "measured" else weakest
