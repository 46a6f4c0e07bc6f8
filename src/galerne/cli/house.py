"""The composition root: the one place where settings become parts, wired together."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from galerne.cli.electricity import open_electricity
from galerne.cli.engines_file import read_engines
from galerne.cli.factors import FactorsOfNow
from galerne.cli.foundation import Foundation
from galerne.cli.further_nodes import with_further_nodes
from galerne.cli.idle_tuning import tuned_when_idle
from galerne.cli.installed import installed
from galerne.cli.learned import LoneRuns, RememberedRuns
from galerne.cli.metering import idle_tracker, meter_parts
from galerne.cli.nodes import Stock, simulated_stock
from galerne.cli.settings import Settings
from galerne.cli.shelf import LocalShelf
from galerne.cli.tuned import RememberedTunings
from galerne.engines.offload import NO_GPUS, GpuShare, find_gpus, is_built_for_gpus
from galerne.errors import InvalidRequest
from galerne.fleet import (
    Admission,
    ChainObserver,
    FairQueue,
    Gateway,
    Pool,
    PoolRules,
    Router,
    Surroundings,
    Throughput,
)
from galerne.ledger import Accountant, Ledger
from galerne.machine.host import free_memory_bytes
from galerne.machine.meter import (
    AcceleratorClock,
    JointMeter,
    Meter,
    ModelledMeter,
    ProcessorClock,
    choose_meter,
)
from galerne.machine.nvidia import load_nvml
from galerne.models import BUILTIN_MODEL_ID

if TYPE_CHECKING:
    from fastapi import FastAPI

OpenFront: TypeAlias = "Callable[..., AbstractAsyncContextManager[FastAPI]]"
"""See ``galerne.cli.front.open_front``."""
ELSEWHERE = "elsewhere"
"""What the modelled meter of further engines covers: work on machines that no meter here sees."""


@contextlib.asynccontextmanager
async def open_house(
    foundation: Foundation,
    *,
    base_url: str,
    own_key: str,
    simulate: str | None = None,
    has_pages: bool = True,
) -> AsyncIterator[FastAPI]:
    """Everything a daemon serves, from the meter to the page, for as long as the block lasts.

    Args:
        foundation: settings and facts.
        base_url: where this daemon answers; the page is a client of it.
        own_key: what the page, and the owner's other commands, send.
        simulate: id of a catalogue system to simulate instead of running an engine.
        has_pages: False makes the pages when the first is asked for.

    Raises:
        GalerneError: whatever does not open or start.
    """
    settings, clock = foundation.settings, foundation.clock
    with contextlib.ExitStack() as stack:
        # An unknown zone is said now, not at the first answer.
        electricity = stack.enter_context(open_electricity(settings, foundation.catalog, clock))
        foundation = replace(foundation, electricity=electricity)
        share = NO_GPUS if simulate is not None else await _gpu_share(settings)
        stock = _make_stock(foundation, simulate=simulate, share=share)
        # What was only simulated is never on the same books as what was used.
        ledger = Ledger.open(settings.ledger_url if simulate is None else settings.simulated_ledger_url)
        stack.callback(ledger.close)
        meter = _make_meter(foundation, stock, simulated=simulate is not None)
        stack.callback(meter.close)
        nvml = load_nvml() if stock.machine.accelerators and simulate is None else None
        accelerators = AcceleratorClock(nvml, clock=clock) if nvml else None
        if accelerators:
            stack.callback(accelerators.close)
        accountant = _make_accountant(foundation, stock, meter, ledger, accelerators=accelerators)
        stack.callback(accountant.close)
        gateway = _make_gateway(foundation, stock, accountant, ledger, meter_method=meter.method)
        # Half of what a daemon imports is what it shows the outside: that comes while the engine loads.
        coming = asyncio.create_task(asyncio.to_thread(_import_front, has_pages=has_pages))
        async with gateway:
            open_front = await coming
            front = open_front(
                foundation,
                stock,
                accountant,
                gateway,
                ledger,
                base_url=base_url,
                own_key=own_key,
                has_pages=has_pages,
            )
            async with front as app, _tuned_when_idle(foundation, stock, gateway):
                yield app


def _import_front(*, has_pages: bool) -> OpenFront:
    from galerne.cli.front import open_front

    if has_pages:
        from galerne.cli.pages import load_pages

        load_pages()

    return open_front


def _tuned_when_idle(
    foundation: Foundation, stock: Stock, gateway: Gateway
) -> contextlib.AbstractAsyncContextManager[None]:
    """Measure the engine's settings while nobody asks, unless the owner does not want it."""
    settings = foundation.settings
    if stock.shelf is None or not settings.tunes_idle:
        return contextlib.nullcontext()
    return tuned_when_idle(
        gateway.pool,
        stock.shelf,
        RememberedTunings(settings.home, stock.machine),
        free_bytes=free_memory_bytes,
        clock=foundation.clock,
    )


