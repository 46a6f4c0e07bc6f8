"""What answers cost: receipts and sums."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request

from galerne.api.keys import Caller, KeyBook
from galerne.api.services import Services
from galerne.api.wire.receipt import SourcedReceiptBody, sourced_receipt_body
from galerne.api.wire.usage import UsageReportBody, usage_report_body
from galerne.errors import InvalidRequest, UnknownReceipt
from galerne.ledger import Receipt

GroupBy = Literal["total", "key", "owner", "project", "model", "day"]
Instant = Annotated[str | None, Query(description="UTC seconds since 1970, or ISO 8601.", max_length=64)]


def account_routes(services: Services) -> APIRouter:
    """The routes of the ledger. They read the disk, so the framework runs them in threads."""
    router = APIRouter(tags=["accounts"])

    @router.get("/v1/receipts/{receipt_id}", summary="Show what an answer cost, with sources")
    def show_receipt(receipt_id: str, request: Request) -> SourcedReceiptBody:
        receipt = services.ledger.receipt(receipt_id)
        if not may_see(receipt, request.state.caller, services.keys):
            raise UnknownReceipt(receipt_id=receipt_id)  # whose it is, is nobody else's business either
        return sourced_receipt_body(receipt, services.catalog.sources)

    @router.get("/v1/usage", summary="Sum up what your answers cost, or all for an administrator")
    def show_usage(
        request: Request,
        group_by: GroupBy = "total",
        since: Instant = None,
        until: Instant = None,
    ) -> UsageReportBody:
        caller: Caller = request.state.caller
        report = services.ledger.usage(
            group_by,
            since_at=instant_at(since, name="since"),
            until_at=instant_at(until, name="until"),
            owner=None if caller.is_admin else caller.payer.owner,
        )
        return usage_report_body(report)

    @router.get("/v1/admin/usage", summary="Sum up what everybody's answers cost, or one owner's")
    def show_all_usage(
        group_by: GroupBy = "key",
        since: Instant = None,
        until: Instant = None,
        owner: Annotated[str | None, Query(description="Only of this owner's keys.", max_length=200)] = None,
    ) -> UsageReportBody:
        report = services.ledger.usage(
            group_by,
            since_at=instant_at(since, name="since"),
            until_at=instant_at(until, name="until"),
            owner=owner,
        )
        return usage_report_body(report)

    return router


def may_see(receipt: Receipt, caller: Caller, keys: KeyBook | None) -> bool:
    """Whether a receipt is the caller's: of one of their owner's keys, or of any for an administrator."""
    if caller.is_admin:
        return True
    key_id = receipt.answer.key_id
    if key_id is None or keys is None:
        return False
    return key_id == caller.payer.key_id or keys.owner_of(key_id) == caller.payer.owner


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
