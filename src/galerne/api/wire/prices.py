"""What a million tokens costs here, as clients see it."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, Field

from galerne.api.wire.receipt import SourceBody, source_body
from galerne.catalog import Catalog
from galerne.fleet import ModelPrice


class ModelPriceBody(BaseModel):
    """A million tokens of one model here, in euros."""

    model: str
    kind: str = Field(description="fixed, cost-plus, or electricity where the operator sets no price")
    method: str = Field(description="published where fixed, else modelled")
    input_eur_per_million: float
    cached_eur_per_million: float
    output_eur_per_million: float
    electricity_eur_per_million: float = Field(description="A million tokens written, electricity alone.")
    source: str = Field(description="Of the price, in the operator's words.")


class OfferBody(BaseModel):
    """What somebody else asks for a million tokens, by a dated list, in euros."""

    id: str
    name: str
    model: str = Field(description="Id of the open-weight model in the catalogue; empty for none.")
    status: str
    input_eur_per_million: float
    cached_eur_per_million: float
    output_eur_per_million: float
    source: SourceBody
    date: str


class PriceList(BaseModel):
    """Our prices, and the published ones beside them."""

    data: list[ModelPriceBody]
    offers: list[OfferBody]


def price_list(prices: Iterable[ModelPrice], catalog: Catalog) -> PriceList:
    """Prices for the wire."""
    cached_ratio = catalog.facts["mistral-cached-price-ratio"].value
    return PriceList(
        data=[
            ModelPriceBody(
                model=price.model_id,
                kind=price.kind,
                method=price.method,
                input_eur_per_million=price.input_eur_per_million,
                cached_eur_per_million=price.cached_eur_per_million,
                output_eur_per_million=price.output_eur_per_million,
                electricity_eur_per_million=price.electricity_eur_per_million,
                source=price.source,
            )
            for price in prices
        ],
        offers=[
            OfferBody(
                id=offer.id,
                name=offer.name,
                model=offer.model_id,
                status=offer.status,
                input_eur_per_million=offer.input_eur_per_million,
                cached_eur_per_million=offer.input_eur_per_million * cached_ratio,
                output_eur_per_million=offer.output_eur_per_million,
                source=source_body(offer.sources["default"], catalog.sources),
                date=catalog.sources[offer.sources["default"]].date,
            )
            for offer in catalog.offers.rows.values()
        ],
    )
