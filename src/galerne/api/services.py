"""What the routes are given. The command line builds these parts; nothing here reads a setting."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from galerne.api.keys import KeyBook
from galerne.api.metrics import Metrics
from galerne.catalog import Catalog
from galerne.clock import Clock, SystemClock
from galerne.fleet import (
    ChainView,
    GatewayEvent,
    GatewayStatus,
    LoadTerms,
    ModelPrice,
    QueuePlace,
    QueueView,
    ResidentView,
    ServedModel,
)
from galerne.generation import GenerationRequest, TextToken
from galerne.language import Language
from galerne.ledger import Limit, Payer, Period, Receipt, Standing, Unit, UsageReport
from galerne.models import Arriving
from galerne.perf import Fit


class Answers(Protocol):
    """Where answers come from: the fleet's gateway."""

    def answer(
        self, request: GenerationRequest, *, payer: Payer, terms: LoadTerms | None = None
    ) -> AsyncGenerator[GatewayEvent, None]:
        """Stream one answer within the payer's limits; errors raise; closing it stops the engine."""
        ...

    def standings(self, request_id: str) -> Sequence[Standing]:
        """The limits that hold for an answer in flight."""
        ...

    def receipt_id(self, request_id: str) -> str | None:
        """The id that the receipt of an answer in flight will have."""
        ...

    def queue_place(self, request_id: str) -> QueuePlace | None:
        """Where a request in line or at work stands."""
        ...

    def queues(self) -> Sequence[QueueView]:
        """The lines before the nodes."""
        ...

    async def count_tokens(self, request: GenerationRequest, *, terms: LoadTerms | None = None) -> int:
        """Tokens of the prompt that a request makes."""
        ...

    async def tokenize(
        self, request: GenerationRequest, *, terms: LoadTerms | None = None
    ) -> tuple[TextToken, ...]:
        """The tokens of a request's text."""
        ...

    def models(self) -> Sequence[ServedModel]:
        """The models clients can ask for."""
        ...

    async def refresh(self) -> None:
        """Look for models that have come or gone."""
        ...

    def residents(self) -> Sequence[ResidentView]:
        """Every node, with its life in memory."""
        ...

    async def load(self, name: str, *, terms: LoadTerms | None = None, pinned: bool | None = None) -> None:
        """Load a model now, and pin it or not."""
        ...

    async def unload(self, name: str, *, now: bool = False) -> None:
        """Unload a model once its answers have ended, or at once."""
        ...

    def chain(self) -> ChainView:
        """Every link from the grid to the last answer, now."""
        ...

    def status(self) -> GatewayStatus:
        """Whether answers can be had."""
        ...


class Accounts(Protocol):
    """Where bills are read: the ledger."""

    def receipt(self, receipt_id: str) -> Receipt:
        """The latest revision of a receipt."""
        ...

    def usage(
        self,
        group_by: str = "total",
        *,
        since_at: float | None = None,
        until_at: float | None = None,
        owner: str | None = None,
    ) -> UsageReport:
        """What was used, by everybody or by one owner's keys, summed."""
        ...


class Quotas(Protocol):
    """Where limits are set: the ledger's."""

    def set_limit(self, limit: Limit) -> None:
        """Set a limit, or change its amount."""
        ...

    def clear_limit(self, subject: str, unit: Unit, period: Period) -> bool:
        """Remove a limit; returns whether there was one."""
        ...


def random_pad() -> int:
    """Characters of padding, so that the size of a chunk says little of its text."""
    return secrets.randbelow(36)


def random_id() -> str:
    """96 random bits in hexadecimal."""
    return secrets.token_hex(12)


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteWish:
    """What is asked of the planner.

    Attributes:
        text: a scenario in TOML, or in JSON where ``is_json``.
        changes: of it, such as ``site.place=lyon``.
        n_samples: instead of those that the scenario names.
        quick: ranges from fewer moments of the year, for a page that follows a lever.
        language: of the reader, where names and quantities are wanted as text too.
        on_progress: told the share that is done; what it raises ends the work.
    """

    text: str
    changes: tuple[str, ...] = ()
    n_samples: int | None = None
    quick: bool = False
    language: Language | None = None
    on_progress: Callable[[float], None] | None = None
    is_json: bool = False


class SitePlanner(Protocol):
    """From the text of a scenario to plain data: the data centre behind the answers."""

    def plan(self, wish: SiteWish) -> Mapping[str, Any]:
        """A plan."""
        ...

    def report(self, wish: SiteWish) -> str:
        """The report of a plan, one HTML page."""
        ...

    def edit(self, wish: SiteWish) -> str:
        """The scenario with its changes, comments kept."""
        ...

    def compare(self, wish: SiteWish, places: Sequence[str], objectives: Sequence[str]) -> Mapping[str, Any]:
        """Places of these ids, ranked by these objectives."""
        ...

    def configure(self, wish: SiteWish, n_accelerators: int) -> Mapping[str, Any]:
        """The best ways to run the scenario's model on so many accelerators."""
        ...

    def show(self, place: str) -> Mapping[str, Any]:
        """What is known of a place."""
        ...

    def choices(self, language: Language) -> Mapping[str, Any]:
        """Ids and names of what a scenario may name."""
        ...

    def cases(self) -> Mapping[str, Any]:
        """The worked cases: scenarios to start from."""
        ...

    def schema(self) -> Mapping[str, Any]:
        """The JSON schema of scenarios."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """Everything the routes need.

    Attributes:
        language: for people who do not say theirs.
        api_key_hash: ``hash_key`` of the administrator's key, if there is one.
        own_key_hash: of the key that the daemon's own pages and commands send.
        keys: the keys of the ledger; once one was made, nobody asks without.
        key_required: others can connect, so that a key is needed from the start.
        allowed_hosts: names this server may be called by, besides any literal address; a page that
            rebinds its own name to our address is refused.
        fit: what fits on this machine.
        pulls: which model files are arriving.
        metrics: what Prometheus reads.
        site: the planner of data centres.
        limits: the limits of some subjects, or all, as they stand.
        quotas: where limits are set.
        has_people: whether somebody has an account on the pages; from then on nobody asks without a key.
        prices: what a million tokens of each served model costs.
        fetch_image: how an image of another server is fetched, guarded; None where that is not allowed.
        new_id: where identifiers come from.
        pad: how many characters of padding a chunk gets in Mistral's dialect.
        heartbeat_s: how long a stream may be silent.
    """

    gateway: Answers
    ledger: Accounts
    catalog: Catalog
    version: str
    clock: Clock = field(default_factory=SystemClock)
    language: Language = Language.ENGLISH
    api_key_hash: str | None = None
    own_key_hash: str | None = None
    keys: KeyBook | None = None
    key_required: bool = False
    allowed_hosts: tuple[str, ...] = ("localhost",)
    fit: Callable[[], Sequence[Fit]] | None = None
    pulls: Callable[[], Sequence[Arriving]] | None = None
    metrics: Metrics | None = None
    site: SitePlanner | None = None
    prices: Callable[[], Sequence[ModelPrice]] | None = None
    limits: Callable[[Sequence[str] | None], Sequence[Standing]] | None = None
    quotas: Quotas | None = None
    has_people: Callable[[], bool] = lambda: False
    fetch_image: Callable[[str], Awaitable[bytes]] | None = None
    new_id: Callable[[], str] = random_id
    pad: Callable[[], int] = random_pad
    heartbeat_s: float = 10.0
