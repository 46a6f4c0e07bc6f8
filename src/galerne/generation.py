"""The nouns of an answer: what is asked, what streams back, what it used.

Wire formats end in ``api``; engines begin here. No field knows a protocol.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CANCELLED = "cancelled"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How the next token is drawn. ``None`` leaves the choice to the model's own default."""

    temperature: float | None = None
    top_p: float | None = None
    max_new_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationRequest:
    """One question to one model."""

    request_id: str
    model_id: str
    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)

    def n_characters(self) -> int:
        """Size of the question; the only thing about its text that may be logged."""
        return sum(len(message.content) for message in self.messages)


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What an answer used.

    Attributes:
        prompt_tokens: tokens of the whole prompt, cached ones included.
        cached_tokens: prompt tokens whose keys and values were already there.
        new_tokens: tokens generated.
        queued_s: time before the engine began.
        prefill_s: time of the prompt, to the first token.
        decode_s: time of the tokens after the first.
    """

    prompt_tokens: int
    cached_tokens: int
    new_tokens: int
    queued_s: float
    prefill_s: float
    decode_s: float

    @property
    def first_token_s(self) -> float:
        """Time to first token, TTFT."""
        return self.queued_s + self.prefill_s

    @property
    def decode_tokens_per_s(self) -> float:
        """Speed after the first token; 0 where there is no second one."""
        return (self.new_tokens - 1) / self.decode_s if self.decode_s > 0 and self.new_tokens > 1 else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptRead:
    """The prompt has been processed; the first token follows.

    Attributes:
        prompt_tokens: tokens of the whole prompt.
        cached_tokens: how many of them cost nothing this time.
    """

    prompt_tokens: int
    cached_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenChunk:
    """A piece of the answer; ``text`` may be empty while a character completes."""

    text: str
    n_tokens: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """The end of an answer, always the last event."""

    reason: FinishReason
    usage: Usage


GenerationEvent: TypeAlias = PromptRead | TokenChunk | Finished
"""What an engine streams: one ``PromptRead``, then ``TokenChunk`` s, then one ``Finished``."""
