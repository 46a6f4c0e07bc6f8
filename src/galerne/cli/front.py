"""What a daemon shows the outside: the API, the pages and their tools, while its engine loads."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from fastapi import FastAPI
from starlette.types import ASGIApp

from galerne import __version__
from galerne.api import Services, create_app, hash_key
from galerne.chat.tools.fetch import fetch_image
from galerne.cli.foundation import Foundation
from galerne.cli.learned import RememberedRuns
from galerne.cli.nodes import Stock
from galerne.cli.observing import observe
from galerne.cli.pages import Conversations, on_demand, open_pages
from galerne.cli.planner import Planner
from galerne.cli.settings import is_loopback
from galerne.fleet import Gateway, model_prices
from galerne.ledger import Accountant, Ledger
from galerne.machine.host import free_memory_bytes
from galerne.models import arriving
from galerne.perf import Fit, advise


@contextlib.asynccontextmanager
async def open_front(
    foundation: Foundation,
    stock: Stock,
    accountant: Accountant,
    gateway: Gateway,
    ledger: Ledger,
    *,
    base_url: str,
    own_key: str,
    has_pages: bool = True,
) -> AsyncIterator[FastAPI]:
    """The application, for as long as the block lasts.

    Args:
        foundation: settings and facts.
        stock: the machine and its engines.
        accountant: tells of answers that ended.
        gateway: answers.
        ledger: the receipts, keys and limits.
        base_url: where this daemon answers; the page is a client of it.
        own_key: what the page, and the owner's other commands, send.
        has_pages: False makes the pages when the first is asked for.

    Raises:
        GalerneError: whatever does not open or start.
    """
    with contextlib.ExitStack() as stack:
        conversations = Conversations(foundation)
        stack.callback(conversations.close)
        if has_pages:
            conversations.store()  # a store that does not open is told now, not at the first page
        metrics = stack.enter_context(observe(accountant, gateway))
        services = _make_services(foundation, stock, gateway, ledger, own_key=own_key)
        services = replace(services, metrics=metrics, has_people=conversations.have_people)
        app = create_app(services)

        def pages() -> contextlib.AbstractAsyncContextManager[ASGIApp]:
            return open_pages(
                foundation, conversations, base_url=base_url, own_key=own_key, keys=app.state.doorkeeper
            )

        async with pages() if has_pages else on_demand(pages) as web:
            app.mount("/", web)
            yield app


def _make_services(
    foundation: Foundation, stock: Stock, gateway: Gateway, ledger: Ledger, *, own_key: str
) -> Services:
    settings, catalog = foundation.settings, foundation.catalog

    def fits() -> tuple[Fit, ...]:
        runs = RememberedRuns(settings.home, stock.machine).of
        return advise(catalog, stock.machine, free_bytes=free_memory_bytes(), lessons=runs).fits

    return Services(
        gateway=gateway,
        ledger=ledger,
        catalog=catalog,
        version=__version__,
        clock=foundation.clock,
        language=settings.language,
        api_key_hash=hash_key(settings.api_key) if settings.api_key else None,
        own_key_hash=hash_key(own_key),
        keys=ledger.keys,
        key_required=not is_loopback(settings.host),
        allowed_hosts=("localhost", settings.host, *settings.host_names),
        fit=fits,
        pulls=lambda: arriving(settings.models_folder, now_at=foundation.clock.now_at()),
        site=Planner(catalog),
        limits=lambda subjects: ledger.quotas.standings(subjects, at=foundation.clock.now_at()),
        quotas=ledger.quotas,
        fetch_image=fetch_image if settings.fetches_images and not settings.offline else None,
        prices=lambda: model_prices(
            [(node.model_id, node.plan) for node in gateway.nodes],
            foundation.prices(),
            grid=foundation.grid(),
            facility=foundation.facility(),
        ),
    )
