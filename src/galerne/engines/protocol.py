"""What an engine is: it runs one model, and streams answers as events.

One contract suite (``tests/contract/test_engine_contract.py``) runs over every variant.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from galerne.generation import GenerationEvent, GenerationRequest, Message


class EngineKind(StrEnum):
    """Which engine it is. Figures of a simulated engine are never shown as measured."""

    LLAMA_CPP = "llama.cpp"
    SIMULATED = "simulated"


class EngineState(StrEnum):
    """Where an engine is in its life."""

    STARTING = "starting"
    READY = "ready"
    STOPPED = "stopped"
    CRASHED = "crashed"


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineStatus:
    """An engine at one moment.

    Attributes:
        n_slots: answers it generates at once.
        context_tokens: tokens that one conversation may hold; every slot has as many.
        n_active: answers being generated.
        n_waiting: answers that wait for a slot.
        load_s: how long the model took to load; None before it has.
        process_id: of the engine's own process; None where there is none.
    """

    kind: EngineKind
    state: EngineState
    model_id: str
    n_slots: int
    context_tokens: int
    n_active: int
    n_waiting: int
    load_s: float | None = None
    process_id: int | None = None


class Engine(Protocol):
    """Runs one model."""

    async def start(self) -> None:
        """Load the model; returns when it is ready. Does nothing on an engine that has started.

        Raises:
            EngineMissing: the engine is not installed.
            EngineCrashed: it died while loading.
            ModelFileMissing: the file is not there.
            InvalidModelFile: the engine cannot load the file.
        """
        ...

    async def stop(self) -> None:
        """End it and every answer in flight; may be called twice, and never hangs."""
        ...

    def status(self) -> EngineStatus:
        """How it is now."""
        ...

    def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Stream one answer: one ``PromptRead``, then ``TokenChunk`` s, then exactly one ``Finished``.

        The ``n_tokens`` of the chunks add up to ``usage.new_tokens``. Closing the generator, or cancelling
        the task that reads it, stops the engine's work on it within a token.

        Raises:
            EngineCrashed: the engine died; the next request meets a new one.
            EngineRefused: it does not accept the request.
            ContextTooLong: the prompt is longer than the context.
        """
        ...

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the prompt that these messages make, template included."""
        ...

    def processor_s(self) -> float:
        """CPU-seconds used since the first start; never decreases, across restarts too."""
        ...
