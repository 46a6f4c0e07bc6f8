"""The turns of a conversation as clients send them, and the order they must be in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag

from galerne.api.wire.shared import Wire, text_or_list
from galerne.errors import ImageRefused, InvalidMessageOrder, InvalidRequest
from galerne.generation import Message, Role, ToolCall
from galerne.images import Image, read_data_url

MAX_IMAGES = 16
TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
NOT_FETCHED = "images of other servers are not fetched here; send the image itself as a data: URL"
NO_ID = frozenset({"", "null"})
"""Mistral's own client writes ``null`` where a call has no id."""
IMAGE_PARTS = frozenset({"image_url", "input_image"})


def _address_shape(value: Any) -> str:
    return "as-text" if isinstance(value, str) else "as-object"


class ImageAddress(Wire):
    """Where an image is; ``detail`` is for clouds that look less closely for less money."""

    url: str = Field(description="data:image/png;base64,... or, where the owner allows it, https://...")
    detail: str | None = None


ImageUrl: TypeAlias = Annotated[
    Annotated[str, Tag("as-text")] | Annotated[ImageAddress, Tag("as-object")],
    Discriminator(_address_shape),
]


class ThoughtPart(Wire):
    """A piece of a thought."""

    type: str
    text: str | None = None


class TextPart(Wire):
    """A part of a message: a text, an image that a user shows, or what an assistant thought before it."""

    type: str
    text: str | None = None
    thinking: list[ThoughtPart] | str | None = None
    image_url: ImageUrl | None = None


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
    if message.tool_call_id is None or message.tool_call_id in NO_ID:
        return open_calls[0]
    if message.tool_call_id not in open_calls:
        raise InvalidRequest(path=f"{path}.tool_call_id", problem="no call with this id waits for its result")
    return message.tool_call_id


def _turn(path: str, message: ChatMessage, *, call_id: str | None = None) -> Message:
    if message.content is None and message.role != "assistant":
        raise InvalidRequest(path=f"{path}.content", problem=f"a {message.role} message needs content")
    if message.tool_calls and message.role != "assistant":
        raise InvalidRequest(path=f"{path}.tool_calls", problem="only the assistant asks for calls")
    said = content_of(f"{path}.content", message.content)
    if said.images and message.role != "user":
        raise InvalidRequest(path=f"{path}.content", problem="only the user shows images")
    return Message(
        role=_ROLES[message.role],
        content=said.text,
        images=said.images,
        tool_calls=_calls(f"{path}.tool_calls", message.tool_calls or ()),
        tool_call_id=call_id,
        thinking=said.thinking if message.role == "assistant" else "",
    )


def _calls(path: str, calls: Sequence[CallBody]) -> tuple[ToolCall, ...]:
    ids = [call.id if call.id and call.id not in NO_ID else f"call{i}" for i, call in enumerate(calls)]
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """The content of a message: what is said, what was thought before, what is shown."""

    text: str = ""
    thinking: str = ""
    images: tuple[Image, ...] = ()


def content_of(path: str, content: str | list[TextPart] | None) -> Said:
    """What a content says and shows.

    Raises:
        InvalidRequest: a part is none that is understood.
        ImageRefused: an image is none that is taken.
    """
    if content is None or isinstance(content, str):
        return Said(text=content or "")
    text, thinking = "", ""
    images: list[Image] = []
    for index, part in enumerate(content):
        where = f"{path}[{index}]"
        if part.type == "thinking":
            pieces = part.thinking or ()
            thinking += pieces if isinstance(pieces, str) else "".join(piece.text or "" for piece in pieces)
        elif part.type in IMAGE_PARTS:
            images.append(_image(where, part, at=len(text)))
        elif part.type not in TEXT_PARTS:
            raise InvalidRequest(path=f"{where}.type", problem="a message has texts and images so far")
        elif part.text is None:
            raise InvalidRequest(path=f"{where}.text", problem="a text part needs its text")
        else:
            # Two texts are two paragraphs; an image between them stands apart by itself.
            apart = "\n" if text and not (images and images[-1].at == len(text)) else ""
            text += apart + part.text
    if len(images) > MAX_IMAGES:
        raise InvalidRequest(path=path, problem=f"a message shows {MAX_IMAGES} images at most")
    return Said(text=text, thinking=thinking, images=tuple(images))


def _image(path: str, part: TextPart, *, at: int) -> Image:
    path = f"{path}.image_url"
    if part.image_url is None:
        raise InvalidRequest(path=path, problem="an image part needs its image_url")
    url = part.image_url if isinstance(part.image_url, str) else part.image_url.url
    if urlsplit(url[:8]).scheme.lower() in {"http", "https"}:
        raise ImageRefused(path=path, problem=NOT_FETCHED)
    return read_data_url(url, path=path, at=at)
