"""The figures of a plan: what each is called, its unit, how it came about and what it rests on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from galerne.site.scenario.records import Scenario
from galerne.site.worlds import flat
from galerne.units import Numeric


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A number that a plan states.

    Attributes:
        low: 5th percentile; high: 95th. Equal to the value where nothing it rests on has a range.
        method: ``measured``, ``derived`` or ``modelled``; ``given`` where the scenario itself says it.
        sources: keys of the sources it rests on.
        deciding: the one or two of them that move it most.
    """

    name: str
    value: float
    unit: str
    low: float
    high: float
    method: str
    sources: tuple[str, ...]
    deciding: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FigureKind:
    """What is the same in every plan about a figure.

    Attributes:
        rests_on: groups of sources.
    """

    section: str
    unit: str
    method: str
    rests_on: tuple[str, ...]


SECTIONS = ("build", "serve", "run", "money", "tokens")

_BUILD = ("model", "scenario", "system", "overheads", "power", "cooling", "climate")
_RUN = (*_BUILD, "perf")
_MONEY = (*_RUN, "prices")

FIGURES: Mapping[str, FigureKind] = {
    "contracted_w": FigureKind(section="build", unit="W", method="modelled", rests_on=_BUILD),
    "n_accelerators": FigureKind(section="build", unit="1", method="modelled", rests_on=_BUILD),
    "n_systems": FigureKind(section="build", unit="1", method="modelled", rests_on=_BUILD),
    "n_spare_systems": FigureKind(section="build", unit="1", method="derived", rests_on=("scenario",)),
    "n_racks": FigureKind(section="build", unit="1", method="modelled", rests_on=_BUILD),
    "contracted_w_per_accelerator": FigureKind(section="build", unit="W", method="modelled", rests_on=_BUILD),
    "rated_it_w": FigureKind(section="build", unit="W", method="modelled", rests_on=_BUILD),
    "peak_facility_w": FigureKind(section="build", unit="W", method="modelled", rests_on=_BUILD),
    "spare_power_w": FigureKind(section="build", unit="W", method="modelled", rests_on=_BUILD),
    "contracted_use_ratio": FigureKind(section="build", unit="1", method="modelled", rests_on=_RUN),
    "connection_wait_years": FigureKind(
        section="build", unit="years", method="modelled", rests_on=("connection",)
    ),
    "horizon_served_ratio": FigureKind(
        section="build", unit="1", method="modelled", rests_on=(*_BUILD, "perf", "connection")
    ),
    "model_storage_bytes": FigureKind(
        section="build", unit="B", method="derived", rests_on=("perf", "scenario")
    ),
    "text_storage_bytes": FigureKind(
        section="build", unit="B", method="modelled", rests_on=("wire", "scenario")
    ),
    "client_bytes_per_s": FigureKind(
        section="build", unit="B/s", method="modelled", rests_on=(*_RUN, "wire")
    ),
    "n_devices": FigureKind(
        section="serve", unit="1", method="modelled", rests_on=("perf", "engine", "scenario")
    ),
    "tensor_parallel": FigureKind(
        section="serve", unit="1", method="modelled", rests_on=("perf", "engine", "scenario")
    ),
    "n_sequences": FigureKind(
        section="serve", unit="1", method="modelled", rests_on=("perf", "engine", "scenario")
    ),
    "first_token_s": FigureKind(
        section="serve", unit="s", method="modelled", rests_on=("perf", "engine", "scenario")
    ),
    "token_interval_s": FigureKind(
        section="serve", unit="s", method="modelled", rests_on=("perf", "engine", "scenario")
    ),
    "tail_first_token_s": FigureKind(
        section="serve", unit="s", method="modelled", rests_on=("perf", "engine", "scenario")
    ),
    "tail_token_interval_s": FigureKind(
        section="serve", unit="s", method="modelled", rests_on=("perf", "engine", "scenario")
    ),
    "accelerator_output_tokens_per_s": FigureKind(
        section="serve", unit="tok/s", method="modelled", rests_on=("perf", "engine", "scenario")
    ),
    "load_ratio": FigureKind(section="serve", unit="1", method="modelled", rests_on=(*_RUN, "engine")),
    "peak_output_tokens_per_s": FigureKind(
        section="serve", unit="tok/s", method="modelled", rests_on=(*_RUN, "engine")
    ),
    "yearly_input_tokens": FigureKind(
        section="serve", unit="tokens", method="modelled", rests_on=(*_RUN, "engine")
    ),
    "yearly_cached_tokens": FigureKind(
        section="serve", unit="tokens", method="modelled", rests_on=(*_RUN, "engine")
    ),
    "yearly_output_tokens": FigureKind(
        section="serve", unit="tokens", method="modelled", rests_on=(*_RUN, "engine")
    ),
    "mean_it_w": FigureKind(section="run", unit="W", method="modelled", rests_on=_RUN),
    "mean_facility_w": FigureKind(section="run", unit="W", method="modelled", rests_on=_RUN),
    "facility_j": FigureKind(section="run", unit="J", method="modelled", rests_on=_RUN),
    "pue_ratio": FigureKind(section="run", unit="1", method="modelled", rests_on=(*_RUN, "pue")),
    "onsite_water_l_per_kwh": FigureKind(
        section="run", unit="L/kWh", method="modelled", rests_on=(*_RUN, "water")
    ),
    "cue_g_per_kwh": FigureKind(section="run", unit="g/kWh", method="modelled", rests_on=(*_RUN, "carbon")),
    "erf_ratio": FigureKind(section="run", unit="1", method="modelled", rests_on=(*_RUN, "heat")),
    "cer_ratio": FigureKind(section="run", unit="1", method="modelled", rests_on=_RUN),
    "unmet_heat_ratio": FigureKind(section="run", unit="1", method="modelled", rests_on=_RUN),
    "use_co2_g": FigureKind(section="run", unit="g", method="modelled", rests_on=(*_RUN, "carbon")),
    "use_direct_co2_g": FigureKind(
        section="run", unit="g", method="modelled", rests_on=(*_RUN, "direct_carbon")
    ),
    "use_market_co2_g": FigureKind(
        section="run", unit="g", method="modelled", rests_on=(*_RUN, "market_carbon")
    ),
    "embodied_co2_g": FigureKind(section="run", unit="g", method="modelled", rests_on=(*_BUILD, "embodied")),
    "onsite_water_l": FigureKind(section="run", unit="L", method="modelled", rests_on=(*_RUN, "water")),
    "reused_j": FigureKind(section="run", unit="J", method="modelled", rests_on=(*_RUN, "heat")),
    "grid_water_l": FigureKind(section="run", unit="L", method="modelled", rests_on=(*_RUN, "grid_water")),
    "systems_usd": FigureKind(section="money", unit="USD", method="modelled", rests_on=(*_BUILD, "prices")),
    "investment_eur": FigureKind(
        section="money", unit="EUR", method="modelled", rests_on=(*_BUILD, "prices")
    ),
    "yearly_cost_eur": FigureKind(section="money", unit="EUR", method="modelled", rests_on=_MONEY),
    "yearly_depreciation_eur": FigureKind(section="money", unit="EUR", method="modelled", rests_on=_MONEY),
    "yearly_interest_eur": FigureKind(section="money", unit="EUR", method="modelled", rests_on=_MONEY),
    "yearly_running_eur": FigureKind(section="money", unit="EUR", method="modelled", rests_on=_MONEY),
    "yearly_energy_eur": FigureKind(
        section="money", unit="EUR", method="modelled", rests_on=(*_RUN, "electricity")
    ),
    "electricity_eur_per_kwh": FigureKind(
        section="money", unit="EUR/kWh", method="modelled", rests_on=("electricity",)
    ),
    "input_eur": FigureKind(section="tokens", unit="EUR/Mtok", method="modelled", rests_on=_MONEY),
    "cached_eur": FigureKind(section="tokens", unit="EUR/Mtok", method="modelled", rests_on=_MONEY),
    "output_eur": FigureKind(section="tokens", unit="EUR/Mtok", method="modelled", rests_on=_MONEY),
    "input_co2_g": FigureKind(
        section="tokens", unit="g/Mtok", method="modelled", rests_on=(*_RUN, "carbon", "embodied")
    ),
    "cached_co2_g": FigureKind(
        section="tokens", unit="g/Mtok", method="modelled", rests_on=(*_RUN, "carbon", "embodied")
    ),
    "output_co2_g": FigureKind(
        section="tokens", unit="g/Mtok", method="modelled", rests_on=(*_RUN, "carbon", "embodied")
    ),
    "output_market_co2_g": FigureKind(
        section="tokens", unit="g/Mtok", method="modelled", rests_on=(*_RUN, "market_carbon", "embodied")
    ),
    "input_water_l": FigureKind(
        section="tokens", unit="L/Mtok", method="modelled", rests_on=(*_RUN, "water", "grid_water")
    ),
    "cached_water_l": FigureKind(
        section="tokens", unit="L/Mtok", method="modelled", rests_on=(*_RUN, "water", "grid_water")
    ),
    "output_water_l": FigureKind(
        section="tokens", unit="L/Mtok", method="modelled", rests_on=(*_RUN, "water", "grid_water")
    ),
    "output_j_per_token": FigureKind(section="tokens", unit="J/tok", method="modelled", rests_on=_RUN),
}
"""Every figure a plan may have, in the order of the report. Those of ``run`` are of a year."""


