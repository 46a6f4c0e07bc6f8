"""What the chain page needs to stay live: texts by key, the flow and the sparklines as path data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from galerne.chat.chain_view import ChainView

SPARK_WIDTH = 160
SPARK_HEIGHT = 36


def chain_update(view: ChainView) -> dict[str, Any]:
    """The live part of the page, already written in the reader's language."""
    figures = {figure.key: figure for station in view.stations for figure in station.figures}
    return {
        "amounts": {key: [figure.amount.number, figure.amount.unit] for key, figure in figures.items()},
        "methods": {key: figure.method_label for key, figure in figures.items()},
        "details": {station.key: station.detail for station in view.stations},
        "links": {link.key: [link.label, *link.sums] for link in view.links},
        "sparks": {
            station.key: spark_path(station.history) for station in view.stations if len(station.history) > 1
        },
        "accounts": {account.key: [account.share_ratio, account.amount] for account in view.accounts},
        "accounts_text": view.accounts_text,
        "power_ratio": view.power_ratio,
        "token_ratio": view.token_ratio,
        "has_answer": view.has_answer,
    }


def spark_path(values: Sequence[float]) -> str:
    """SVG path of recent values, from 0 at the bottom to their largest at the top."""
    most = max(values, default=0.0) or 1.0
    step = SPARK_WIDTH / max(1, len(values) - 1)
    points = (
        f"{n * step:.1f} {SPARK_HEIGHT - 2 - (SPARK_HEIGHT - 4) * value / most:.1f}"
        for n, value in enumerate(values)
    )
    return "M" + "L".join(points)
