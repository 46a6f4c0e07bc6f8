"""A response of the Responses API, whole and as the events that build it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field, SerializeAsAny

from galerne.api.answering import Answered
from galerne.api.wire.chunks import compact
from galerne.api.wire.receipt import ReceiptBody, joint_receipt_body
from galerne.api.wire.responses import ResponsesRequest
from galerne.fleet import Delivered
from galerne.generation import FinishReason, TokenChunk, ToolCall


class CachedTokens(BaseModel):
    """What of the prompt was already there, and what will be next time."""

    cached_tokens: int
    cache_write_tokens: int


class ReasoningTokens(BaseModel):
    """What of the answer was thought."""

    reasoning_tokens: int


class ResponseUsage(BaseModel):
    """What a response used, with its receipt."""

    input_tokens: int
    input_tokens_details: CachedTokens
    output_tokens: int
    output_tokens_details: ReasoningTokens
    total_tokens: int
    galerne: SerializeAsAny[ReceiptBody]


class OutputText(BaseModel):
    """A text that the model wrote."""

    type: Literal["output_text"] = "output_text"
    text: str
    annotations: list[dict[str, Any]] = Field(default_factory=list)


class MessageItem(BaseModel):
    """What the model said."""

    type: Literal["message"] = "message"
    id: str
    status: Literal["in_progress", "completed", "incomplete"] = "completed"
    role: Literal["assistant"] = "assistant"
    content: list[OutputText]


class CallItem(BaseModel):
    """A call of a tool that the model asks for."""

    type: Literal["function_call"] = "function_call"
    id: str
    call_id: str
    name: str
    arguments: str
    status: Literal["in_progress", "completed", "incomplete"] = "completed"


class ResponseBody(BaseModel):
    """A response."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    model: str
    output: list[MessageItem | CallItem]
    usage: ResponseUsage | None = None
    error: dict[str, Any] | None = None
    incomplete_details: dict[str, str] | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    parallel_tool_calls: bool = True
    temperature: float | None = None
    top_p: float | None = None
    tool_choice: Any = "auto"
    tools: list[dict[str, Any]] = Field(default_factory=list)
    text: dict[str, Any] = Field(default_factory=lambda: {"format": {"type": "text"}})
    metadata: dict[str, Any] = Field(default_factory=dict)
    previous_response_id: None = None
    store: Literal[False] = False
    background: Literal[False] = False
    truncation: Literal["disabled"] = "disabled"


class InputTokens(BaseModel):
    """How many tokens a request would read."""

    object: Literal["response.input_tokens"] = "response.input_tokens"
    input_tokens: int


class ResponseDraft:
    """What is known of a response before its answer."""

    def __init__(self, asked: ResponsesRequest, *, response_id: str, model: str, created_at: float) -> None:
        self._asked = asked
        self.response_id = response_id
        self._model = model
        self._created_at = created_at
        self.stem = response_id.removeprefix("resp_")

    def body(self, *, status: str = "in_progress", **known: Any) -> dict[str, Any]:
        """The response as far as it is known."""
        asked = self._asked.model_dump(by_alias=True, exclude_none=True)
        told: dict[str, Any] = {
            name: asked[name]
            for name in (
                "instructions", "max_output_tokens", "parallel_tool_calls", "temperature", "top_p",
                "tool_choice", "tools", "text", "metadata",
            )
            if name in asked
        }  # fmt: skip
        body: dict[str, Any] = {"output": [], **told, "status": status, **known}
        return ResponseBody(
            id=self.response_id, created_at=int(self._created_at), model=self._model, **body
        ).model_dump()

    def finished(
        self, items: Sequence[MessageItem | CallItem], delivered: Delivered, *, thought_tokens: int
    ) -> dict[str, Any]:
        """The whole response."""
        usage = delivered.finished.usage
        cut = delivered.finished.reason is FinishReason.LENGTH
        return self.body(
            status="incomplete" if cut else "completed",
            output=list(items),
            incomplete_details={"reason": "max_output_tokens"} if cut else None,
            usage=ResponseUsage(
                input_tokens=usage.prompt_tokens,
                input_tokens_details=CachedTokens(
                    cached_tokens=usage.cached_tokens,
                    cache_write_tokens=usage.prompt_tokens - usage.cached_tokens,
                ),
                output_tokens=usage.new_tokens,
                output_tokens_details=ReasoningTokens(reasoning_tokens=thought_tokens),
                total_tokens=usage.prompt_tokens + usage.new_tokens,
                galerne=joint_receipt_body([delivered.receipt]),
            ),
        )