async def _gpu_share(settings: Settings) -> GpuShare:
    """What models may have of the GPUs that the installed engine computes on; nothing where it knows none."""
    if settings.gpu_layers == 0 or not is_built_for_gpus():
        return NO_GPUS
    return GpuShare(gpus=await find_gpus(), most_layers=settings.gpu_layers)


def _make_stock(foundation: Foundation, *, simulate: str | None, share: GpuShare = NO_GPUS) -> Stock:
    settings, catalog, clock = foundation.settings, foundation.catalog, foundation.clock
    machine = foundation.machine()
    if simulate is None:
        entries = read_engines(settings.engines_path, os.environ)
        is_further = settings.model_id in {entry.model_id for entry in entries}
        shelf = LocalShelf(
            catalog,
            machine,
            installed=lambda: installed(settings),
            default_id=BUILTIN_MODEL_ID if is_further else settings.model_id,
            context_tokens=settings.context_tokens,
            clock=clock,
            tunings=RememberedTunings(settings.home, machine),
            share=share,
        )
        return with_further_nodes(
            shelf.stock(),
            entries,
            catalog,
            machine,
            default_id=settings.model_id,
            offline=settings.offline,
            clock=clock,
        )
    model_id = settings.model_id
    if model_id == BUILTIN_MODEL_ID:
        raise InvalidRequest(path="--model", problem="name the model of the catalogue that is simulated")
    return simulated_stock(catalog, machine, system_id=simulate, model_id=model_id, clock=clock)


def _make_meter(foundation: Foundation, stock: Stock, *, simulated: bool) -> Meter:
    machine, clock = stock.machine, foundation.clock
    if simulated:
        return ModelledMeter(active_j=stock.active_j, idle_w=machine.idle_w, clock=clock)
    here = choose_meter(
        meter_parts(
            foundation.settings,
            machine,
            clock=clock,
            active_j=stock.active_j,
            processor_s=stock.processor_s,
        )
    )
    if stock.elsewhere_j is None:
        return here
    elsewhere = ModelledMeter(active_j=stock.elsewhere_j, idle_w=0.0, clock=clock, domain=ELSEWHERE)
    return JointMeter([here, elsewhere])


def _make_accountant(
    foundation: Foundation,
    stock: Stock,
    meter: Meter,
    ledger: Ledger,
    *,
    accelerators: AcceleratorClock | None,
) -> Accountant:
    machine = stock.machine
    idle = idle_tracker(foundation.settings, machine, covers=meter.covers)
    return Accountant(
        node_id=stock.node_id,
        meter=meter,
        idle=idle,
        clock=foundation.clock,
        ledger=ledger,
        factors=FactorsOfNow(foundation, machine, meter, idle),
        processor=ProcessorClock(engines_s=stock.processor_s, clock=foundation.clock),
        accelerators=accelerators,
        prices=foundation.prices().of,
    )


def _make_gateway(
    foundation: Foundation,
    stock: Stock,
    accountant: Accountant,
    ledger: Ledger,
    *,
    meter_method: str,
) -> Gateway:
    clock, catalog, settings = foundation.clock, foundation.catalog, foundation.settings
    throughput = Throughput(clock=clock)
    surroundings = Surroundings(
        catalog=catalog,
        machine=stock.machine,
        meter_method=meter_method,
        place=settings.place,
        facility=foundation.facility(),
        grid=foundation.grid,
        direct_g_per_kwh=lambda: foundation.grid().direct_g_per_kwh,
    )
    pool = Pool(
        find_nodes=stock.find_nodes,
        free_bytes=free_memory_bytes,
        booking=accountant.loading,
        clock=clock,
        rules=_pool_rules(settings),
    )
    return Gateway(
        pool=pool,
        router=Router(),
        accountant=accountant,
        admission=Admission(quotas=ledger.quotas, accountant=accountant, clock=clock),
        clock=clock,
        grid=foundation.grid,
        facility=foundation.facility(),
        throughput=throughput,
        queue=FairQueue(
            clock=clock,
            most_tokens=float(settings.queue_tokens),
            most_first_token_s=settings.queue_s,
        ),
        observer=ChainObserver(
            surroundings=surroundings,
            accountant=accountant,
            ledger=ledger,
            clock=clock,
            throughput=throughput,
        ),
        on_run=LoneRuns(RememberedRuns(settings.home, stock.machine), clock=clock).note,
    )


def _pool_rules(settings: Settings) -> PoolRules:
    return PoolRules(
        keep_s=settings.keep_loaded_s,
        patience_s=settings.load_patience_s,
        budget_bytes=settings.memory_bytes,
        load_anyway=settings.load_anyway,
        pinned=settings.pinned,
    )
