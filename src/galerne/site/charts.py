"""The pictures of a plan, drawn without a browser: Altair to SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import vl_convert

from galerne.site.climate import DAYS_PER_MONTH
from galerne.site.plan import SitePlan
from galerne.site.wording import Wording

INK, SOFT, LINE = "#16262d", "#4a5d64", "#d5dddc"
SEA, SEA_WASH, GORSE = "#17606e", "#a9cbd0", "#b98a06"
FONT = "system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, Liberation Sans, Arial, sans-serif"
_LABEL_SIZE = 12.5
_WIDE = 760  # of the charts that take the page's width
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
    return _svg(chart.properties(width=_WIDE - 220, height=28 * len(rows)))


def draw_day(plan: SitePlan, wording: Wording) -> str:
    """Facility power by hour of the mean day, IT and the rest, under the contracted power, as SVG."""
    say, hours = wording.phrases, plan.hours
    it_w, facility_w = (_day_w(power_w) for power_w in (hours.it_w, hours.facility_w))
    layers = {say["layer_it"]: it_w, say["layer_rest"]: facility_w - it_w}
    rows = [
        {"hour": hour, "power": float(power_w[hour % 24]) / 1e6, "layer": name, "order": order}
        for order, (name, power_w) in enumerate(layers.items())
        for hour in range(25)
    ]
    contracted = plan.figures["contracted_w"].value / 1e6
    top = 1.12 * max(contracted, float(facility_w.max()) / 1e6)
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
                axis=alt.Axis(title=say["axis_power"], titleAngle=0, titleY=-6, titleX=-6, tickCount=5),
            ),
            color=alt.Color(
                "layer:N",
                scale=alt.Scale(domain=list(layers), range=[SEA, SEA_WASH]),
                legend=alt.Legend(title=None, orient="bottom", symbolType="square", columnPadding=20),
            ),
            order="order:Q",
        )
    )
    text = f"{say['contracted']} {wording.quantity(contracted * 1e6, 'W')}"
    line = _chart([{"y": contracted, "text": text}]).encode(y="y:Q")
    rule = line.mark_rule(color=GORSE, strokeWidth=1.5, strokeDash=[4, 3])
    note = line.mark_text(align="right", baseline="bottom", dx=-4, dy=-5, color=GORSE, fontSize=_LABEL_SIZE)
    return _svg(
        (areas + rule + note.encode(text="text:N", x=alt.value(_WIDE))).properties(width=_WIDE, height=220)
    )


def _day_w(power_w: Any) -> Any:
    """The mean day of the year, shape (24,)."""
    days = np.broadcast_to(power_w, (12, 24, 1))[..., 0]
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
    return _svg((bars + labels).properties(width=width, height=26 * len(rows)))


def _chart(rows: list[dict[str, Any]]) -> Any:
    return alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]


def _names_axis(field: str, names: Sequence[str]) -> Any:
    room = _LETTER * max(len(name) for name in names)
    axis = alt.Axis(title=None, ticks=False, labelPadding=8, labelLimit=300, minExtent=room, maxExtent=room)
    return alt.Y(f"{field}:N", sort=list(names), axis=axis)


def _svg(chart: Any) -> str:
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
    svg: str = vl_convert.vegalite_to_svg(styled.to_dict())
    return svg
