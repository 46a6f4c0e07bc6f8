"""The nouns of tool use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

Run: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[str]]


class UseStatus(StrEnum):
    """How far the use of a tool has come."""

    ASKED = "asked"
    """It waits for a person to agree."""
    RUNNING = "running"
    DONE = "done"
    DENIED = "denied"
    FAILED = "failed"


class Decision(StrEnum):
    """What a person says to a tool that asks first."""

    ONCE = "once"
    CONVERSATION = "conversation"
    DENY = "deny"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """Something a model may call.

    Attributes:
        name: as the model writes it; letters, digits, ``_`` and ``-``.
        parameters: JSON schema of the arguments.
        run: does it; the reply is text for the model.
        asks: a person must agree before it runs: it reaches outside, or acts.
        origin: ``galerne``, or the name of the server in the configuration.
        needs_documents: it is offered where there are documents, and each answer binds it to its own.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    run: Run
    asks: bool = False
    origin: str = "galerne"
    needs_documents: bool = False

    @property
    def spec(self) -> dict[str, Any]:
        """The tool as the API takes it."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": function}


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolUse:
    """One call of a tool inside an answer.

    Attributes:
        id: of the call.
        arguments: exactly as the model wrote them.
        at_characters: length of the answer's text before it.
        round: calls of one round were made together.
    """

    id: str
    name: str
    arguments: str
    at_characters: int
    round: int
    status: UseStatus = UseStatus.RUNNING
    result: str = ""

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> ToolUse:
        """A use as the store keeps it."""
        return cls(**{**facts, "status": UseStatus(facts["status"])})
