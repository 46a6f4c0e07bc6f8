"""A chat completion as clients ask for it: OpenAI's and Mistral's words, one question inside.

Lenient by default: unknown fields pass. Wrong types are refused with the path of the field, and so is every
known field that would change the answer and that we cannot do yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from pydantic import ConfigDict, Field

from galerne.api.wire.conversation import ChatMessage, turns
from galerne.api.wire.sampled import SampledRequest, reseeded
from galerne.api.wire.shapes import MAX_TOOLS, ResponseFormat, ToolBody, ToolChoice, toolbox
from galerne.api.wire.shared import TokenLimit, agreed, parse_body
from galerne.errors import InvalidRequest
from galerne.generation import GenerationRequest, Message, Role, Sampling, Toolbox, ToolUse

MAX_CHOICES = 16
SAFE_PROMPT = (
    "Always assist with care, respect, and truth. Respond with utmost utility yet securely. Avoid harmful, "
    "unethical, prejudiced, or negative content. Ensure replies promote fairness and positivity."
)
"""What Mistral's ``safe_prompt`` puts before the conversation, word for word."""

HARMLESS: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "functions": ([],),
        "function_call": ("auto", "none"),
        "prompt_logprobs": (),
        "top_prompt_logprobs": (),
        "guardrails": ([],),
        "modalities": (["text"],),
        "audio": (),
        "web_search_options": (),
        "verbosity": ("medium",),
    }
)
"""Fields that change the answer and wait for their turn, with the values that ask for nothing."""


class ChatRequest(SampledRequest):
    """The body of ``POST /v1/chat/completions``."""

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "model": "galerne-mini",
                    "messages": [{"role": "user", "content": "Bonjour"}],
                    "stream": True,
                }
            ]
        },
    )

    messages: list[ChatMessage] = Field(min_length=1)
    n: int | None = Field(default=None, ge=1, le=MAX_CHOICES, description="Answers, one after the other.")
    top_k: int | None = Field(default=None, ge=0, le=1_000_000)
    min_p: float | None = Field(default=None, ge=0.0, le=1.0, allow_inf_nan=False)
    max_completion_tokens: TokenLimit | None = None
    repetition_penalty: float | None = Field(default=None, gt=0.0, le=2.0, allow_inf_nan=False)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    response_format: ResponseFormat | None = None
    tools: list[ToolBody] | None = Field(default=None, max_length=MAX_TOOLS)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    safe_prompt: bool | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    prompt_mode: Literal["reasoning"] | None = None

    @property
    def asks_for_thoughts(self) -> bool:
        """Whether what the model thinks is to be shown, where the dialect has words for it."""
        return self.prompt_mode == "reasoning" or self.reasoning_effort not in {None, "none"}

    def questions(self, request_id: str) -> list[GenerationRequest]:
        """The same request in our own words, once per answer asked for.

        Raises:
            InvalidRequest: a field contradicts another, or asks for what we cannot do yet.
        """
        n = self.n or 1
        sampling = self.sampling()
        messages = turns(self.messages)
        if self.safe_prompt:
            messages = (Message(role=Role.SYSTEM, content=SAFE_PROMPT), *messages)
        tools = self._toolbox()
        return [
            GenerationRequest(
                request_id=request_id if n == 1 else f"{request_id}-{index}",
                model_id=self.model,
                messages=messages,
                sampling=reseeded(sampling, index),
                tools=tools,
                json=self.response_format.shape() if self.response_format else None,
                continues=bool(self.messages[-1].prefix),
                effort=self.reasoning_effort,
                n_top_logprobs=self._n_top_logprobs(),
            )
            for index in range(n)
        ]

    def beginning(self) -> str:
        """The text that the answer goes on with, which comes with it."""
        last = turns(self.messages)[-1]
        return last.content if self.messages[-1].prefix else ""

    def sampling(self) -> Sampling:
        """How tokens are drawn, with what only conversations may say."""
        return replace(
            super().sampling(),
            max_new_tokens=agreed(self, "max_tokens", "max_completion_tokens"),
            repetition_penalty=self.repetition_penalty,
            top_k=self.top_k,
            min_p=self.min_p,
        )

    def _toolbox(self) -> Toolbox | None:
        functions = [tool.function for tool in self.tools or ()]
        box = toolbox(functions, choice=self.tool_choice, parallel=self.parallel_tool_calls)
        has_shape = self.response_format is not None and self.response_format.type != "text"
        if box is not None and box.use is not ToolUse.NONE and has_shape:
            raise InvalidRequest(path="response_format", problem="an answer is either JSON or calls of tools")
        return box

    def _n_top_logprobs(self) -> int | None:
        if self.top_logprobs and not self.logprobs:
            raise InvalidRequest(path="top_logprobs", problem="needs logprobs to be true")
        return (self.top_logprobs or 0) if self.logprobs else None


def parse_chat_request(body: bytes) -> ChatRequest:
    """Read the body of a chat completion.

    Raises:
        InvalidRequest: with the path of the first field at fault; never with its value.
    """
    return parse_body(ChatRequest, body, harmless=HARMLESS)