def whole_response(draft: ResponseDraft, answer: Answered) -> dict[str, Any]:
    """The response to a request that does not stream."""
    items: list[MessageItem | CallItem] = []
    if answer.text or not answer.calls:
        items.append(MessageItem(id=f"msg_{draft.stem}", content=[OutputText(text=answer.text)]))
    items += [_call_item(draft, call, index) for index, call in enumerate(answer.calls)]
    return draft.finished(items, answer.delivered, thought_tokens=answer.thought_tokens)


def _call_item(draft: ResponseDraft, call: ToolCall, index: int) -> CallItem:
    return CallItem(
        id=f"fc_{draft.stem}_{index}", call_id=call.call_id, name=call.name, arguments=call.arguments
    )


class ResponseWriter:
    """Writes the events that build a response; see ``StreamWriter``."""

    def __init__(self, draft: ResponseDraft) -> None:
        self._draft = draft
        self._n_events = 0
        self._items: list[MessageItem | CallItem] = []
        self._message_id = f"msg_{draft.stem}"
        self._text: list[str] | None = None
        self._n_calls = 0
        self._thought_tokens = 0

    def opening(self) -> bytes:
        """The response begins."""
        body = self._draft.body()
        return self._event("response.created", response=body) + self._event(
            "response.in_progress", response=body
        )

    def piece(self, event: TokenChunk | ToolCall) -> bytes:
        """A piece of a text, or a whole call."""
        if isinstance(event, ToolCall):
            return self._close_text() + self._call(event)
        if event.thinking:
            self._thought_tokens += event.n_tokens
            return b""
        if not event.text:
            return b""
        written = b""
        if self._text is None:
            written, self._text = self._open_text(), []
        self._text.append(event.text)
        return written + self._text_event("response.output_text.delta", delta=event.text, logprobs=[])

    def between(self, delivered: Delivered) -> bytes:
        """A response has one answer."""
        return b""

    def closing(self, deliveries: Sequence[Delivered]) -> bytes:
        """The whole response, which ends the stream."""
        written = b""
        if self._text is None and not self._items:  # an empty answer is an empty text
            written, self._text = self._open_text(), []
        written += self._close_text()
        body = self._draft.finished(self._items, deliveries[-1], thought_tokens=self._thought_tokens)
        return written + self._event(f"response.{body['status']}", response=body)

    def failure(self, body: Mapping[str, Any]) -> bytes:
        """What went wrong."""
        words = body.get("error", body)
        error = {"code": str(words["code"]), "message": words["message"]}
        failed = self._draft.body(status="failed", error=error)
        return self._event("response.failed", response=failed)

    def _open_text(self) -> bytes:
        item = MessageItem(id=self._message_id, status="in_progress", content=[])
        part = OutputText(text="").model_dump()
        return self._event(
            "response.output_item.added", output_index=len(self._items), item=item.model_dump()
        ) + self._text_event("response.content_part.added", part=part)

    def _close_text(self) -> bytes:
        if self._text is None:
            return b""
        text, self._text = "".join(self._text), None
        part = OutputText(text=text)
        item = MessageItem(id=self._message_id, content=[part])
        written = self._text_event("response.output_text.done", text=text, logprobs=[])
        written += self._text_event("response.content_part.done", part=part.model_dump())
        written += self._event(
            "response.output_item.done", output_index=len(self._items), item=item.model_dump()
        )
        self._items.append(item)
        return written

    def _call(self, call: ToolCall) -> bytes:
        item = _call_item(self._draft, call, self._n_calls)
        self._n_calls += 1
        place = {"output_index": len(self._items), "item_id": item.id}
        begun = item.model_copy(update={"status": "in_progress", "arguments": ""})
        arguments = {"arguments": call.arguments, "name": call.name}
        written = self._event(
            "response.output_item.added", output_index=len(self._items), item=begun.model_dump()
        )
        written += self._event("response.function_call_arguments.delta", **place, delta=call.arguments)
        written += self._event("response.function_call_arguments.done", **place, **arguments)
        written += self._event(
            "response.output_item.done", output_index=len(self._items), item=item.model_dump()
        )
        self._items.append(item)
        return written

    def _text_event(self, kind: str, **facts: Any) -> bytes:
        place = {"item_id": self._message_id, "output_index": len(self._items), "content_index": 0}
        return self._event(kind, **place, **facts)

    def _event(self, kind: str, **facts: Any) -> bytes:
        data = {"type": kind, "sequence_number": self._n_events, **facts}
        self._n_events += 1
        return f"event: {kind}\ndata: {compact(data)}\n\n".encode(errors="replace")