def given_figures(scenario: Scenario) -> frozenset[str]:
    """Figures that are the scenario's own words, handed back."""
    said = {
        "contracted_w": scenario.site.contracted_w is not None or bool(scenario.phases),
        "connection_wait_years": bool(scenario.phases) and scenario.phases[-1].year is not None,
        "n_systems": scenario.load is None and scenario.compute.n_systems is not None,
        "n_spare_systems": scenario.load is not None,
        "load_ratio": scenario.load is None,
        "electricity_eur_per_kwh": scenario.money.electricity_eur_per_kwh is not None,
    }
    return frozenset(name for name, is_said in said.items() if is_said)


def counted_figures(scenario: Scenario) -> frozenset[str]:
    """Figures that only multiply what the scenario says by what the system's maker says."""
    given = given_figures(scenario)
    return frozenset({"n_accelerators", "n_racks"}) if "n_systems" in given else frozenset()


def make_figures(
    best: Mapping[str, Numeric],
    sampled: Mapping[str, Numeric],
    groups: Mapping[str, Iterable[str]],
    *,
    given: Collection[str] = (),
    counted: Collection[str] = (),
    deciding: Mapping[str, tuple[str, ...]] | None = None,
) -> dict[str, Figure]:
    """Figures from their best values and samples; those that this plan does not have are left out.

    Args:
        best: one number by name.
        sampled: numbers of all samples by name.
        groups: source keys by group of ``rests_on``.
        given: figures that the scenario says itself.
        counted: figures that are derived from those alone.
        deciding: by name, the sources of the inputs that move a figure most.
    """
    made: dict[str, Figure] = {}
    names = [name for name in FIGURES if name in best]
    ends = np.quantile([flat(sampled[name]) for name in names], (0.05, 0.95), axis=1)
    for name, (low, high) in zip(names, ends.T, strict=True):
        kind = FIGURES[name]
        value = float(flat(best[name])[0])
        method, rests_on = kind.method, kind.rests_on
        if name in given:
            method, rests_on = "given", ("scenario",)
        elif name in counted:
            method, rests_on = "derived", ("system", "scenario")
        keys = tuple(dict.fromkeys(key for group in rests_on for key in groups[group]))
        moving = tuple(key for key in (deciding or {}).get(name, ()) if key in keys)
        made[name] = Figure(
            name=name,
            value=value,
            unit=kind.unit,
            low=min(float(low), value),
            high=max(float(high), value),
            method=method,
            sources=keys,
            deciding=moving or keys[-1:],
        )
    return made
