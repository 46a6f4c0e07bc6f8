"""The stateless part of the Responses API: items in, items out, nothing stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Discriminator, Field, Tag

from galerne.api.wire.conversation import UNEQUAL, Content, content_of
from galerne.api.wire.schemas import check_schema
from galerne.api.wire.shapes import MAX_TOOLS, FunctionBody, NamedTool, ToolName, toolbox
from galerne.api.wire.shared import Model, Temperature, TokenLimit, TopP, Wire, text_or_list
from galerne.errors import InvalidMessageOrder, InvalidRequest
from galerne.generation import GenerationRequest, JsonAnswer, Message, Role, Sampling, Toolbox, ToolCall

HARMLESS: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "background": (False,),
        "truncation": ("disabled",),
        "previous_response_id": (),
        "conversation": (),
        "prompt": (),
        "max_tool_calls": (),
        "moderation": (),
    }
)
"""What needs a store, or a server that runs tools."""


class Item(Wire):
    """One item of a conversation: what was said, a call of a tool, or its result."""

    type: str | None = None
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: Content | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: Content | None = None


class FlatTool(Wire):
    """A function that the model may ask to be called; unlike in a chat it lies flat."""

    type: Literal["function"]
    name: ToolName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FlatChoice(Wire):
    """The one tool that must be called."""

    type: Literal["function"]
    name: str


def _choice_shape(value: Any) -> str:
    return "as-word" if isinstance(value, str) else "as-tool"


FlatToolChoice: TypeAlias = Annotated[
    Annotated[Literal["auto", "none", "any", "required"], Tag("as-word")]
    | Annotated[FlatChoice, Tag("as-tool")],
    Discriminator(_choice_shape),
]


class TextFormat(Wire):
    """The shape an answer must have."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    json_schema: dict[str, Any] | None = Field(default=None, alias="schema")
    strict: bool | None = None


class TextOptions(Wire):
    """Options of the text."""

    format: TextFormat | None = None


class ReasoningOptions(Wire):
    """How hard to think."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    summary: str | None = None


class ResponsesRequest(Wire):
    """The body of ``POST /v1/responses``."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    model: Model
    input: Annotated[
        Annotated[str, Tag("as-text")] | Annotated[list[Item], Tag("as-list")], Discriminator(text_or_list)
    ]
    instructions: str | None = None
    stream: bool | None = None
    store: bool | None = Field(default=None, description="Nothing is stored, whatever it says.")
    temperature: Temperature | None = None
    top_p: TopP | None = None
    max_output_tokens: TokenLimit | None = None
    tools: list[FlatTool] | None = Field(default=None, max_length=MAX_TOOLS)
    tool_choice: FlatToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    metadata: dict[str, Any] | None = None

    def question(self, request_id: str) -> GenerationRequest:
        """The same request in our own words.

        Raises:
            InvalidRequest: an item or a field cannot be understood.
            InvalidMessageOrder: calls and results do not match.
        """
        return GenerationRequest(
            request_id=request_id,
            model_id=self.model,
            messages=self._messages(),
            sampling=Sampling(
                temperature=self.temperature, top_p=self.top_p, max_new_tokens=self.max_output_tokens
            ),
            tools=self._toolbox(),
            json=self._shape(),
            effort=self.reasoning.effort if self.reasoning else None,
        )

    def _messages(self) -> tuple[Message, ...]:
        system = (Message(role=Role.SYSTEM, content=self.instructions),) if self.instructions else ()
        if isinstance(self.input, str):
            return (*system, Message(role=Role.USER, content=self.input))
        if not self.input:
            raise InvalidRequest(path="input", problem="there is nothing to answer")
        return (*system, *conversation_of(self.input))

    def _toolbox(self) -> Toolbox | None:
        functions = [
            FunctionBody(name=tool.name, description=tool.description, parameters=tool.parameters)
            for tool in self.tools or ()
        ]
        choice: str | NamedTool | None = None
        if isinstance(self.tool_choice, FlatChoice):
            named = {"type": "function", "function": {"name": self.tool_choice.name}}
            choice = NamedTool.model_validate(named)
        else:
            choice = self.tool_choice
        return toolbox(functions, choice=choice, parallel=self.parallel_tool_calls)

    def _shape(self) -> JsonAnswer | None:
        shape = self.text.format if self.text else None
        if shape is None or shape.type == "text":
            return None
        if shape.type == "json_object":
            return JsonAnswer()
        if shape.json_schema is None:
            raise InvalidRequest(path="text.format.schema", problem="json_schema needs its schema")
        check_schema(shape.json_schema, path="text.format.schema")
        return JsonAnswer(schema=shape.json_schema)


_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
}


def conversation_of(items: Sequence[Item]) -> list[Message]:
    """The turns that items make: calls that follow each other are one turn of the assistant.

    Raises:
        InvalidRequest: an item is none of those.
        InvalidMessageOrder: calls and results do not match, or nothing is left to answer.
    """
    turns = _Turns()
    for index, item in enumerate(items):
        turns.add(f"input[{index}]", item)
    return turns.close()


class _Turns:
    """The turns so far, and the calls that wait: to be said, and for their results."""

    def __init__(self) -> None:
        self._spoken: list[Message] = []
        self._calls: list[ToolCall] = []
        self._open: set[str] = set()

    def add(self, path: str, item: Item) -> None:
        if item.type == "function_call":
            self._calls.append(_call(path, item))
            self._open.add(self._calls[-1].call_id)
            return
        self._say_calls()
        if item.type == "function_call_output":
            self._say_result(path, item)
        elif item.type in {None, "message"} and item.role is not None:
            said = content_of(f"{path}.content", item.content)
            if said.images and item.role != "user":
                raise InvalidRequest(path=f"{path}.content", problem="only the user shows images")
            message = Message(role=_ROLES[item.role], content=said.text, images=said.images)
            self._spoken.append(message)
        elif item.type != "reasoning":  # what was thought before is not said again
            raise InvalidRequest(path=f"{path}.type", problem="items are messages, calls and their results")

    def close(self) -> list[Message]:
        self._say_calls()
        if self._open:
            raise InvalidMessageOrder(path="input", problem=UNEQUAL)
        if not self._spoken or self._spoken[-1].role is Role.ASSISTANT:
            raise InvalidMessageOrder(path="input", problem="the last item leaves nothing to answer")
        return self._spoken

    def _say_calls(self) -> None:
        if self._calls:
            turn = Message(role=Role.ASSISTANT, content="", tool_calls=tuple(self._calls))
            self._spoken.append(turn)
            self._calls = []

    def _say_result(self, path: str, item: Item) -> None:
        if item.call_id not in self._open:
            raise InvalidMessageOrder(path=path, problem="no call with this id waits for its result")
        self._open.discard(item.call_id)
        said = content_of(f"{path}.output", item.output)
        if said.images:
            raise InvalidRequest(path=f"{path}.output", problem="only the user shows images")
        self._spoken.append(Message(role=Role.TOOL, content=said.text, tool_call_id=item.call_id))


def _call(path: str, item: Item) -> ToolCall:
    if not item.name or not item.call_id:
        raise InvalidRequest(path=f"{path}.call_id", problem="a call needs its name and its id")
    try:
        json.loads(item.arguments or "{}")
    except (ValueError, RecursionError):
        raise InvalidRequest(path=f"{path}.arguments", problem="not JSON") from None
    return ToolCall(name=item.name, arguments=item.arguments or "{}", call_id=item.call_id)
