"""What is lost between the grid and the rack."""

from __future__ import annotations

from collections.abc import Sequence

from galerne.catalog import PowerStage
from galerne.units import Numeric


def stage_loss_w(stage: PowerStage, load_w: Numeric, *, rating_w: Numeric) -> Numeric:
    """Loss of one stage at its load.

        loss = rating · (fixed + linear · x + square · x²),  x = load / rating

    Args:
        stage: its loss curve.
        load_w: power that leaves the stage.
        rating_w: power of all units installed, spares included.

    Valid for: loads from none to the rating.
    Sources: galerne-power-estimate
    """
    x = load_w / rating_w
    return rating_w * (stage.fixed_ratio + stage.linear_ratio * x + stage.square_ratio * x * x)


def chain_loss_w(stages: Sequence[PowerStage], load_w: Numeric, *, rating_w: Numeric) -> Numeric:
    """Loss of a whole chain: each stage carries the load and the losses of those below it.

    Args:
        stages: from the rack towards the grid.
        load_w: power at the racks.
        rating_w: power of each stage, spares included.
    """
    carried_w = load_w
    for stage in stages:
        carried_w = carried_w + stage_loss_w(stage, carried_w, rating_w=rating_w)
    return carried_w - load_w
