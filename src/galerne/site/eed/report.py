"""The indicators of a year: what was metered or simulated, and what the operator says, become ratios.

Each says how it was had and how much of the year it covers. What is missing is named, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from galerne.catalog import Catalog
from galerne.site.eed.form import OperatorForm
from galerne.site.eed.indicators import IDENTITY, RATIOS, UNITS, EedReport, Indicator
from galerne.site.eed.label import LabelClass, label_class, label_limits
from galerne.site.eed.metered import Metered, MeteredQuantity
from galerne.site.eed.sources import degree_days


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
