"""The planner's answers as clients see them. Described for OpenAPI; a plan is not read twice to be sent."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Table = dict[str, float]
MeanDays = Annotated[
    list[list[float]], Field(description="Mean day of each month: twelve lists of 24 numbers, local time.")
]


class Told(BaseModel):
    """What every part of an answer has in common: nothing that is not described."""

    model_config = ConfigDict(extra="forbid")


class PlanMadeWith(Told):
    """What computes the same plan again."""

    galerne: str
    commit: str
    python: str
    numpy: str
    scenario_fingerprint: str
    facts_fingerprint: str
    seed: int
    n_samples: int


class PlanScenario(Told):
    """The scenario that was planned."""

    name: str
    fingerprint: str
    seed: int
    n_samples: int


class PlanChosen(Told):
    """Ids of the catalogue's rows that the scenario chose."""

    place: str
    zone: str
    system: str
    accelerator: str
    model: str
    weight_format: str
    cooling_plant: str
    power_stages: list[str]
    g_per_kwh: float


class PlanObjective(Told):
    """Times at the objective's percentile, and whether they keep it."""

    percentile_ratio: float | None
    tail_ratio: float
    tail_token_interval_s: float
    tail_first_token_s: float
    keeps_tail: bool


class PlanFigure(Told):
    """A number of the plan; `low` and `high` are its 5th and 95th percentile."""

    section: str
    name: str
    value: float
    unit: str
    low: float
    high: float
    method: str = Field(description="measured, derived, modelled, or given by the scenario")
    sources: list[str]
    deciding: list[str] = Field(description="The one or two sources that move it most.")


class PlanWatch(Told):
    """A figure beyond a limit, at its value or at the end of its range."""

    figure: str
    value: float
    limit: float
    end: float


class PlanFact(Told):
    """A figure of the catalogue that the plan rests on."""

    id: str
    value: float
    unit: str
    low: float
    high: float
    source: str


class PlanBreakdown(Told):
    """Where power, money and grams go."""

    facility_w: Table
    yearly_cost_eur: Table
    yearly_co2_g: Table


class PlanHours(Told):
    """The year as mean days."""

    it_w: MeanDays
    loss_w: MeanDays
    cooling_w: MeanDays
    auxiliary_w: MeanDays
    facility_w: MeanDays
    reused_w: MeanDays
    water_l: MeanDays
    unmet_ratio: MeanDays
    co2_g: MeanDays
    eur: MeanDays


class PlanSwing(Told):
    """What one input does to a million written tokens, alone from its 5th to its 95th percentile."""

    name: str
    unit: str
    source: str
    low: float
    best: float
    high: float
    low_eur: float
    high_eur: float
    low_co2_g: float
    high_co2_g: float


class PlanYear(Told):
    """A year of the horizon: what its load needs, what connection is there, what share is served."""

    year: int
    n_users: float
    n_systems: float
    n_racks: float
    needed_w: float
    contracted_w: float | None
    served_ratio: float
    served_low: float
    served_high: float
    order_year: float | None = Field(description="Latest year in which its power must be ordered.")


class PlanReported(Told):
    """A published figure beside ours."""

    figure: str
    reported: float
    ours: float
    ratio: float
    source: str


class PlanSource(Told):
    """Where a number comes from."""

    key: str
    title: str
    publisher: str
    url: str
    date: str
    quality: str
    licence: str


class SitePlanBody(Told):
    """A planned data centre. Figures of the section `run` are of a year."""

    made_with: PlanMadeWith
    scenario: PlanScenario
    chosen: PlanChosen
    objective: PlanObjective
    figures: list[PlanFigure]
    watch: list[PlanWatch]
    facts: list[PlanFact]
    breakdown: PlanBreakdown
    hours: PlanHours
    tornado: list[PlanSwing]
    growth: list[PlanYear]
    reported: list[PlanReported]
    sources: dict[str, PlanSource]
    words: dict[str, Any] | None = Field(
        default=None, description="Names and quantities as text, where a language is asked for."
    )


class SpanBody(Told):
    """A value with its 5th and 95th percentile."""

    value: float
    low: float
    high: float


class LeadBody(Told):
    """Years from the order of a grid connection to its power."""

    best: float
    low: float
    high: float


class RankedPlaceBody(Told):
    """A place in a comparison; equal places share a rank."""

    place_id: str
    name: str
    zone_id: str
    rank: int
    figures: dict[str, SpanBody]
    beyond_first: SpanBody
    equal_to_first: bool
    why: Table = Field(description="The difference to the first by what makes it; sums to it.")
    on_front: bool
    lead_years: LeadBody | None


class FlipBody(Told):
    """An input at which, alone, another place becomes the first."""

    name: str
    at: float
    best: float
    low: float
    high: float
    then: str


class ComparisonBody(Told):
    """Places ranked for one scenario."""

    scenario: PlanScenario
    objectives: list[str]
    places: list[RankedPlaceBody]
    without_series: bool = Field(description="The scenario's own hours say nothing of other places.")
    left_out: dict[str, str] = Field(description="Reason by place that could not be computed.")
    flips: list[FlipBody]
    words: dict[str, Any] | None = None


class ConfigurationBody(Told):
    """One way to run a model."""

    tensor_parallel: int
    pipeline_parallel: int
    data_parallel: int
    n_replicas: int
    n_sequences: float
    output_tokens_per_s: float
    token_interval_s: float
    first_token_s: float
    tail_token_interval_s: float
    tail_first_token_s: float
    output_eur: float
    j_per_token: float
    meets_objective: bool


class ConfigurationsBody(Told):
    """The best ways to run a model on some accelerators: by each wish, and the Pareto front."""

    model: str
    system: str
    n_accelerators: int
    n_tried: int
    error_ratio: float
    best: dict[str, ConfigurationBody]
    front: list[ConfigurationBody]


class PlaceBody(Told):
    """What is known of a place; times in seconds of a year."""

    place: str
    name: str
    altitude_m: float
    zone: str
    g_per_kwh: float
    l_per_kwh: float
    eur_per_kwh: float | None
    monthly_dry_bulb_c: list[float]
    monthly_wet_bulb_c: list[float]
    mean_dry_bulb_c: float
    mean_wet_bulb_c: float
    design_dry_bulb_c: float
    design_wet_bulb_c: float
    free_cooling_s: Table = Field(description="By supply temperature of the water, °C.")
    direct_air_s: float
    direct_g_per_kwh: float | None
    build_usd_per_w: float
    lead_years: LeadBody | None
    sources: dict[str, PlanSource]
