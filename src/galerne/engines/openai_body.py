"""Writes our requests as servers that speak OpenAI's protocol read them, llama.cpp's among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from galerne.engines.forced_calls import calls_schema, instruction, tool_body
from galerne.errors import AbilityMissing
from galerne.generation import GenerationRequest, Message, Role, Toolbox, ToolUse

CHAT_PATH = "/v1/chat/completions"
TEXT_PATH = "/v1/completions"
INFILL_PATH = "/infill"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manners:
    """How a server differs from the common protocol.

    Attributes:
        extras: further fields of every body.
        knows_tools: whether the model's chat template has words for tools.
        enforces_calls: whether the server itself makes sure that a required call is made.
        has_infill: whether the middle is asked for at ``INFILL_PATH``, instead of with a ``suffix``.
        repetition_name: what it calls the repetition penalty.
        knows_min_tokens: whether it can be told not to end early.
    """

    extras: Mapping[str, Any] = field(default_factory=dict)
    knows_tools: bool = True
    enforces_calls: bool = True
    has_infill: bool = False
    repetition_name: str = "repetition_penalty"
    knows_min_tokens: bool = True


LLAMA_CPP = Manners(
    extras={"return_progress": True, "cache_prompt": True},
    enforces_calls=False,
    has_infill=True,
    repetition_name="repeat_penalty",
    knows_min_tokens=False,
)
"""llama.cpp's server, in its own words."""


def request_of(request: GenerationRequest, manners: Manners) -> tuple[str, dict[str, Any]]:
    """Path and body of a request; what the caller left open is left out.

    Raises:
        AbilityMissing: the server would ignore a part of it.
    """
    if request.sampling.min_new_tokens and not manners.knows_min_tokens:
        raise AbilityMissing(ability="A least number of tokens (min_tokens)", model=request.model_id)
    body = {"model": request.model_id, "stream": True, **_sampling(request, manners), **manners.extras}
    if request.text is not None:
        if request.text.suffix is not None and manners.has_infill:
            asked = {"input_prefix": request.text.text, "input_suffix": request.text.suffix}
            if "max_tokens" in body:
                asked["n_predict"] = body.pop("max_tokens")
            return INFILL_PATH, {**body, **asked}
        suffix = {} if request.text.suffix is None else {"suffix": request.text.suffix}
        usage = {"stream_options": {"include_usage": True}}
        return TEXT_PATH, {
            **body,
            **usage,
            **_logprobs_of_text(request),
            "prompt": request.text.text,
            **suffix,
        }
    return CHAT_PATH, {**body, "stream_options": {"include_usage": True}, **conversation(request, manners)}


def is_forced(request: GenerationRequest, manners: Manners) -> bool:
    """Whether the answer is JSON that stands for tool calls."""
    return (
        request.tools is not None
        and request.tools.use is ToolUse.REQUIRED
        and not (manners.enforces_calls and manners.knows_tools)
    )


def conversation(request: GenerationRequest, manners: Manners) -> dict[str, Any]:
    """What makes the prompt of a conversation, and the shape of its answer."""
    messages = request.messages
    body: dict[str, Any] = {}
    if request.json is not None:
        body["response_format"] = _json_format(request.json.schema)
    if (box := request.tools) is not None:
        if is_forced(request, manners):
            body["response_format"] = _json_format(calls_schema(box))
        if manners.knows_tools:
            choice = "none" if is_forced(request, manners) else _choice(box)
            tools = [tool_body(tool) for tool in box.tools]
            body |= {"tools": tools, "tool_choice": choice, "parallel_tool_calls": box.parallel}
        elif is_forced(request, manners):
            messages = (instruction(box), *messages)
    if request.continues:
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    if request.n_top_logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": request.n_top_logprobs}
    if request.effort is not None:
        # Templates ask for one or the other; names a template does not know are ignored.
        thinks = request.effort != "none"
        body["chat_template_kwargs"] = {"reasoning_effort": request.effort, "enable_thinking": thinks}
    return {"messages": messages_body(messages, knows_tools=manners.knows_tools), **body}


def messages_body(messages: Sequence[Message], *, knows_tools: bool = True) -> list[dict[str, Any]]:
    """Messages as the protocol writes them; for a template without tools, calls and results as text."""
    return [_message(message, knows_tools=knows_tools) for message in messages]


def _message(message: Message, *, knows_tools: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"role": message.role.value, "content": _content(message)}
    if message.thinking:
        body["reasoning_content"] = message.thinking
    if not knows_tools and not message.images:
        calls = [f"{call.name} {call.arguments}" for call in message.tool_calls]
        role = Role.USER if message.role is Role.TOOL else message.role
        content = "\n".join([*filter(None, [message.content]), *calls])
        return {**body, "role": role.value, "content": content}
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        body["tool_calls"] = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    return body


def _content(message: Message) -> str | list[dict[str, Any]]:
    """The text, or text and images by turns. An image goes as its bytes: no engine fetches an address."""
    if not message.images:
        return message.content
    parts: list[dict[str, Any]] = []
    place = 0
    for image in message.images:
        parts.append({"type": "text", "text": message.content[place : image.at]})
        parts.append({"type": "image_url", "image_url": {"url": image.data_url()}})
        place = image.at
    parts.append({"type": "text", "text": message.content[place:]})
    return [part for part in parts if part.get("text") != ""]


def _sampling(request: GenerationRequest, manners: Manners) -> dict[str, Any]:
    sampling = request.sampling
    chosen = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_new_tokens,
        "stop": list(sampling.stop) or None,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        manners.repetition_name: sampling.repetition_penalty,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "min_tokens": sampling.min_new_tokens,
        "logit_bias": {str(token_id): bias for token_id, bias in sampling.logit_bias} or None,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _logprobs_of_text(request: GenerationRequest) -> dict[str, Any]:
    return {} if request.n_top_logprobs is None else {"logprobs": request.n_top_logprobs}


def _json_format(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    if schema is None:
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": dict(schema), "strict": True},
    }


def _choice(box: Toolbox) -> str | dict[str, Any]:
    if box.only is not None:
        return {"type": "function", "function": {"name": box.only}}
    return box.use.value
