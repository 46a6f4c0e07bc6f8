"""What answers cost: receipts and sums."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from galerne.api.services import Services
from galerne.api.wire.receipt import SourcedReceiptBody, sourced_receipt_body
from galerne.api.wire.usage import UsageReportBody, usage_report_body
from galerne.errors import InvalidRequest

Instant = Annotated[str | None, Query(description="UTC seconds since 1970, or ISO 8601.", max_length=64)]


def account_routes(services: Services) -> APIRouter:
    """The routes of the ledger. They read the disk, so the framework runs them in threads."""
    router = APIRouter(tags=["accounts"])

    @router.get("/v1/receipts/{receipt_id}", summary="Show what an answer cost, with sources")
    def show_receipt(receipt_id: str) -> SourcedReceiptBody:
        return sourced_receipt_body(services.ledger.receipt(receipt_id), services.catalog.sources)

    @router.get("/v1/usage", summary="Sum up what the answers cost")
    def show_usage(
        group_by: Literal["total", "model", "day"] = "total", since: Instant = None, until: Instant = None
    ) -> UsageReportBody:
        report = services.ledger.usage(
            group_by, since_at=instant_at(since, name="since"), until_at=instant_at(until, name="until")
        )
        return usage_report_body(report)

    return router


def instant_at(text: str | None, *, name: str) -> float | None:
    """Read an instant from a query; a date without an offset is UTC.

    Raises:
        InvalidRequest: it is neither a number of seconds nor a date.
    """
    if text is None:
        return None
    try:
        at = float(text)
    except ValueError:
        try:
            date = datetime.datetime.fromisoformat(text)
        except ValueError:
            raise InvalidRequest(path=name, problem="neither UTC seconds nor an ISO 8601 date") from None
        at = (date if date.tzinfo else date.replace(tzinfo=datetime.UTC)).timestamp()
    if not abs(at) < 1e12:  # NaN and infinity fail too
        raise InvalidRequest(path=name, problem="not an instant of this age")
    return at
