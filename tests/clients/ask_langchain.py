"""Asks a running server through ``langchain-mistralai``; prints one JSON line of what was seen."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

from langchain_mistralai import ChatMistralAI

MODEL = "galerne-mini"
SCHEMA = {
    "title": "weather",
    "description": "d",
    "type": "object",
    "properties": {"snow": {"type": "boolean"}},
    "required": ["snow"],
    "additionalProperties": False,
}

if __name__ == "__main__":
    chat = ChatMistralAI(
        model_name=MODEL, endpoint=f"{sys.argv[1]}/v1", api_key=sys.argv[2], temperature=0, max_tokens=200
    )
    answer = chat.invoke("Bonjour")
    called = chat.bind_tools([SCHEMA], tool_choice="any").invoke("Bonjour")
    shaped = chat.with_structured_output(SCHEMA, method="json_schema").invoke("Bonjour")
    seen = {
        "version": version("langchain-mistralai"),
        "whole": answer.content,
        "receipt": answer.response_metadata["token_usage"]["galerne"]["id"],
        "streamed": "".join(chunk.content for chunk in chat.stream("Bonjour")),
        "call": [called.tool_calls[0]["name"], called.tool_calls[0]["args"]],
        "shaped": shaped,
    }
    print(json.dumps(seen))
