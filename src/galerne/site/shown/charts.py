"""The pictures of a plan, drawn without a browser: Altair to SVG."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert

from galerne.language import Language
from galerne.site.building.climate import DAYS_PER_MONTH, month_hour_mean
from galerne.site.plan import SitePlan
from galerne.site.shown.worded import names_in
from galerne.site.shown.wording import Wording
from galerne.site.tornado import name_input

INK, SOFT, LINE = "#16262d", "#4a5d64", "#d5dddc"
SEA, SEA_WASH, GORSE = "#17606e", "#a9cbd0", "#b98a06"
FONT = "system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, Liberation Sans, Arial, sans-serif"
_LOCALES: dict[Language, Any] = {Language.ENGLISH: "en-US", Language.FRENCH: "fr-FR"}
_LABEL_SIZE = 12.5
_WIDE = 760  # of the charts that take the page's width
_MOST_ROOM = 340  # of the names beside bars
_LETTERS_A_LINE = 44
_BREAK = "|"  # where a long name goes on in the next line
_LETTER = 7.4  # room for a letter of a label: readers' fonts differ, and none may be cut


def draw_watts(plan: SitePlan, wording: Wording) -> str:
    """Mean facility power by where it goes, as SVG."""
    return _draw_parts(plan.breakdown_w, wording, unit="W", strong="accelerators", width=_WIDE - 220)


def draw_costs(plan: SitePlan, wording: Wording) -> str:
    """Euros of a million written tokens by what they pay, as SVG."""
    whole = plan.figures["output_eur"].value / sum(plan.breakdown_eur.values())
    parts = {name: value * whole for name, value in plan.breakdown_eur.items()}
    return _draw_parts(parts, wording, unit="EUR", strong="energy", width=220)


def draw_grams(plan: SitePlan, wording: Wording) -> str:
    """Grams of a million written tokens by what emits them, as SVG."""
    whole = plan.figures["output_co2_g"].value / sum(plan.breakdown_g.values())
    parts = {name: value * whole for name, value in plan.breakdown_g.items()}
    return _draw_parts(parts, wording, unit="g", strong="electricity", width=220)


def draw_chip_to_connection(plan: SitePlan, wording: Wording) -> str:
    """Contracted power per accelerator as a stair, with what is published of it, as SVG."""
    levels = _levels_w(plan)
    names = [wording.phrases[f"step_{name}"] for name in levels]
    ends = [level_w / 1e3 for level_w in levels.values()]
    rows = [
        {
            "step": name,
            "from": start,
            "to": end,
            "label": wording.quantity(end * 1e3, "W"),
            "strong": start == 0,
        }
        for name, start, end in zip(names, [0.0, *ends[:-1]], ends, strict=True)
    ]
    base = _chart(rows).encode(y=_names_axis("step", names))
    bars = base.mark_bar(height=18, cornerRadius=2).encode(
        x=alt.X("from:Q", axis=None, scale=alt.Scale(domain=[0, 1.12 * max([*ends, *_published(plan)])])),
        x2="to:Q",
        color=alt.condition("datum.strong", alt.value(SEA), alt.value(SEA_WASH)),
    )
    labels = base.mark_text(align="left", dx=6, color=INK, fontSize=_LABEL_SIZE).encode(
        x="to:Q", text="label:N"
    )
    chart = bars + labels
    for value in _published(plan):
        text = f"{wording.phrases['published']} {wording.quantity(value * 1e3, 'W')}"
        mark = _chart([{"x": value, "text": text}]).encode(x="x:Q")
        rule = mark.mark_rule(color=GORSE, strokeWidth=1.5, strokeDash=[4, 3])
        note = mark.mark_text(align="center", baseline="bottom", dy=-4, color=GORSE, fontSize=_LABEL_SIZE)
        chart += rule + note.encode(text="text:N", y=alt.value(0))
    return _svg(chart.properties(width=_WIDE - 220, height=28 * len(rows)), wording)


def draw_day(plan: SitePlan, wording: Wording) -> str:
    """Facility power by hour of the mean day, IT and the rest, under the contracted power, as SVG."""
    say, hours = wording.phrases, plan.hours
    it_w, facility_w = (_day_w(plan, power_w) for power_w in (hours.it_w, hours.facility_w))
    layers = {say["layer_it"]: it_w, say["layer_rest"]: facility_w - it_w}
    contracted_w = plan.figures["contracted_w"].value
    scale, unit = (1e6, "MW") if contracted_w >= 1e6 else (1e3, "kW")
    rows = [
        {"hour": hour, "power": float(power_w[hour % 24]) / scale, "layer": name, "order": order}
        for order, (name, power_w) in enumerate(layers.items())
        for hour in range(25)
    ]
    contracted = contracted_w / scale
    top = 1.12 * max(contracted, float(facility_w.max()) / scale)
    areas = (
        _chart(rows)
        .mark_area(interpolate="monotone")
        .encode(
            x=alt.X(
                "hour:Q",
                scale=alt.Scale(domain=[0, 24]),
                axis=alt.Axis(title=say["axis_hour"], values=list(range(0, 25, 3))),
            ),
            y=alt.Y(
                "power:Q",
                scale=alt.Scale(domain=[0, top]),
                axis=alt.Axis(title=unit, titleAngle=0, titleY=-6, titleX=-6, tickCount=5),
            ),
            color=alt.Color(
                "layer:N",
                scale=alt.Scale(domain=list(layers), range=[SEA, SEA_WASH]),
                legend=alt.Legend(title=None, orient="bottom", symbolType="square", columnPadding=20),
            ),
            order="order:Q",
        )
    )
    text = f"{say['contracted']} {wording.quantity(contracted_w, 'W')}"
    line = _chart([{"y": contracted, "text": text}]).encode(y="y:Q")
    rule = line.mark_rule(color=GORSE, strokeWidth=1.5, strokeDash=[4, 3])
    note = line.mark_text(align="right", baseline="bottom", dx=-4, dy=-5, color=GORSE, fontSize=_LABEL_SIZE)
    return _svg(
        (areas + rule + note.encode(text="text:N", x=alt.value(_WIDE))).properties(width=_WIDE, height=220),
        wording,
    )


def draw_tornado(plan: SitePlan, wording: Wording) -> str:
    """What each input does to a million written tokens, euros on the left and grams on the right, as SVG."""
    names = [
        _BREAK.join(textwrap.wrap(name_input(swing.name, wording, names_in(plan)), _LETTERS_A_LINE))
        for swing in plan.tornado[:TORNADO_ROWS]
    ]
    width = (_WIDE - _MOST_ROOM - 70) // 2
    sides = (("eur", "EUR", "output_eur"), ("co2_g", "g", "output_co2_g"))
    charts = [
        _draw_side(plan, names, wording, side=side, unit=unit, best=plan.figures[figure].value, width=width)
        for side, unit, figure in sides
    ]
    return _svg(alt.hconcat(*charts, spacing=30).resolve_scale(y="shared"), wording)


TORNADO_ROWS = 14
"""Inputs shown in a picture or a terminal; all of them are in the JSON."""


def _draw_side(
    plan: SitePlan, names: Sequence[str], wording: Wording, *, side: str, unit: str, best: float, width: int
) -> Any:
    rows = [
        {"input": name, "from": getattr(swing, f"{end}_{side}"), "to": best, "strong": end == "high"}
        for name, swing in zip(names, plan.tornado, strict=False)
        for end in ("low", "high")
    ]
    ends = [row["from"] for row in rows] or [best]
    margin = 0.06 * (max(ends) - min(ends) or best)
    domain = [min([*ends, best]) - margin, max([*ends, best]) + margin]
    first = side == "eur"
    axis = _names_axis("input", names) if first else alt.Y("input:N", sort=list(names), axis=None)
    title = wording.phrases["axis_eur" if first else "axis_grams"]
    bars = (
        _chart(rows)
        .mark_bar(height=13, cornerRadius=2)
        .encode(
            y=axis,
            x=alt.X(
                "from:Q",
                scale=alt.Scale(domain=domain, zero=False),
                axis=alt.Axis(title=title, tickCount=3, format="~r"),
            ),
            x2="to:Q",
            color=alt.condition("datum.strong", alt.value(SEA), alt.value(SEA_WASH)),
        )
    )
    rule = _chart([{"best": best}]).mark_rule(color=INK, strokeWidth=1).encode(x="best:Q")
    return (bars + rule).properties(width=width, height=29 * len(names))


def _day_w(plan: SitePlan, power_w: Any) -> Any:
    """The mean day of the year, shape (24,)."""
    days = month_hour_mean(power_w, plan.hours.calendar)
    return (days * DAYS_PER_MONTH[:, None]).sum(axis=0) / DAYS_PER_MONTH.sum()


def _levels_w(plan: SitePlan) -> Mapping[str, float]:
    """Watts per accelerator, from the chip outwards."""
    figures = {name: figure.value for name, figure in plan.figures.items()}
    n_accelerators = figures["n_accelerators"]
    host_w = plan.system.host_busy_w / plan.system.n_accelerators
    return {
        "chip": plan.accelerator.power_limit_w,
        "host": plan.accelerator.power_limit_w + host_w,
        "network": figures["rated_it_w"] / n_accelerators,
        "facility": figures["peak_facility_w"] / n_accelerators,
        "reserve": figures["contracted_w_per_accelerator"],
    }


def _published(plan: SitePlan) -> list[float]:
    wanted = "contracted_w_per_accelerator"
    return [row.reported / 1e3 for row in plan.comparisons if row.figure == wanted]


def _draw_parts(parts: Mapping[str, float], wording: Wording, *, unit: str, strong: str, width: int) -> str:
    total = sum(parts.values())
    names = [wording.phrases[f"part_{name}"] for name in parts]
    rows: list[dict[str, Any]] = [
        {
            "part": text,
            "share": value / total,
            "label": f"{wording.quantity(value, unit)} · {wording.percent(value / total)}",
            "strong": name == strong,
        }
        for (name, value), text in zip(parts.items(), names, strict=True)
    ]
    base = _chart(rows).encode(y=_names_axis("part", names))
    longest = max(row["share"] for row in rows)
    room = 1.0 / (1.0 - min(0.6, _LETTER * max(len(str(row["label"])) for row in rows) / width))
    bars = base.mark_bar(height=16, cornerRadius=2).encode(
        x=alt.X("share:Q", axis=None, scale=alt.Scale(domain=[0, longest * room])),
        color=alt.condition("datum.strong", alt.value(SEA), alt.value(SEA_WASH)),
    )
    labels = base.mark_text(align="left", dx=6, color=INK, fontSize=_LABEL_SIZE).encode(
        x="share:Q", text="label:N"
    )
    return _svg((bars + labels).properties(width=width, height=26 * len(rows)), wording)


def _chart(rows: list[dict[str, Any]]) -> Any:
    return alt.Chart(alt.InlineData(values=rows))


def _names_axis(field: str, names: Sequence[str]) -> Any:
    room = min(_MOST_ROOM, _LETTER * max(len(line) for name in names for line in name.split(_BREAK)))
    axis = alt.Axis(
        title=None,
        ticks=False,
        labelPadding=8,
        labelExpr=f"split(datum.label, '{_BREAK}')",
        labelLimit=int(0.86 * _MOST_ROOM),
        minExtent=room,
        maxExtent=room,
    )
    return alt.Y(f"{field}:N", sort=list(names), axis=axis)


def _svg(chart: Any, wording: Wording) -> str:
    styled = (
        chart.configure(font=FONT, background="transparent", padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=SOFT,
            titleColor=SOFT,
            labelFontSize=_LABEL_SIZE,
            titleFontSize=_LABEL_SIZE,
            titleFontWeight="normal",
            domain=False,
            tickColor=LINE,
            grid=False,
        )
        .configure_legend(labelColor=SOFT, labelFontSize=11.5, labelLimit=400)
    )
    svg: str = vl_convert.vegalite_to_svg(
        styled.to_dict(validate=False), format_locale=_LOCALES[wording.language]
    )
    return svg
