"""What an engine is: it runs one model, and streams answers as events.

One contract suite (``tests/contract/test_engine_contract.py``) runs over every variant.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from galerne.errors import AbilityMissing
from galerne.generation import (
    Embedded,
    GenerationEvent,
    GenerationRequest,
    Message,
    TextToken,
    Toolbox,
    ToolUse,
)


class EngineKind(StrEnum):
    """Which engine it is. Figures of a simulated engine are never shown as measured."""

    LLAMA_CPP = "llama.cpp"
    REMOTE = "remote"
    VLLM = "vllm"
    SIMULATED = "simulated"


class EngineState(StrEnum):
    """Where an engine is in its life."""

    STARTING = "starting"
    READY = "ready"
    STOPPED = "stopped"
    CRASHED = "crashed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Abilities:
    """What a model can be asked for, as its file and its chat template say.

    Attributes:
        chat: whether it has a chat template.
        tools: whether that template has words for tools; a required call can be had without.
        thinking: whether it can think before it answers.
        infill: whether it fills in the middle.
        embedding: whether it makes vectors of texts.
        vision: whether it sees images: a file beside the model's gives it eyes.
    """

    chat: bool = True
    tools: bool = False
    thinking: bool = False
    infill: bool = False
    embedding: bool = False
    vision: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineMemory:
    """What an engine holds of this machine's memory now.

    Attributes:
        resident_bytes: all of it.
        private_bytes: without the pages of files, which the system still counts as available.
    """

    resident_bytes: int = 0
    private_bytes: int = 0


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
        abilities: of the model; known once it has loaded.
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
    abilities: Abilities = field(default_factory=Abilities)


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
        """Stream one answer: one ``PromptRead``, then tokens and tool calls, then exactly one ``Finished``.

        The ``n_tokens`` of the chunks add up to ``usage.new_tokens``. Closing the generator, or cancelling
        the task that reads it, stops the engine's work on it within a token.

        Raises:
            EngineCrashed: the engine died; the next request meets a new one.
            EngineRefused: it does not accept the request.
            ContextTooLong: the prompt is longer than the context.
            AbilityMissing: the model cannot do this.
        """
        ...

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """A vector for each text.

        Raises:
            AbilityMissing: the model makes none.
            ContextTooLong: a text is.
        """
        ...

    async def count_tokens(self, messages: Sequence[Message], *, tools: Toolbox | None = None) -> int:
        """Tokens of the prompt that these messages make, template and tools included."""
        ...

    async def tokenize(self, text: str) -> tuple[TextToken, ...]:
        """The tokens of a text, without a template."""
        ...

    def processor_s(self) -> float:
        """CPU-seconds used since the first start; never decreases, across restarts too."""
        ...

    def memory(self) -> EngineMemory:
        """What it holds now, also while it loads; nothing where it runs on another machine."""
        ...


def check_abilities(request: GenerationRequest, abilities: Abilities) -> None:
    """Refuse what the model cannot do, before any work.

    Raises:
        AbilityMissing: naming what.
    """
    missing = None
    if request.text is None and not abilities.chat:
        missing = "Chat completion"
    elif request.text is not None and request.text.suffix is not None and not abilities.infill:
        missing = "FIM"
    elif request.tools is not None and request.tools.use is ToolUse.AUTO and not abilities.tools:
        missing = "Function calling"
    if missing is not None:
        raise AbilityMissing(ability=missing, model=request.model_id)
    check_sight(request.messages, abilities, model_id=request.model_id)


def check_sight(messages: Sequence[Message], abilities: Abilities, *, model_id: str) -> None:
    """Refuse images where the model has no eyes.

    Raises:
        AbilityMissing: there are some.
    """
    if not abilities.vision and any(message.images for message in messages):
        raise AbilityMissing(ability="Image input", model=model_id)
