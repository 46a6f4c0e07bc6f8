"""A chat completion as clients receive it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field, SerializeAsAny

from galerne.api.answering import Answered
from galerne.api.wire.receipt import ReceiptBody, joint_receipt_body
from galerne.fleet import Delivered
from galerne.generation import FinishReason, TokenLogprob, ToolCall


class PromptTokensDetails(BaseModel):
    """What of the prompt was already there."""

    cached_tokens: int


class UsageBody(BaseModel):
    """What an answer used, with its receipt."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    galerne: SerializeAsAny[ReceiptBody]


class CalledBody(BaseModel):
    """What is to be called."""

    name: str
    arguments: str = Field(description="JSON text.")


class ToolCallBody(BaseModel):
    """A call of a tool that the model asks for."""

    id: str = Field(description="Nine letters and digits; send it back as `tool_call_id`.")
    type: Literal["function"] = "function"
    function: CalledBody
    index: int


class ThoughtText(BaseModel):
    """A piece of a thought."""

    type: Literal["text"] = "text"
    text: str


class ThinkChunk(BaseModel):
    """What the model thought, in Mistral's dialect, where it was asked for."""

    type: Literal["thinking"] = "thinking"
    thinking: list[ThoughtText]
    closed: bool = True


class TextChunk(BaseModel):
    """What the model says after it has thought."""

    type: Literal["text"] = "text"
    text: str


class AlternativeBody(BaseModel):
    """A token and how likely it was."""

    token: str
    logprob: float
    bytes: list[int]
    token_id: int


class LogprobBody(AlternativeBody):
    """A token of the answer, and its likeliest alternatives."""

    top_logprobs: list[AlternativeBody]


class LogprobsBody(BaseModel):
    """How likely each token of the answer was."""

    content: list[LogprobBody]


class AnswerMessage(BaseModel):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str | list[ThinkChunk | TextChunk]
    tool_calls: list[ToolCallBody] | None = None


class Choice(BaseModel):
    """One answer to the question."""

    index: int = 0
    message: AnswerMessage
    logprobs: LogprobsBody | None = None
    finish_reason: str = Field(description="stop, length, tool_calls or error")


class ChatCompletion(BaseModel):
    """The whole answer at once."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: UsageBody


def finish_word(reason: FinishReason) -> str:
    """Why an answer ended, in words both dialects know."""
    return "error" if reason in {FinishReason.CANCELLED, FinishReason.ERROR} else reason.value


def usage_body(deliveries: Sequence[Delivered]) -> UsageBody:
    """What the answers to one request used, for the wire: the prompt is counted once."""
    usages = [delivered.finished.usage for delivered in deliveries]
    prompt_tokens, new_tokens = usages[0].prompt_tokens, sum(usage.new_tokens for usage in usages)
    return UsageBody(
        prompt_tokens=prompt_tokens,
        completion_tokens=new_tokens,
        total_tokens=prompt_tokens + new_tokens,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=usages[0].cached_tokens),
        galerne=joint_receipt_body([delivered.receipt for delivered in deliveries]),
    )


def logprobs_body(logprobs: Sequence[TokenLogprob]) -> LogprobsBody:
    """How likely tokens were, for the wire."""
    return LogprobsBody(
        content=[
            LogprobBody(
                **_alternative(told), top_logprobs=[AlternativeBody(**_alternative(o)) for o in told.top]
            )
            for told in logprobs
        ]
    )


def _alternative(told: TokenLogprob) -> dict[str, Any]:
    return {
        "token": told.token,
        "logprob": told.logprob,
        "bytes": list(told.token.encode(errors="replace")),
        "token_id": told.token_id,
    }


def call_body(call: ToolCall, index: int) -> ToolCallBody:
    """A call, for the wire."""
    function = CalledBody(name=call.name, arguments=call.arguments)
    return ToolCallBody(id=call.call_id, function=function, index=index)


def completion_body(
    *,
    completion_id: str,
    model: str,
    created_at: float,
    answers: Sequence[Answered],
    beginning: str,
    shows_thoughts: bool,
) -> dict[str, Any]:
    """The whole answer, for the wire."""
    completion = ChatCompletion(
        id=completion_id,
        created=int(created_at),
        model=model,
        choices=[
            _choice(index, answer, beginning=beginning, shows_thoughts=shows_thoughts)
            for index, answer in enumerate(answers)
        ],
        usage=usage_body([answer.delivered for answer in answers]),
    )
    return completion.model_dump()


def _choice(index: int, answer: Answered, *, beginning: str, shows_thoughts: bool) -> Choice:
    content: str | list[ThinkChunk | TextChunk] = beginning + answer.text
    if shows_thoughts and answer.thoughts:
        thought = ThinkChunk(thinking=[ThoughtText(text=answer.thoughts)])
        content = [thought, TextChunk(text=beginning + answer.text)]
    calls = [call_body(call, place) for place, call in enumerate(answer.calls)]
    return Choice(
        index=index,
        message=AnswerMessage(content=content, tool_calls=calls or None),
        logprobs=logprobs_body(answer.logprobs) if answer.logprobs else None,
        finish_reason=finish_word(answer.delivered.finished.reason),
    )
