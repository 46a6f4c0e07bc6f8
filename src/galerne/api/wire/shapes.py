"""What an answer may be: JSON by a schema, and calls of the tools offered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from galerne.api.wire.schemas import check_schema
from galerne.api.wire.shared import Wire
from galerne.errors import InvalidRequest
from galerne.generation import JsonAnswer, Tool, Toolbox, ToolUse

MAX_TOOLS = 128
NO_ARGUMENTS = {"type": "object", "properties": {}}
ToolName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


class JsonSchemaBody(Wire):
    """A JSON schema with a name."""

    name: str = "answer"
    description: str | None = None
    # Mistral's clients name it with their own attribute.
    json_schema: dict[str, Any] | None = Field(default=None, alias="schema")
    strict: bool | None = None


class ResponseFormat(Wire):
    """The shape an answer must have; a grammar enforces it token by token."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaBody | None = None

    def shape(self) -> JsonAnswer | None:
        """The same in our own words.

        Raises:
            InvalidRequest: the schema is missing, or too costly to enforce.
        """
        if self.type == "text":
            return None
        if self.type == "json_object":
            return JsonAnswer()
        path = "response_format.json_schema.schema"
        schema = self.json_schema.json_schema if self.json_schema else None
        if schema is None:
            raise InvalidRequest(path=path, problem="json_schema needs its schema")
        check_schema(schema, path=path)
        return JsonAnswer(schema=schema)


class FunctionBody(Wire):
    """A function that the model may ask to be called."""

    name: ToolName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolBody(Wire):
    """A tool; functions are the one kind that runs with the client."""

    type: Literal["function"] = "function"
    function: FunctionBody


class FunctionName(Wire):
    """The name of a function."""

    name: str


class NamedTool(Wire):
    """The one tool that must be called."""

    type: Literal["function"] = "function"
    function: FunctionName


def _choice_shape(value: Any) -> str:
    return "as-word" if isinstance(value, str) else "as-tool"


ToolChoice: TypeAlias = Annotated[
    Annotated[Literal["auto", "none", "any", "required"], Tag("as-word")]
    | Annotated[NamedTool, Tag("as-tool")],
    Discriminator(_choice_shape),
]

_USES = {
    "auto": ToolUse.AUTO,
    "none": ToolUse.NONE,
    "any": ToolUse.REQUIRED,
    "required": ToolUse.REQUIRED,
}


def toolbox(
    functions: Sequence[FunctionBody], *, choice: str | NamedTool | None, parallel: bool | None
) -> Toolbox | None:
    """The tools offered, in our own words.

    Raises:
        InvalidRequest: two have one name, the chosen one is not offered, or a schema is too costly.
    """
    only = choice.function.name if isinstance(choice, NamedTool) else None
    names = [function.name for function in functions]
    if only is not None and only not in names:
        raise InvalidRequest(path="tool_choice.function.name", problem="no tool of that name is offered")
    if not functions:
        if choice in {"any", "required"}:
            raise InvalidRequest(path="tool_choice", problem="there is no tool that could be called")
        return None
    if len(set(names)) < len(names):
        raise InvalidRequest(path="tools", problem="two tools have the same name")
    for index, function in enumerate(functions):
        check_schema(function.parameters or {}, path=f"tools[{index}].function.parameters")
    tools = tuple(
        Tool(
            name=function.name,
            description=function.description or "",
            parameters=function.parameters or NO_ARGUMENTS,
        )
        for function in functions
    )
    use = ToolUse.REQUIRED if only is not None else _USES[str(choice or "auto")]
    return Toolbox(tools=tools, use=use, only=only, parallel=parallel is not False)
