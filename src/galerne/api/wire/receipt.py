"""What an answer cost, as clients see it: the same object in ``usage.galerne`` and at ``/v1/receipts``."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, Field

from galerne.catalog import Source
from galerne.ledger import Receipt


class SourceBody(BaseModel):
    """Where a number comes from."""

    key: str
    title: str
    url: str


class EnergyBody(BaseModel):
    """Energy at the machine's plug, in joules."""

    active: float = Field(description="This answer's share of the energy above idle.")
    full: float = Field(description="Active energy and the share of idle energy.")


class SplitEnergyBody(EnergyBody):
    """Energy at the machine's plug, where the meter tells its parts."""

    accelerator: float = Field(description="What of full the accelerators drew.")
    host: float = Field(description="What of full processors, memory and board drew.")


class CarbonBody(BaseModel):
    """Grams of CO2e."""

    use: float = Field(description="Of the electricity, at the site's meter.")
    embodied: float = Field(description="The share of the machine's manufacture.")


class BesideBody(BaseModel):
    """Grams of CO2e of the same electricity counted otherwise: beside the location's, never added to it."""

    direct: float | None = Field(None, description="By what burns alone, without mining and building.")
    market: float | None = Field(None, description="By the factor of the operator's contract.")


class WaterBody(BaseModel):
    """Litres consumed."""

    site: float = Field(description="Evaporated by the site's own cooling.")
    grid: float = Field(description="By the power stations behind the electricity.")


class PlaceBody(BaseModel):
    """What the place adds to IT energy."""

    name: str
    pue_ratio: float
    onsite_water_l_per_kwh: float


class GridBody(BaseModel):
    """The factors of the electricity, frozen with the answer."""

    zone: str
    g_per_kwh: float
    l_per_kwh: float
    eur_per_kwh: float | None
    basis: str
    kind: str
    year: int
    source: str = Field(description="Key of the source of the emissions.")
    as_of_at: float | None = Field(None, description="Instant that a live figure holds for.")
    direct_g_per_kwh: float | None = Field(None, description="Of what burns; beside, never added.")
    market_g_per_kwh: float | None = Field(None, description="Of your contract; beside, never instead.")
    price_kind: str | None = Field(None, description="industrial, fixed, time-of-use or day-ahead")


class TimingBody(BaseModel):
    """How long it took."""

    queued_s: float
    first_token_s: float
    tokens_per_s: float


class ReceiptBody(BaseModel):
    """What an answer cost. A later revision never changes an earlier one."""

    id: str
    status: str = Field(description="provisional while the meter's window is open, then final")
    revision: int
    method: str = Field(description="measured, derived or modelled")
    energy_j: SplitEnergyBody | EnergyBody
    facility_j: float = Field(description="Full energy at the site's meter.")
    co2e_g: CarbonBody
    co2e_beside_g: BesideBody | None = Field(None, description="The electricity's CO2e, counted otherwise.")
    water_l: WaterBody
    cost_eur: float | None = Field(description="Of the electricity; null where no price is known.")
    price_eur: float | None = Field(None, description="What the operator asks; null where no price is set.")
    interval_ratio: tuple[float, float] = Field(description="Low and high, as multiples of the energy.")
    place: PlaceBody
    grid: GridBody
    timing: TimingBody


class IdleBody(BaseModel):
    """What was taken for the machine's power at rest, of which the answer has its share."""

    power_w: float = Field(description="Of the whole machine, or of our slice of it.")
    method: str = Field(description="measured on this machine, modelled after the catalogue, or derived")


class SourcedReceiptBody(ReceiptBody):
    """A receipt with the source of every factor."""

    idle: IdleBody | None = Field(None, description="The machine at rest; null in older answers.")

    model: str
    prompt_tokens: int
    completion_tokens: int
    at: float
    sources: dict[str, SourceBody]


class JointReceiptBody(ReceiptBody):
    """What several answers to one question cost together; each also has a receipt of its own."""

    answers: list[str] = Field(description="Ids of the receipts, in the order of the choices.")


