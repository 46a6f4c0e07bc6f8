"""A plan as the planner page shows it: tiles with their ranges, shares, a day, what matters most.

All numbers and words come from ``POST /v1/site/plan``; here they only get a place on a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from galerne.chat.bill.receipt import Source

TILES = (
    ("output_eur", "cost"),
    ("output_co2_g", "co2"),
    ("output_water_l", "water"),
    ("peak_facility_w", "energy"),
    ("pue_ratio", "place"),
    ("n_accelerators", "machine"),
    ("n_racks", "machine"),
    ("accelerator_output_tokens_per_s", "speed"),
)
"""Figures of the tiles, each with its icon."""
SHARES = ("facility_w", "yearly_cost_eur", "yearly_co2_g")
SWINGS_SHOWN = 8
DAY_WIDTH, DAY_HEIGHT = 720.0, 180.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """A value with its range on a line from 0 to 100."""

    low: float
    at: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """One figure of one plan: value and range as text, and as a band; ``ratio`` over the other plan's."""

    value: str
    span: str
    band: Band
    ratio: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """A figure, and the same of the plan beside."""

    key: str
    icon: str
    name: str
    method: str
    method_label: str
    number: Number
    beside: Number | None
    sources: tuple[Source, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of a whole: where it starts and how wide it is, of 1000."""

    key: str
    name: str
    value: str
    x: float
    width: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A whole and its parts."""

    key: str
    total: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """The mean day as paths, and heights of what is written beside them."""

    it_path: str
    facility_path: str
    contracted_y: float
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SwingRow:
    """What one input does: bars of 100 either side of the best value."""

    name: str
    between: str
    eur: str
    co2: str
    eur_bar: tuple[float, float]
    co2_bar: tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A line of the table of all figures."""

    name: str
    number: Number
    beside: Number | None
    method_label: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanView:
    """All that the page shows of a plan.

    Attributes:
        sections: title and rows.
        growth: the years of the horizon as a table in words.
        scale: values that empty fields stand for.
    """

    name: str
    tiles: tuple[Tile, ...]
    shares: tuple[Share, ...]
    day: Day
    swings: tuple[SwingRow, ...]
    sections: tuple[tuple[str, tuple[Row, ...]], ...]
    warnings: tuple[str, ...]
    growth: Mapping[str, Any]
    stands_for: Mapping[str, str]
    n_samples: int


def view_plan(plan: Mapping[str, Any], beside: Mapping[str, Any] | None = None) -> PlanView:
    """The view of a plan.

    Args:
        plan: as the API gives it, in words too.
        beside: another to compare it with.
    """
    words = plan["words"]
    figures = {figure["name"]: figure for figure in plan["figures"]}
    others = {figure["name"]: figure for figure in beside["figures"]} if beside else {}
    rows = {name: _row(name, plan, beside, figures, others) for name in figures}
    return PlanView(
        name=plan["scenario"]["name"],
        tiles=tuple(_tile(key, icon, rows, figures) for key, icon in TILES),
        shares=tuple(_share(key, plan) for key in SHARES),
        day=_day(plan, figures["contracted_w"]["value"]),
        swings=tuple(_swings(plan, figures)),
        sections=tuple(
            (title, tuple(rows[name] for name in figures if words["figures"][name]["section"] == section))
            for section, title in words["sections"].items()
        ),
        warnings=tuple(words["warnings"]),
        growth=words["growth"],
        stands_for={
            "money.electricity_eur_per_kwh": f"{figures['electricity_eur_per_kwh']['value']:.3g}",
            "site.grid_g_per_kwh": f"{plan['chosen']['g_per_kwh']:.3g}",
        },
        n_samples=plan["scenario"]["n_samples"],
    )


def _row(
    name: str,
    plan: Mapping[str, Any],
    beside: Mapping[str, Any] | None,
    figures: Mapping[str, Any],
    others: Mapping[str, Any],
) -> Row:
    figure, other = figures[name], others.get(name)
    most = max(figure["high"], other["high"] if other else 0.0) or 1.0
    ratio = figure["value"] / other["value"] if other and other["value"] else None
    return Row(
        name=plan["words"]["figures"][name]["name"],
        number=_number(figure, plan["words"]["figures"][name], most, ratio),
        beside=_number(other, beside["words"]["figures"][name], most, None) if beside and other else None,
        method_label=plan["words"]["methods"][figure["method"]],
        sources=tuple(
            Source(title=plan["sources"][key]["title"], url=plan["sources"][key]["url"])
            for key in figure["deciding"]
        ),
    )


def _number(figure: Mapping[str, Any], words: Mapping[str, str], most: float, ratio: float | None) -> Number:
    low, at, high = (max(0.0, 100.0 * figure[end] / most) for end in ("low", "value", "high"))
    return Number(value=words["value"], span=words["span"], band=Band(low=low, at=at, high=high), ratio=ratio)


def _tile(key: str, icon: str, rows: Mapping[str, Row], figures: Mapping[str, Any]) -> Tile:
    row = rows[key]
    return Tile(
        key=key,
        icon=icon,
        name=row.name,
        method=figures[key]["method"],
        method_label=row.method_label,
        number=row.number,
        beside=row.beside,
        sources=row.sources,
    )


def _share(key: str, plan: Mapping[str, Any]) -> Share:
    values: Mapping[str, float] = plan["breakdown"][key]
    words = plan["words"]["breakdown"][key]
    total = sum(values.values()) or 1.0
    parts, x = [], 0.0
    for name, value in values.items():
        width = 1000.0 * max(value, 0.0) / total
        parts.append(Part(key=name, name=words[name]["name"], value=words[name]["value"], x=x, width=width))
        x += width
    return Share(key=key, total=plan["words"]["totals"][key], parts=tuple(parts))


def _day(plan: Mapping[str, Any], contracted_w: float) -> Day:
    it_w, facility_w = (_mean_day(plan["hours"][name]) for name in ("it_w", "facility_w"))
    top = 1.12 * max(contracted_w, *facility_w)

    def y(power_w: float) -> float:
        return DAY_HEIGHT * (1.0 - power_w / top)

    def path(values: Sequence[float]) -> str:
        step = DAY_WIDTH / 24.0
        points = " ".join(f"L{hour * step:.1f} {y(values[hour % 24]):.1f}" for hour in range(25))
        return f"M0 {DAY_HEIGHT:g} {points} L{DAY_WIDTH:g} {DAY_HEIGHT:g}Z"

    return Day(
        it_path=path(it_w),
        facility_path=path(facility_w),
        contracted_y=y(contracted_w),
        ticks=tuple((hour * DAY_WIDTH / 24.0, str(hour)) for hour in range(0, 25, 6)),
    )


def _mean_day(months: Sequence[Sequence[float]]) -> list[float]:
    return [sum(month[hour] for month in months) / len(months) for hour in range(24)]


def _swings(plan: Mapping[str, Any], figures: Mapping[str, Any]) -> list[SwingRow]:
    shown = list(zip(plan["tornado"], plan["words"]["tornado"], strict=True))[:SWINGS_SHOWN]
    rows = []
    widest = {
        unit: max(
            (
                abs(swing[f"{end}_{unit}"] - figures[f"output_{unit}"]["value"])
                for swing, _ in shown
                for end in ("low", "high")
            ),
            default=0.0,
        )
        or 1.0
        for unit in ("eur", "co2_g")
    }
    for swing, words in shown:
        bars = {}
        for unit in ("eur", "co2_g"):
            best = figures[f"output_{unit}"]["value"]
            ends = [swing[f"{end}_{unit}"] - best for end in ("low", "high")]
            bars[unit] = tuple(50.0 + 50.0 * end / widest[unit] for end in (min(*ends, 0.0), max(*ends, 0.0)))
        rows.append(
            SwingRow(
                name=words["name"],
                between=words["between"],
                eur=words["eur"],
                co2=words["co2"],
                eur_bar=(bars["eur"][0], bars["eur"][1]),
                co2_bar=(bars["co2_g"][0], bars["co2_g"][1]),
            )
        )
    return rows
