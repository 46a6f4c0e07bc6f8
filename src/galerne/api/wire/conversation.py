"""The turns of a conversation as clients send them, and the order they must be in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from galerne.api.wire.shared import Wire, text_or_list
from galerne.errors import InvalidMessageOrder, InvalidRequest
from galerne.generation import Message, Role, ToolCall


class ThoughtPart(Wire):
    """A piece of a thought."""

    type: str
    text: str | None = None


class TextPart(Wire):
    """A part of a message: a text, or what an assistant thought before it."""

    type: str
    text: str | None = None
    thinking: list[ThoughtPart] | str | None = None


Content: TypeAlias = Annotated[
    Annotated[str, Tag("as-text")] | Annotated[list[TextPart], Tag("as-list")],
    Discriminator(text_or_list),
]


def _arguments_shape(value: Any) -> str:
    return "as-text" if isinstance(value, str) else "as-object"


class CalledFunction(Wire):
    """What was to be called; arguments as JSON text, or as an object in Mistral's dialect."""

    name: str
    arguments: Annotated[
        Annotated[str, Tag("as-text")] | Annotated[dict[str, Any], Tag("as-object")],
        Discriminator(_arguments_shape),
    ] = ""


class CallBody(Wire):
    """A call that an assistant asked for."""

    id: str | None = None
    type: str | None = None
    function: CalledFunction
    index: int | None = None


class ChatMessage(Wire):
    """One turn."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content | None = None
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: list[CallBody] | None = None
    prefix: bool | None = Field(default=None, description="true: the answer goes on with this last message")


_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}


def turns(messages: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """The conversation in our own words, results of tools tied to their calls.

    Raises:
        InvalidRequest: a message lacks what its role needs.
        InvalidMessageOrder: the last turn leaves nothing to answer, or calls and results do not match.
    """
    spoken: list[Message] = []
    open_calls: list[str] = []
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        if message.role == "tool":
            call_id = _answered(message, open_calls, path=path)
            open_calls.remove(call_id)
            spoken.append(_turn(path, message, call_id=call_id))
            continue
        if open_calls:
            raise InvalidMessageOrder(path=path, problem=UNEQUAL)
        if message.prefix and (message.role != "assistant" or index + 1 < len(messages)):
            raise InvalidRequest(
                path=f"{path}.prefix", problem="only a last message of the assistant has one"
            )
        turn = _turn(path, message)
        open_calls = [call.call_id for call in turn.tool_calls]
        spoken.append(turn)
    if open_calls:
        raise InvalidMessageOrder(path="messages", problem=UNEQUAL)
    if messages[-1].role == "assistant" and not messages[-1].prefix:
        raise InvalidMessageOrder(path=f"messages[{len(messages) - 1}]", problem=_ORDER)
    return tuple(spoken)


UNEQUAL = "Not the same number of function calls and responses"
_ORDER = "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"


def _answered(message: ChatMessage, open_calls: Sequence[str], *, path: str) -> str:
    """The call that a tool's turn answers; without an id the next in order, as Mistral's older clients do."""
    if not open_calls:
        raise InvalidMessageOrder(path=path, problem=UNEQUAL)
    if message.tool_call_id is None:
        return open_calls[0]
    if message.tool_call_id not in open_calls:
        raise InvalidRequest(path=f"{path}.tool_call_id", problem="no call with this id waits for its result")
    return message.tool_call_id


def _turn(path: str, message: ChatMessage, *, call_id: str | None = None) -> Message:
    if message.content is None and message.role != "assistant":
        raise InvalidRequest(path=f"{path}.content", problem=f"a {message.role} message needs content")
    if message.tool_calls and message.role != "assistant":
        raise InvalidRequest(path=f"{path}.tool_calls", problem="only the assistant asks for calls")
    content, thinking = content_of(f"{path}.content", message.content)
    return Message(
        role=_ROLES[message.role],
        content=content,
        tool_calls=_calls(f"{path}.tool_calls", message.tool_calls or ()),
        tool_call_id=call_id,
        thinking=thinking if message.role == "assistant" else "",
    )


def _calls(path: str, calls: Sequence[CallBody]) -> tuple[ToolCall, ...]:
    ids = [call.id or f"call{index}" for index, call in enumerate(calls)]
    if len(set(ids)) < len(ids):
        raise InvalidRequest(path=path, problem="two calls have the same id")
    return tuple(
        ToolCall(name=call.function.name, arguments=_arguments(f"{path}[{index}]", call), call_id=ids[index])
        for index, call in enumerate(calls)
    )


def _arguments(path: str, call: CallBody) -> str:
    arguments = call.function.arguments
    if not isinstance(arguments, str):
        return json.dumps(arguments, ensure_ascii=False)
    try:
        json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        raise InvalidRequest(path=f"{path}.function.arguments", problem="not JSON") from None
    return arguments or "{}"


def content_of(path: str, content: str | list[TextPart] | None) -> tuple[str, str]:
    """What is said, and what was thought before."""
    if content is None or isinstance(content, str):
        return content or "", ""
    said: list[str] = []
    thought: list[str] = []
    for index, part in enumerate(content):
        if part.type == "thinking":
            pieces = part.thinking or ()
            thought += [pieces] if isinstance(pieces, str) else [piece.text or "" for piece in pieces]
        elif part.type not in {"text", "input_text", "output_text"}:
            raise InvalidRequest(path=f"{path}[{index}].type", problem="only text is supported so far")
        elif part.text is None:
            raise InvalidRequest(path=f"{path}[{index}].text", problem="a text part needs its text")
        else:
            said.append(part.text)
    return "\n".join(said), "".join(thought)
