"""Mistral's strictness, for those who test against us what will run there: what its API refuses, we refuse.

Asked for with the header ``galerne-strict: mistral``. The lists are those of its published schema
(``additionalProperties: false``) and of its official client.
"""

from __future__ import annotations

import json
import re

from galerne.api.wire.request import ChatRequest
from galerne.errors import ForbiddenField, InvalidRequest

CHAT_FIELDS = frozenset(
    {
        "model", "messages", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed",
        "metadata", "response_format", "tools", "tool_choice", "presence_penalty", "frequency_penalty", "n",
        "prediction", "parallel_tool_calls", "reasoning_effort", "prompt_mode", "guardrails",
        "prompt_cache_key", "service_tier", "safe_prompt", "min_tokens", "repetition_penalty", "top_k",
        "logprobs", "top_logprobs", "prompt_logprobs", "top_prompt_logprobs",
    }
)  # fmt: skip
MESSAGE_FIELDS = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls", "prefix"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}
HOTTEST = 1.5
_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")


def check_mistral(content: bytes, asked: ChatRequest) -> None:
    """Refuse a chat completion that Mistral's API would refuse.

    Raises:
        ForbiddenField: a field it does not know.
        InvalidRequest: a value it does not accept.
    """
    body = json.loads(content)
    _check_fields(body, CHAT_FIELDS, path="")
    for index, message in enumerate(body["messages"]):
        path = f"messages[{index}]"
        known = MESSAGE_FIELDS.get(message["role"])
        if known is None:
            raise InvalidRequest(
                path=f"{path}.role", problem="Mistral knows system, user, assistant and tool"
            )
        _check_fields(message, known, path=f"{path}.")
    if asked.temperature is not None and asked.temperature > HOTTEST:
        raise InvalidRequest(path="temperature", problem=f"may be {HOTTEST} at most")
    for index, turn in enumerate(asked.messages):
        for place, call in enumerate(turn.tool_calls or ()):
            if not _CALL_ID.fullmatch(call.id or ""):
                raise InvalidRequest(
                    path=f"messages[{index}].tool_calls[{place}].id",
                    problem="must be a-z, A-Z, 0-9, with a length of 9.",
                )


def _check_fields(body: dict[str, object], known: frozenset[str], *, path: str) -> None:
    for name in body:
        if name not in known:
            raise ForbiddenField(path=f"{path}{name}")
