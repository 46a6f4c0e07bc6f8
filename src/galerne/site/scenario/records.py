"""What a scenario says: the site, what runs on it, who asks, and prices.

A number may be a range, ``{ best = 0.075, low = 0.06, high = 0.095 }``, where the type says ``Spread``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt

from galerne.spread import Spread


class Limits(NamedTuple):
    """A number must lie between the two; both are allowed."""

    low: float
    high: float


SAMPLES = Limits(50, 4000)
"""Samples that a plan may be drawn from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """The place, its connection and what stands around the IT.

    Attributes:
        place: id of a place with a climate.
        zone: id of a grid zone.
        reserve_ratio: share of the connection never planned on.
        contracted_w: power of the grid connection; without it, what the systems need. With ``[[phases]]``,
            that of today, and nothing without it.
        grid_g_per_kwh: carbon of this site's electricity; without it, that of the zone.
        power_stages: ids of the power chain, from the rack towards the grid.
        installed_ratio: power of each stage over the IT it feeds.
        cooling_plant: id of the cooling plant.
    """

    name: str
    place: str
    zone: str
    reserve_ratio: Annotated[float, Limits(0.0, 0.9)]
    power_stages: tuple[str, ...]
    installed_ratio: Annotated[float, Limits(1.0, 4.0)]
    cooling_plant: str
    contracted_w: Annotated[float | None, Limits(1e3, 1e11)] = None
    grid_g_per_kwh: Annotated[Spread | None, Limits(0.0, 3000.0)] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Compute:
    """What runs: ids of a system, a model and a weight format.

    Attributes:
        n_systems: how many, where it is known; otherwise the connection or the load decides.
    """

    system: str
    model: str
    weight_format: str
    n_systems: Annotated[int | None, Limits(1, 1e7)] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """The shape of a request, of a day and of a week.

    Attributes:
        cached_ratio: share of the prompt found in the prefix cache.
        load_ratio: mean load over the year, over what the objective allows; with [load] it is a result.
        peak_ratio: load of the busiest hour over the mean of its day.
        peak_hour: that hour, local time.
        weekend_ratio: load of a weekend day over that of a working day.
        day_shape: load of each hour of the day, in any unit, instead of peak_ratio and peak_hour.
    """

    prompt_tokens: Annotated[float, Limits(1, 1e7)]
    cached_ratio: Annotated[float, Limits(0.0, 0.99)]
    output_tokens: Annotated[float, Limits(1, 1e6)]
    load_ratio: Annotated[float | None, Limits(0.01, 1.0)] = None
    peak_ratio: Annotated[float, Limits(1.0, 2.0)] = 1.0
    peak_hour: Annotated[int, Limits(0, 23)] = 15
    weekend_ratio: Annotated[float, Limits(0.0, 5.0)] = 1.0
    day_shape: tuple[float, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """Who asks, and how much: sizes the site.

    Attributes:
        n_users: people served today.
        answers_per_user: a day, on the mean over the week.
        growth_ratio: yearly growth of the load.
        horizon_years: years after which the site must still carry it.
        busiest_ratio: load allowed in the busiest hour, over what the objective allows.
        n_spare_systems: systems beyond the need, so that one may fail.
    """

    n_users: Annotated[float, Limits(1, 1e11)]
    answers_per_user: Annotated[Spread, Limits(1e-6, 1e6)]
    growth_ratio: Annotated[float, Limits(-0.9, 20.0)] = 0.0
    horizon_years: Annotated[int, Limits(0, 20)] = 0
    busiest_ratio: Annotated[float, Limits(0.1, 1.0)] = 0.85
    n_spare_systems: Annotated[int, Limits(0, 1e6)] = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Heat:
    """A contract with a heat network.

    Attributes:
        contracted_w: heat that it takes.
        months: months in which it takes it, 1 to 12.
    """

    contracted_w: Annotated[float, Limits(0.0, 1e11)]
    months: tuple[float, ...] = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Files of hours of one year, beside the scenario; without them, normals and yearly means.

    Attributes:
        weather: EPW, or CSV with ``at``, ``dry_bulb_c`` and ``wet_bulb_c`` or ``humidity_ratio``.
        prices: CSV with ``at`` and ``eur_per_kwh`` or ``eur_per_mwh``.
        carbon: CSV with ``at`` and ``g_per_kwh``.
        standard_offset: hours of local standard time ahead of UTC.
    """

    weather: str = ""
    prices: str = ""
    carbon: str = ""
    standard_offset: Annotated[float, Limits(-12, 14)] = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """Electricity by contract or guarantees of origin: market-based carbon, beside the location's.

    Attributes:
        g_per_kwh: of what is contracted, over its life cycle.
        covered_ratio: share of the year's electricity that it covers.
        residual_g_per_kwh: of the rest: the residual mix; without it, the zone's own intensity.
        evidence: what proves it, such as the number of a contract or of cancelled guarantees.
    """

    g_per_kwh: Annotated[Spread, Limits(0.0, 2000.0)]
    evidence: str
    covered_ratio: Annotated[float, Limits(0.0, 1.0)] = 1.0
    residual_g_per_kwh: Annotated[Spread | None, Limits(0.0, 2000.0)] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """What a user must get: first token, and time between tokens.

    Attributes:
        percentile_ratio: share of the answers for which both must hold, such as 0.95; else on the mean.
    """

    first_token_s: Annotated[float, Limits(1e-3, 3600.0)]
    token_interval_s: Annotated[float, Limits(1e-4, 10.0)]
    percentile_ratio: Annotated[float | None, Limits(0.5, 0.999)] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Money:
    """Prices and lives.

    Attributes:
        build_cost: id of the fact with the market's build cost; without it, that of the place.
        electricity_eur_per_kwh: delivered price; without it, its parts or the zone's industrial price.
        electricity_parts: ids of facts in EUR/kWh whose sum is the delivered price; with hourly prices, what
            comes on top of them.
    """

    discount_ratio: Annotated[Spread, Limits(1e-3, 0.5)]
    it_life_years: Annotated[Spread, Limits(1.0, 20.0)]
    facility_life_years: Annotated[Spread, Limits(1.0, 60.0)]
    build_cost: str | None = None
    electricity_eur_per_kwh: Annotated[Spread | None, Limits(0.0, 5.0)] = None
    electricity_parts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """What is known better of a place when places are compared.

    Attributes:
        lead_years: from the order of a grid connection there to its power.
    """

    place: str
    zone: str | None = None
    build_cost: str | None = None
    electricity_eur_per_kwh: Annotated[Spread | None, Limits(0.0, 5.0)] = None
    lead_years: Annotated[Spread | None, Limits(0.0, 20.0)] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A further step of the grid connection, above the ``site.contracted_w`` of today.

    Attributes:
        contracted_w: power of the whole connection from then on.
        year: of the horizon in which it comes, where that is agreed; else the lead time after its order.
        ordered_year: of the horizon in which it is ordered.
        lead_years: from the order to the power; without it, what is known of the country.
    """

    contracted_w: Annotated[float, Limits(1e3, 1e11)]
    year: Annotated[float | None, Limits(0.0, 40.0)] = None
    ordered_year: Annotated[float, Limits(-10.0, 20.0)] = 0.0
    lead_years: Annotated[Spread | None, Limits(0.0, 20.0)] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How uncertainty is carried: samples drawn, and from which seed."""

    n_samples: Annotated[int, SAMPLES]
    seed: Annotated[int, Limits(0, 2**32)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """A published figure to set beside ours.

    Attributes:
        figure: name of one of the plan's figures.
        value: in that figure's unit.
        source: key of a source.
    """

    figure: str
    value: Annotated[float, Limits(-1e18, 1e18)]
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """All that a plan depends on, besides the catalogue.

    Attributes:
        fingerprint: first 16 digits of the SHA-256 of the file.
    """

    site: Site
    compute: Compute
    workload: Workload
    objective: Objective
    money: Money
    sampling: Sampling
    load: Load | None = None
    heat: Heat | None = None
    series: Series | None = None
    contract: Contract | None = None
    phases: tuple[Phase, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    reported: tuple[Reported, ...] = ()
    fingerprint: str = ""


def load_shape(workload: Workload) -> npt.NDArray[np.float64]:
    """Load over its mean of the year, shape (2, 24): working days and weekends, by hour of the day."""
    if workload.day_shape is not None:
        day = np.array(workload.day_shape, dtype=np.float64)
        day /= day.mean()
    else:
        angle = 2.0 * np.pi * (np.arange(24) - workload.peak_hour) / 24.0
        day = 1.0 + (workload.peak_ratio - 1.0) * np.cos(angle)
    working = 7.0 / (5.0 + 2.0 * workload.weekend_ratio)
    return np.stack([working * day, working * workload.weekend_ratio * day])