def joint_receipt_body(receipts: Sequence[Receipt]) -> ReceiptBody:
    """The receipts of one request as one: amounts added up, the rest of the last."""
    bodies = [receipt_body(receipt) for receipt in receipts]
    last = bodies[-1]
    if len(bodies) == 1:
        return last
    impact = functools.reduce(operator.add, (receipt.impact for receipt in receipts))
    return JointReceiptBody(
        **{
            **dict(last),
            "id": bodies[0].id,
            "energy_j": energy_body(
                active_j=sum(receipt.active_j for receipt in receipts),
                full_j=sum(receipt.full_j for receipt in receipts),
                accelerator_j=_known_sum(receipt.accelerator_j for receipt in receipts),
            ),
            "facility_j": sum(body.facility_j for body in bodies),
            "co2e_g": CarbonBody(
                use=sum(body.co2e_g.use for body in bodies),
                embodied=sum(body.co2e_g.embodied for body in bodies),
            ),
            "water_l": WaterBody(
                site=sum(body.water_l.site for body in bodies), grid=sum(body.water_l.grid for body in bodies)
            ),
            "co2e_beside_g": BesideBody(direct=impact.direct_co2_g, market=impact.market_co2_g),
            "cost_eur": impact.cost_eur,
            "price_eur": impact.charged_eur if last.price_eur is not None else None,
            "answers": [body.id for body in bodies],
        }
    )


def energy_body(
    *, active_j: float, full_j: float, accelerator_j: float | None
) -> SplitEnergyBody | EnergyBody:
    """Energy for the wire, with its parts where the meter tells them."""
    if accelerator_j is None:
        return EnergyBody(active=active_j, full=full_j)
    return SplitEnergyBody(
        active=active_j, full=full_j, accelerator=accelerator_j, host=full_j - accelerator_j
    )


def _known_sum(amounts: Iterable[float | None]) -> float | None:
    """The sum; unknown where one of them is."""
    listed = list(amounts)
    known = [amount for amount in listed if amount is not None]
    return sum(known) if len(known) == len(listed) else None


def receipt_body(receipt: Receipt) -> ReceiptBody:
    """A receipt for the wire."""
    usage, impact, factors = receipt.answer.usage, receipt.impact, receipt.factors
    grid = factors.grid
    return ReceiptBody(
        id=receipt.receipt_id,
        status=receipt.status,
        revision=receipt.revision,
        method=receipt.method,
        energy_j=energy_body(
            active_j=receipt.active_j, full_j=receipt.full_j, accelerator_j=receipt.accelerator_j
        ),
        facility_j=impact.facility_j,
        co2e_g=CarbonBody(use=impact.use_co2_g, embodied=impact.embodied_co2_g),
        co2e_beside_g=BesideBody(direct=impact.direct_co2_g, market=impact.market_co2_g),
        water_l=WaterBody(site=impact.site_water_l, grid=impact.grid_water_l),
        cost_eur=impact.cost_eur,
        price_eur=receipt.price_eur,
        interval_ratio=receipt.interval_ratio,
        place=PlaceBody(
            name=factors.place,
            pue_ratio=float(factors.facility.pue_ratio),
            onsite_water_l_per_kwh=float(factors.facility.onsite_water_l_per_kwh),
        ),
        grid=GridBody(
            zone=grid.zone,
            g_per_kwh=grid.g_per_kwh,
            l_per_kwh=grid.l_per_kwh,
            eur_per_kwh=grid.eur_per_kwh,
            basis=grid.basis,
            kind=grid.kind,
            year=grid.year,
            source=receipt.sources()["g_per_kwh"],
            as_of_at=grid.as_of_at,
            direct_g_per_kwh=grid.direct_g_per_kwh,
            market_g_per_kwh=grid.market_g_per_kwh,
            price_kind=grid.price_kind,
        ),
        timing=TimingBody(
            queued_s=usage.queued_s,
            first_token_s=usage.first_token_s,
            tokens_per_s=usage.decode_tokens_per_s,
        ),
    )


def sourced_receipt_body(receipt: Receipt, sources: Mapping[str, Source]) -> SourcedReceiptBody:
    """A receipt for the wire, with the sources written out."""
    return SourcedReceiptBody(
        **dict(receipt_body(receipt)),
        model=receipt.answer.model_id,
        prompt_tokens=receipt.answer.usage.prompt_tokens,
        completion_tokens=receipt.answer.usage.new_tokens,
        at=receipt.answer.at,
        idle=_idle_body(receipt),
        sources={name: source_body(key, sources) for name, key in receipt.sources().items()},
    )


def _idle_body(receipt: Receipt) -> IdleBody | None:
    machine = receipt.factors.machine
    if machine.idle_w is None or machine.idle_method is None:
        return None
    return IdleBody(power_w=machine.idle_w, method=machine.idle_method)


def source_body(key: str, sources: Mapping[str, Source]) -> SourceBody:
    """A source written out; one that is not in the catalogue, such as the user's own price, by its key."""
    source = sources.get(key)
    if source is None:
        return SourceBody(key=key, title=key, url="")
    return SourceBody(key=key, title=source.title, url=source.url)
