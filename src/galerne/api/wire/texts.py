"""Texts that go on without a conversation: OpenAI's completions and Mistral's fill-in-the-middle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, Field

from galerne.api.answering import Answered
from galerne.api.wire.answer import UsageBody, finish_word, usage_body
from galerne.api.wire.chunks import DONE, compact, event_bytes
from galerne.api.wire.sampled import SampledRequest, reseeded
from galerne.api.wire.shared import TextOrTexts
from galerne.errors import InvalidRequest
from galerne.fleet import Delivered
from galerne.generation import GenerationRequest, RawText, TokenChunk, TokenLogprob, ToolCall

DEFAULT_MAX_TOKENS = 16
"""What OpenAI's completions write where the request does not say."""
MAX_PROMPTS = 64

HARMLESS: Mapping[str, tuple[Any, ...]] = MappingProxyType({"best_of": (1,), "echo": (False,)})


class CompletionRequest(SampledRequest):
    """The body of ``POST /v1/completions``."""

    prompt: TextOrTexts
    suffix: str | None = None
    n: int | None = Field(default=None, ge=1, le=16)
    logprobs: int | None = Field(default=None, ge=0, le=5)

    def questions(self, request_id: str) -> list[GenerationRequest]:
        """The same request in our own words, once per answer asked for.

        Raises:
            InvalidRequest: there is no prompt, or too many.
        """
        prompts = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        n = len(prompts) * (self.n or 1)
        if not 1 <= n <= MAX_PROMPTS:
            raise InvalidRequest(path="prompt", problem=f"there may be 1 to {MAX_PROMPTS} answers in all")
        sampling = replace(self.sampling(), max_new_tokens=self.max_tokens or DEFAULT_MAX_TOKENS)
        texts = [prompt for prompt in prompts for _ in range(self.n or 1)]
        return [
            GenerationRequest(
                request_id=request_id if n == 1 else f"{request_id}-{index}",
                model_id=self.model,
                text=RawText(text=text, suffix=self.suffix),
                sampling=reseeded(sampling, index),
                n_top_logprobs=self.logprobs,
            )
            for index, text in enumerate(texts)
        ]


class FimRequest(SampledRequest):
    """The body of ``POST /v1/fim/completions``: what belongs between ``prompt`` and ``suffix``."""

    prompt: str
    suffix: str | None = None

    def questions(self, request_id: str) -> list[GenerationRequest]:
        """The same request in our own words."""
        return [
            GenerationRequest(
                request_id=request_id,
                model_id=self.model,
                text=RawText(text=self.prompt, suffix=self.suffix or ""),
                sampling=self.sampling(),
            )
        ]


class TextLogprobs(BaseModel):
    """How likely each token was, in lists of one length."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class TextChoice(BaseModel):
    """One text."""

    text: str
    index: int
    logprobs: TextLogprobs | None = None
    finish_reason: str | None = Field(description="stop, length or error")


class TextCompletion(BaseModel):
    """The whole text at once."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[TextChoice]
    usage: UsageBody


def text_body(
    *, completion_id: str, model: str, created_at: float, answers: Sequence[Answered]
) -> dict[str, Any]:
    """The whole text, for the wire."""
    choices = [
        TextChoice(
            text=answer.text,
            index=index,
            logprobs=_logprobs(answer.logprobs, offset=0),
            finish_reason=finish_word(answer.delivered.finished.reason),
        )
        for index, answer in enumerate(answers)
    ]
    completion = TextCompletion(
        id=completion_id,
        created=int(created_at),
        model=model,
        choices=choices,
        usage=usage_body([answer.delivered for answer in answers]),
    )
    return completion.model_dump()


class TextWriter:
    """Writes the chunks of ``/v1/completions``; see ``StreamWriter``."""

    def __init__(self, *, completion_id: str, model: str, created_at: float, usage_apart: bool) -> None:
        head = {
            "id": completion_id,
            "object": "text_completion",
            "created": int(created_at),
            "model": model,
        }
        self._head = f"data: {compact(head)[:-1]},"
        self._tail = ',"usage":null}\n\n' if usage_apart else "}\n\n"
        self._usage_apart = usage_apart
        self._index = 0
        self._offset = 0

    def opening(self) -> bytes:
        """Nothing comes before the text."""
        return b""

    def piece(self, event: TokenChunk | ToolCall) -> bytes:
        """A piece of the text."""
        if isinstance(event, ToolCall) or not event.text:
            return b""
        logprobs = _logprobs(event.logprobs, offset=self._offset)
        self._offset += len(event.text)
        return self._chunk(
            TextChoice(text=event.text, index=self._index, logprobs=logprobs, finish_reason=None)
        )

    def between(self, delivered: Delivered) -> bytes:
        """The end of one text, where another follows."""
        written = self._chunk(self._last(delivered))
        self._index += 1
        self._offset = 0
        return written

    def closing(self, deliveries: Sequence[Delivered]) -> bytes:
        """The end of the last text, what all used, and the end of the stream."""
        usage = compact(usage_body(deliveries).model_dump())
        end = f'{self._head}"choices":[{compact(self._last(deliveries[-1]).model_dump())}]'
        if self._usage_apart:
            end += f'{self._tail}{self._head}"choices":[]'
        return f'{end},"usage":{usage}}}\n\n'.encode() + DONE

    def failure(self, body: Mapping[str, Any]) -> bytes:
        """What went wrong."""
        return event_bytes(body)

    def _last(self, delivered: Delivered) -> TextChoice:
        return TextChoice(text="", index=self._index, finish_reason=finish_word(delivered.finished.reason))

    def _chunk(self, choice: TextChoice) -> bytes:
        chunk = f'{self._head}"choices":[{compact(choice.model_dump())}]{self._tail}'
        return chunk.encode(errors="replace")


def _logprobs(told: Sequence[TokenLogprob], *, offset: int) -> TextLogprobs | None:
    if not told:
        return None
    offsets: list[int] = []
    for token in told:
        offsets.append(offset)
        offset += len(token.token)
    return TextLogprobs(
        tokens=[token.token for token in told],
        token_logprobs=[token.logprob for token in told],
        top_logprobs=[{other.token: other.logprob for other in token.top} for token in told],
        text_offset=offsets,
    )
