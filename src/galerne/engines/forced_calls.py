"""Tool calls that must be made: a JSON schema in place of a parser, so that every model can make them.

A server's own parser knows the tool syntax of some chat templates, and leaves the model free to call
nothing. A required call is therefore asked for as JSON, which a grammar enforces token by token.
"""

from __future__ import annotations

import json
from typing import Any

from galerne.generation import Message, Role, Tool, Toolbox, ToolCall

_DECODER = json.JSONDecoder()
MOST_CALLS = 16
"""Most calls in one answer that must call; without a limit a small model may never stop."""
_INSTRUCTION = (
    "Answer with a JSON array of calls and nothing else, each an object with the name of a function and "
    "its arguments. These are the functions, one per line:"
)


def tool_body(tool: Tool) -> dict[str, Any]:
    """A tool as the protocol writes it."""
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        },
    }


def calls_schema(box: Toolbox) -> dict[str, Any]:
    """The JSON schema of an answer that calls what it must."""
    calls = [
        {
            "type": "object",
            "properties": {"name": {"const": tool.name}, "arguments": dict(tool.parameters)},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for tool in box.usable()
    ]
    most = MOST_CALLS if box.parallel and box.only is None else 1
    items = calls[0] if len(calls) == 1 else {"anyOf": calls}
    return {"type": "array", "items": items, "minItems": 1, "maxItems": most}


def instruction(box: Toolbox) -> Message:
    """Describes the tools to a model whose template cannot."""
    lines = [json.dumps(tool_body(tool)["function"], ensure_ascii=False) for tool in box.usable()]
    return Message(role=Role.SYSTEM, content="\n".join([_INSTRUCTION, *lines]))


def read_calls(text: str) -> tuple[ToolCall, ...]:
    """The calls in an answer; of one that was cut before its end, those that are complete."""
    calls: list[ToolCall] = []
    rest = text.partition("[")[2]
    while rest:
        try:
            call, end = _DECODER.raw_decode(rest := rest.lstrip())
        except ValueError:
            break
        calls.append(ToolCall(name=call["name"], arguments=json.dumps(call["arguments"], ensure_ascii=False)))
        rest = rest[end:].partition(",")[2]
    return tuple(calls)
