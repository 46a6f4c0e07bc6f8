"""Asks a running server what people ask, through whichever ``mistralai`` is on the path: 1.x, 2.x or 3.x.

Run with the server's address; prints one JSON line of what was seen.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any

try:
    from mistralai.client import Mistral
except ImportError:
    from mistralai import Mistral

MODEL = "galerne-mini"
HELLO = [{"role": "user", "content": "Bonjour"}]
SCHEMA = {
    "type": "object",
    "properties": {"snow": {"type": "boolean"}},
    "required": ["snow"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "d", "parameters": SCHEMA}}]


def see(client: Any) -> dict[str, Any]:
    """What an unchanged program would see."""
    cold = {"model": MODEL, "messages": HELLO, "temperature": 0}
    whole = client.chat.complete(**cold, max_tokens=16, random_seed=1)
    chunks = [event.data for event in client.chat.stream(**cold, max_tokens=16, random_seed=1)]
    called = client.chat.complete(**cold, tools=TOOLS, tool_choice="any", max_tokens=200)
    call = called.choices[0].message.tool_calls[0]
    told = [
        {"role": "tool", "tool_call_id": each.id, "content": "oui", "name": "weather"}
        for each in called.choices[0].message.tool_calls
    ]
    after = client.chat.complete(
        model=MODEL, messages=[*HELLO, called.choices[0].message, *told], max_tokens=4
    )
    shape = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
    shaped = client.chat.complete(**cold, response_format=shape, max_tokens=400)
    begun = [*HELLO, {"role": "assistant", "content": "Je", "prefix": True}]
    card = client.models.retrieve(model_id=MODEL)
    return {
        "version": version("mistralai"),
        "whole": whole.choices[0].message.content,
        "streamed": "".join(chunk.choices[0].delta.content or "" for chunk in chunks),
        "streamed_tokens": chunks[-1].usage.completion_tokens,
        "call": [call.function.name, call.function.arguments, call.id],
        "after": after.choices[0].message.content,
        "shaped": shaped.choices[0].message.content,
        "begun": client.chat.complete(model=MODEL, messages=begun, max_tokens=4).choices[0].message.content,
        "models": [model.id for model in client.models.list().data],
        "card": [card.id, card.capabilities.completion_chat],
        "missing": refusal(lambda: client.fim.complete(model=MODEL, prompt="a", suffix="b")),
        "unknown": refusal(lambda: client.chat.complete(model="nobody", messages=HELLO)),
        "wrong": refusal(lambda: client.chat.complete(**{**cold, "temperature": 9})),
    }


def refusal(ask: Any) -> str:
    """The words of an error."""
    try:
        ask()
    except Exception as error:  # noqa: BLE001  # each version has its own tree of errors
        return f"{type(error).__name__}: {error}"
    return "no error"


if __name__ == "__main__":
    print(json.dumps(see(Mistral(server_url=sys.argv[1], api_key=sys.argv[2]))))
