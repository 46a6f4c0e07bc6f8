"""Chooses the node for a request by what the shared model expects of each.

A policy is a figure of merit on an expectation, smaller being better. The same policies will serve the
simulator, so that what is planned is what runs.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from galerne.energy import EnergySplit, FacilityFactors, electricity_eur, use_co2_g
from galerne.engines import EngineState
from galerne.errors import NoNode, UnknownModel
from galerne.fleet.estimates import step_cost
from galerne.fleet.records import Expectation, Node, RouteDecision
from galerne.generation import GenerationRequest
from galerne.grid import GridSignal

Policy: TypeAlias = Callable[[Expectation], float]

POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        "fastest": lambda expectation: expectation.total_s,
        "frugal": lambda expectation: expectation.it_j,
        "greenest": lambda expectation: expectation.co2_g,
        "cheapest": lambda expectation: expectation.cost_eur,
    }
)
"""Figures of merit by name."""


def expect(
    node: Node, request: GenerationRequest, *, grid: GridSignal, facility: FacilityFactors
) -> Expectation:
    """What an answer to this request is expected to take on this node as busy as it is now."""
    prompt_tokens = node.expected_prompt_tokens(request.n_characters())
    new_tokens = node.expected_new_tokens(request.sampling.max_new_tokens)
    status = node.engine.status()
    n_answers = status.n_active + status.n_waiting + 1
    n_together = float(min(n_answers, status.n_slots))
    n_rounds_waiting = max(0, n_answers - status.n_slots) / status.n_slots
    prefill = step_cost(node.plan, prompt_tokens=prompt_tokens)
    middle_tokens = prompt_tokens + new_tokens / 2.0
    decode = step_cost(node.plan, n_sequences=n_together, context_tokens=middle_tokens)
    answer_s = float(prefill.duration_s) + new_tokens * float(decode.duration_s)
    split = EnergySplit(
        accelerator_j=prefill.accelerator_j + new_tokens * decode.accelerator_j / n_together,
        host_j=prefill.host_j + new_tokens * decode.host_j / n_together,
    )
    return Expectation(
        first_token_s=n_rounds_waiting * answer_s + float(prefill.duration_s),
        total_s=(1.0 + n_rounds_waiting) * answer_s,
        tokens_per_s=1.0 / float(decode.duration_s),
        it_j=float(split.it_j),
        co2_g=float(use_co2_g(split, facility, g_per_kwh=grid.g_per_kwh)),
        cost_eur=float(electricity_eur(split, facility, eur_per_kwh=grid.eur_per_kwh)),
        prefill_s=float(prefill.duration_s),
    )


class Router:
    """Picks a node under one policy."""

    def __init__(self, *, policy: str = "fastest") -> None:
        self.policy = policy
        self._merit = POLICIES[policy]

    def choose(
        self,
        request: GenerationRequest,
        nodes: Iterable[Node],
        *,
        grid: GridSignal,
        facility: FacilityFactors,
    ) -> RouteDecision:
        """The node of least merit among those that can serve.

        A crashed engine is being restarted and lets a request wait for that: it is taken where none is ready;
        and where none is running, one that is loaded on demand.

        Raises:
            UnknownModel: no node serves a model of that name.
            NoNode: nodes serve it, and none is ready; with the reason for each.
        """
        candidates = list(nodes)
        serving = [node for node in candidates if node.answers_to(request.model_id)]
        if not serving:
            raise unknown_model(request.model_id, candidates)
        able = (
            _in_state(serving, EngineState.READY)
            or _in_state(serving, EngineState.CRASHED)
            or [node for node in serving if node.loads_on_demand]
        )
        able_ids = {node.node_id for node in able}
        rejected = {
            node.node_id: _reason(node, request.model_id)
            for node in candidates
            if node.node_id not in able_ids
        }
        if not able:
            raise NoNode(rejected=rejected)
        expectations = [(expect(node, request, grid=grid, facility=facility), node) for node in able]
        expectation, node = min(expectations, key=lambda entry: (self._merit(entry[0]), entry[1].node_id))
        return RouteDecision(node=node, expectation=expectation, rejected=rejected, policy=self.policy)


def _in_state(nodes: Iterable[Node], state: EngineState) -> list[Node]:
    return [node for node in nodes if node.engine.status().state is state]


def _reason(node: Node, model_name: str) -> str:
    if not node.answers_to(model_name):
        return f"serves {node.model_id}"
    return f"the engine is {node.engine.status().state}"


def unknown_model(name: str, nodes: Iterable[Node]) -> UnknownModel:
    """The error for a name that no node answers to; names the nearest."""
    known = [known_name for node in nodes for known_name in (node.model_id, *node.aliases)]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return UnknownModel(model=name, nearest=near[0] if near else None)
