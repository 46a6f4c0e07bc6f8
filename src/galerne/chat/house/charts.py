"""Bars as geometry, for templates that draw them: no library, no script, nobody else's server."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640.0, 150.0
GAP_RATIO = 0.25
LEAST_HEIGHT = 1.5
"""A bar of something is never invisible."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One bar; ``text`` says in words what it shows."""

    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BarChart:
    """Bars over a line at zero.

    Attributes:
        top: what the highest rule stands for, written.
        first: label of the first bar.
        last: label of the last one.
    """

    bars: tuple[Bar, ...]
    top: str
    first: str
    last: str


def bar_chart(entries: Sequence[tuple[str, float, str]], *, top: str) -> BarChart:
    """Bars side by side.

    Args:
        entries: label, value and text of each; what is below zero or no number has no bar.
        top: the largest value, written.
    """
    most = max((value for _, value, _ in entries if math.isfinite(value)), default=0.0)
    step = WIDTH / max(len(entries), 12)
    bars = []
    for n, (label, value, text) in enumerate(entries):
        if most <= 0 or not math.isfinite(value) or value <= 0:
            continue
        height = max(LEAST_HEIGHT, HEIGHT * value / most)
        bars.append(
            Bar(
                x=round(n * step + step * GAP_RATIO / 2, 2),
                y=round(HEIGHT - height, 2),
                width=round(step * (1 - GAP_RATIO), 2),
                height=round(height, 2),
                text=f"{label}: {text}",
            )
        )
    labels = [label for label, _, _ in entries]
    return BarChart(
        bars=tuple(bars), top=top, first=labels[0] if labels else "", last=labels[-1] if labels else ""
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """A part of one bar that is the whole."""

    key: str
    x: float
    width: float
    label: str
    text: str


def whole_bar(parts: Sequence[tuple[str, float, str, str]]) -> tuple[Slice, ...]:
    """Parts of a whole side by side: key, value, label and text of each; empty parts have no slice."""
    total = sum(max(0.0, value) for _, value, _, _ in parts)
    slices, x = [], 0.0
    for key, value, label, text in parts:
        if total <= 0 or value <= 0:
            continue
        width = WIDTH * value / total
        slices.append(Slice(key=key, x=round(x, 2), width=round(width, 2), label=label, text=text))
        x += width
    return tuple(slices)
