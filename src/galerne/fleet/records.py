"""Nodes, what is expected of them, and what was decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from galerne.engines import Abilities, Engine
from galerne.generation import Finished, GenerationRequest
from galerne.ledger import Receipt
from galerne.perf import ServingPlan, StepWeights

FIRST_GUESS_CHARACTERS_PER_TOKEN = 4.0
"""Used until a node has read its first prompt; then what it observed."""
FIRST_GUESS_NEW_TOKENS = 200.0
"""Used until a node has finished its first answer; then the mean it observed."""


class Presence(StrEnum):
    """Whether a model can answer at once."""

    LOADED = "loaded"
    LOADING = "loading"
    INSTALLED = "installed"
    LEAVING = "leaving"


@dataclass(kw_only=True, slots=True)
class Node:
    """A running engine with the plan it runs under, and what it has learned of its traffic.

    Attributes:
        aliases: other names clients may use for its model.
        created_at: when the model file was made, for the model card.
        default_temperature: used where a request names none; None leaves it to the engine.
        needed_bytes: memory of this machine that it takes while it is loaded.
        adapt: fits the engine to so much memory, as far as it can, before it is loaded: fewer answers at
            once, then a shorter context. Sets ``needed_bytes`` and ``plan``, and tells whether it did.
        loads_on_demand: whether a request may start the engine.
        is_here: whether it computes on this machine, so that its speed says something of it.
        may_leave_idle: whether it is unloaded when nobody has used it for a while.
        settings: what the engine runs with and why, for people.
    """

    node_id: str
    model_id: str
    model_name: str
    engine: Engine
    plan: ServingPlan
    weights: StepWeights
    aliases: tuple[str, ...] = ()
    created_at: float = 0.0
    default_temperature: float | None = None
    needed_bytes: int = 0
    adapt: Callable[[int], bool] | None = None
    loads_on_demand: bool = False
    is_here: bool = True
    may_leave_idle: bool = True
    settings: Callable[[], Mapping[str, str]] = dict
    n_characters: float = field(default=0.0)
    n_prompt_tokens: float = field(default=0.0)
    n_answers: int = field(default=0)
    n_new_tokens: float = field(default=0.0)

    def learn_prompt(self, *, n_characters: int, prompt_tokens: int) -> None:
        """Remember how many tokens a text of this size made."""
        self.n_characters += n_characters
        self.n_prompt_tokens += prompt_tokens

    def learn_answer(self, *, new_tokens: int) -> None:
        """Remember how long an answer was."""
        self.n_answers += 1
        self.n_new_tokens += new_tokens

    def expected_prompt_tokens(self, n_characters: int) -> float:
        """Tokens that a text of this size will probably make."""
        if not self.n_prompt_tokens:
            return max(1.0, n_characters / FIRST_GUESS_CHARACTERS_PER_TOKEN)
        return max(1.0, n_characters * self.n_prompt_tokens / max(self.n_characters, 1.0))

    def expected_new_tokens(self, limit: int | None) -> float:
        """Tokens that the next answer will probably have."""
        mean = self.n_new_tokens / self.n_answers if self.n_answers else FIRST_GUESS_NEW_TOKENS
        return min(mean, float(limit)) if limit else mean

    def with_defaults(self, request: GenerationRequest) -> GenerationRequest:
        """The request with what this model prefers where it says nothing."""
        if request.sampling.temperature is not None or self.default_temperature is None:
            return request
        return replace(request, sampling=replace(request.sampling, temperature=self.default_temperature))

    def answers_to(self, name: str) -> bool:
        """Whether a client that asks for ``name`` means this node's model."""
        return name == self.model_id or name in self.aliases


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadTerms:
    """What a client says about a model that is not loaded yet.

    Attributes:
        patience_s: how long it is willing to wait; None for the server's own patience.
        anyway: load it even if it does not fit.
    """

    patience_s: float | None = None
    anyway: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """What an answer is expected to take on one node, from the shared model: always modelled.

    Attributes:
        first_token_s: queue and prefill.
        prefill_s: of that, reading the prompt.
        total_s: to the last token.
        it_j: energy of this answer's share of the machine.
        co2_g: of the electricity.
        cost_eur: of the electricity.
    """

    first_token_s: float
    total_s: float
    tokens_per_s: float
    it_j: float
    co2_g: float
    cost_eur: float
    prefill_s: float = 0.0

    @property
    def answer_s(self) -> float:
        """Time in a place: reading and writing, without waiting."""
        return self.total_s - self.first_token_s + self.prefill_s


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteDecision:
    """Which node, what is expected of it, and why not the others."""

    node: Node
    expectation: Expectation
    rejected: Mapping[str, str]
    policy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedModel:
    """A model clients can ask for."""

    model_id: str
    name: str
    aliases: tuple[str, ...]
    context_tokens: int
    created_at: float
    abilities: Abilities = field(default_factory=Abilities)
    n_parameters: float | None = None
    presence: Presence = Presence.LOADED


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayStatus:
    """Whether answers can be had, and what is going on.

    Attributes:
        ready: whether at least one node can take a request now.
        states: state of each node's engine, by node.
        n_loaded: models that answer at once; ``n_loading`` and ``n_installed`` likewise.
    """

    ready: bool
    states: Mapping[str, str]
    n_active: int
    n_waiting: int
    n_loaded: int = 0
    n_loading: int = 0
    n_installed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """The end of an answer, with its bill: the last event of a gateway's stream."""

    finished: Finished
    receipt: Receipt
    decision: RouteDecision
