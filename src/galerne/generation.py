"""The nouns of an answer: what is asked, what streams back, what it used.

Wire formats end in ``api``; engines begin here. No field knows a protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from galerne.images import Image

CHARACTERS_PER_TILE = 4
"""How many characters of text make about as many tokens as a tile of an image does."""


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
class ToolCall:
    """A function the model wants called: an event of an answer, and later a part of the conversation.

    Attributes:
        arguments: JSON text, as the model wrote it.
        call_id: ties the result to the call; empty in an event, where nobody has named it yet.
    """

    name: str
    arguments: str
    call_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn of a conversation.

    Attributes:
        tool_calls: what an assistant asked to be called in this turn.
        tool_call_id: in a tool's turn, the call it answers.
        thinking: what an assistant thought before this turn's content.
        images: those that a user shows, in the order of their places in the content.
    """

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    thinking: str = ""
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """A function a model may ask for; ``parameters`` is a JSON schema of its one object argument."""

    name: str
    description: str
    parameters: Mapping[str, Any]


class ToolUse(StrEnum):
    """Whether the tools offered are to be used."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


@dataclass(frozen=True, kw_only=True, slots=True)
class Toolbox:
    """The tools offered, and how they are to be used.

    Attributes:
        only: the one that must be used, with ``ToolUse.REQUIRED``.
        parallel: whether one answer may hold several calls.
    """

    tools: tuple[Tool, ...]
    use: ToolUse = ToolUse.AUTO
    only: str | None = None
    parallel: bool = True

    def usable(self) -> tuple[Tool, ...]:
        """The tools that an answer may call."""
        return tuple(tool for tool in self.tools if self.only in {None, tool.name})


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonAnswer:
    """The answer is to be JSON: an object of any shape, or what a JSON schema says."""

    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RawText:
    """A text to go on with, without any template.

    Attributes:
        suffix: with it, the answer is what belongs between the two: fill in the middle.
    """

    text: str
    suffix: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How the next token is drawn. ``None`` leaves the choice to the model's own default.

    Attributes:
        min_new_tokens: the answer does not end before it has as many.
        logit_bias: added to a token's logit before it is drawn: pairs of its id and how much.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_new_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    min_new_tokens: int | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationRequest:
    """One question to one model: a conversation, or a text to go on with.

    Attributes:
        text: in place of messages.
        embeds: texts to turn into vectors, in place of messages; nothing is generated then.
        continues: the last message is the beginning of the answer.
        effort: how hard to think, in the words of the model's template; None for its own default.
        n_top_logprobs: alternatives to report with the log probability of each token; None for neither.
    """

    request_id: str
    model_id: str
    messages: tuple[Message, ...] = ()
    text: RawText | None = None
    embeds: tuple[str, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    tools: Toolbox | None = None
    json: JsonAnswer | None = None
    continues: bool = False
    effort: str | None = None
    n_top_logprobs: int | None = None

    def n_characters(self) -> int:
        """Size of the question; the only thing about its text that may be logged.

        An image counts as the text that would make about as many tokens.
        """
        asked = sum(len(message.content) for message in self.messages) + sum(map(len, self.embeds))
        asked += CHARACTERS_PER_TILE * sum(image.n_tiles for m in self.messages for image in m.images)
        return asked + (len(self.text.text) + len(self.text.suffix or "") if self.text else 0)


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
class TokenLogprob:
    """How likely a token was; ``top`` are its likeliest alternatives, likeliest first."""

    token: str
    token_id: int
    logprob: float
    top: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenChunk:
    """A piece of the answer.

    Attributes:
        text: may be empty while a character or a tool call completes.
        thinking: whether it comes before the answer proper.
        logprobs: where they were asked for.
    """

    text: str
    n_tokens: int = 1
    thinking: bool = False
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """The end of an answer, always the last event."""

    reason: FinishReason
    usage: Usage


GenerationEvent: TypeAlias = PromptRead | TokenChunk | ToolCall | Finished
"""What an engine streams: a ``PromptRead``, any number of ``TokenChunk`` and ``ToolCall``, a ``Finished``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """A vector for each text, in order, each of length one; ``usage.new_tokens`` is 0."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class TextToken:
    """A token of a model's vocabulary."""

    token_id: int
    text: str
