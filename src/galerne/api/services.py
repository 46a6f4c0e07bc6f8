"""What the routes are given. The command line builds these parts; nothing here reads a setting."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from galerne.catalog import Catalog
from galerne.clock import Clock, SystemClock
from galerne.fleet import ChainView, GatewayEvent, GatewayStatus, ServedModel
from galerne.generation import GenerationRequest
from galerne.language import Language
from galerne.ledger import Receipt, UsageReport
from galerne.perf import Fit


class Answers(Protocol):
    """Where answers come from: the fleet's gateway."""

    def answer(self, request: GenerationRequest) -> AsyncGenerator[GatewayEvent, None]:
        """Stream one answer; engine errors raise; closing the iterator stops the engine."""
        ...

    def receipt_id(self, request_id: str) -> str | None:
        """The id that the receipt of an answer in flight will have."""
        ...

    def models(self) -> Sequence[ServedModel]:
        """The models clients can ask for."""
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
        self, group_by: str = "total", *, since_at: float | None = None, until_at: float | None = None
    ) -> UsageReport:
        """What was used, summed."""
        ...


def random_id() -> str:
    """96 random bits in hexadecimal."""
    return secrets.token_hex(12)


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """Everything the routes need.

    Attributes:
        language: for people who do not say theirs.
        api_key_hash: ``hash_key`` of the key clients must send; None where the owner alone can connect.
        allowed_hosts: names this server may be called by, besides any literal address; a page that
            rebinds its own name to our address is refused.
        fit: what fits on this machine.
        plan_site: from the text of a scenario to a plan, as plain data.
        new_id: where identifiers come from.
    """

    gateway: Answers
    ledger: Accounts
    catalog: Catalog
    version: str
    clock: Clock = field(default_factory=SystemClock)
    language: Language = Language.ENGLISH
    api_key_hash: str | None = None
    allowed_hosts: tuple[str, ...] = ("localhost",)
    fit: Callable[[], Sequence[Fit]] | None = None
    plan_site: Callable[[str], Mapping[str, Any]] | None = None
    new_id: Callable[[], str] = random_id
