"""Nodes of ``engines.toml``: servers elsewhere, and vLLM as a process of ours, beside the local ones."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from galerne.catalog import Catalog, Machine
from galerne.cli.engines_file import EngineEntry
from galerne.cli.nodes import Stock, system_machine
from galerne.clock import Clock
from galerne.engines import Engine, RemoteEngine, RemoteSettings, VllmEngine, VllmSettings
from galerne.fleet import Node
from galerne.perf import BatchShape, ServingPlan, predict_step, serving_plan, step_weights

MIDDLE_TOKENS = 1024.0
"""Context of the answers at which a machine's busy power is taken."""
PATIENCE_S = 10.0
"""How long a server elsewhere may take to answer before its requests are told that it does not."""


def with_further_nodes(
    stock: Stock,
    entries: Sequence[EngineEntry],
    catalog: Catalog,
    this_machine: Machine,
    *,
    default_id: str,
    offline: bool,
    clock: Clock,
) -> Stock:
    """A stock with the engines of the file behind its own.

    Args:
        stock: the local nodes.
        entries: of the file.
        catalog: systems, models and formats.
        this_machine: this computer.
        default_id: the model served when none is named; one of the file comes before the local ones.
        offline: leave out what is elsewhere: nothing may leave this machine.
        clock: time.

    Raises:
        UnknownId: the catalogue has no such system, model or format.
    """
    usable = [entry for entry in entries if not (offline and entry.url and not _is_here(entry.url))]
    if not usable:
        return stock
    made = [_node(entry, catalog, this_machine, clock=clock) for entry in usable]
    first = [node for node, _ in made if node.model_id == default_id]
    others = [node for node, _ in made if node.model_id != default_id]
    return replace(
        stock,
        find_nodes=lambda: [*first, *stock.find_nodes(), *others],
        elsewhere_j=lambda: sum(active_j() for _, active_j in made),
    )


def _node(
    entry: EngineEntry, catalog: Catalog, this_machine: Machine, *, clock: Clock
) -> tuple[Node, Callable[[], float]]:
    machine = system_machine(
        catalog, this_machine, system_id=entry.system, n_accelerators=entry.n_accelerators
    )
    model = replace(catalog.models[entry.like], id=entry.model_id)
    plan = serving_plan(
        catalog,
        model,
        catalog.formats[entry.format],
        machine,
        context_tokens=entry.context_tokens,
        max_sequences=entry.n_slots,
        tensor_parallel=entry.n_accelerators,
    )
    engine = _engine(entry, plan, clock=clock)
    node = Node(
        node_id=f"{entry.name}/{entry.model_id}",
        model_id=entry.model_id,
        model_name=catalog.models[entry.like].name,
        engine=engine,
        plan=plan,
        weights=step_weights(plan),
        loads_on_demand=True,
        is_here=False,
        may_leave_idle=not entry.url,
    )
    middle = predict_step(plan, BatchShape(n_sequences=entry.n_slots / 2.0, context_tokens=MIDDLE_TOKENS))
    above_idle_w = max(float(middle.it_j) / float(middle.duration_s) - machine.idle_w, 0.0)
    return node, lambda: engine.processor_s() * above_idle_w


def _engine(entry: EngineEntry, plan: ServingPlan, *, clock: Clock) -> Engine:
    if entry.url:
        settings = RemoteSettings(
            model_id=entry.model_id,
            address=entry.url,
            key=entry.key,
            served_name=entry.served_as,
            context_tokens=plan.context_tokens,
            n_slots=entry.n_slots,
            patience_s=PATIENCE_S,
        )
        return RemoteEngine(settings, clock=clock)
    own = VllmSettings(
        model_id=entry.model_id,
        checkpoint=entry.checkpoint,
        plan=plan,
        command=entry.command,
        options=entry.options,
    )
    return VllmEngine(own, clock=clock)


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
