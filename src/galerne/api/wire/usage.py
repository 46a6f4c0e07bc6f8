"""What a stretch of time used, as clients see it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from galerne.api.wire.receipt import CarbonBody, EnergyBody, SplitEnergyBody, WaterBody, energy_body
from galerne.ledger import UsageReport, UsageRow
from galerne.units import from_microjoules


class UsageRowBody(BaseModel):
    """The answers of one group together."""

    group: str = Field(
        description="Name of a key, owner or project, model id, UTC day such as 2026-11-22, or total."
    )
    n_answers: int
    n_provisional: int = Field(description="Answers whose energy is not final yet.")
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    energy_j: SplitEnergyBody | EnergyBody
    facility_j: float
    co2e_g: CarbonBody
    water_l: WaterBody
    cost_eur: float | None = Field(description="Of the electricity.")
    charged_eur: float | None = Field(None, description="What budgets count: the price where one is set.")


class MeteredBody(BaseModel):
    """How the energy was counted."""

    by_method_j: dict[str, float] = Field(description="What the meter counted, by method.")
    coverage_ratio: float | None = Field(description="Time that the meter covered; null for none.")


class UsageReportBody(BaseModel):
    """What the answers used, and where all metered energy went."""

    group_by: str
    since_at: float | None
    until_at: float | None
    rows: list[UsageRowBody]
    accounts_j: dict[str, float] = Field(
        description="Where each metered joule went: answers + idle + loading + foreign + unattributed = meter"
    )
    metered: MeteredBody
    open_j: float = Field(description="Given to answers that are in flight or not settled yet.")
    adds_up: bool = Field(description="Whether it does, to the microjoule.")


def usage_report_body(report: UsageReport) -> UsageReportBody:
    """A report for the wire."""
    return UsageReportBody(
        group_by=report.group_by,
        since_at=report.since_at,
        until_at=report.until_at,
        rows=[_row(row) for row in report.rows],
        accounts_j=report.accounts.joules(),
        metered=MeteredBody(
            by_method_j={
                method: from_microjoules(energy_uj)
                for method, energy_uj in report.metered.by_method_uj.items()
            },
            coverage_ratio=report.metered.coverage_ratio,
        ),
        open_j=from_microjoules(report.open_uj),
        adds_up=report.adds_up,
    )


def _row(row: UsageRow) -> UsageRowBody:
    impact = row.impact
    return UsageRowBody(
        group=row.group,
        n_answers=row.n_answers,
        n_provisional=row.n_provisional,
        prompt_tokens=row.prompt_tokens,
        cached_tokens=row.cached_tokens,
        completion_tokens=row.new_tokens,
        energy_j=energy_body(active_j=row.active_j, full_j=row.full_j, accelerator_j=row.accelerator_j),
        facility_j=impact.facility_j,
        co2e_g=CarbonBody(use=impact.use_co2_g, embodied=impact.embodied_co2_g),
        water_l=WaterBody(site=impact.site_water_l, grid=impact.grid_water_l),
        cost_eur=impact.cost_eur,
        charged_eur=impact.charged_eur,
    )
