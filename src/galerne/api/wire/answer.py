"""A chat completion as clients receive it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from galerne.api.wire.receipt import ReceiptBody, receipt_body
from galerne.generation import FinishReason, Usage
from galerne.ledger import Receipt


class PromptTokensDetails(BaseModel):
    """What of the prompt was already there."""

    cached_tokens: int


class UsageBody(BaseModel):
    """What an answer used, with its receipt."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    galerne: ReceiptBody


class AnswerMessage(BaseModel):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    tool_calls: None = None


class Choice(BaseModel):
    """One answer to the question."""

    index: int = 0
    message: AnswerMessage
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


def usage_body(usage: Usage, receipt: Receipt) -> UsageBody:
    """What an answer used, for the wire."""
    return UsageBody(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.new_tokens,
        total_tokens=usage.prompt_tokens + usage.new_tokens,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=usage.cached_tokens),
        galerne=receipt_body(receipt),
    )


def completion_body(
    *, completion_id: str, model: str, created_at: float, text: str, reason: FinishReason, usage: UsageBody
) -> dict[str, Any]:
    """The whole answer, for the wire."""
    choice = Choice(message=AnswerMessage(content=text), finish_reason=finish_word(reason))
    completion = ChatCompletion(
        id=completion_id, created=int(created_at), model=model, choices=[choice], usage=usage
    )
    return completion.model_dump()
