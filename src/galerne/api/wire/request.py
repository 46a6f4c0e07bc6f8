"""A chat completion as clients ask for it: OpenAI's and Mistral's words, one question inside.

Lenient by default: unknown fields pass. Wrong types are refused with the path of the field, and so is every
known field that would change the answer and that we cannot do yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from galerne.errors import InvalidRequest
from galerne.generation import GenerationRequest, Message, Role, Sampling

MAX_TOKENS = 2**31 - 1
MAX_SEED = 2**63 - 1

HARMLESS: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "n": (1,),
        "tools": ([],),
        "tool_choice": ("auto", "none"),
        "functions": ([],),
        "function_call": ("auto", "none"),
        "response_format": ({"type": "text"},),
        "logprobs": (False,),
        "top_logprobs": (0,),
        "prompt_logprobs": (),
        "top_prompt_logprobs": (),
        "logit_bias": ({},),
        "reasoning_effort": ("none",),
        "prompt_mode": (),
        "guardrails": ([],),
        "safe_prompt": (False,),
        "modalities": (["text"],),
        "audio": (),
        "web_search_options": (),
        "verbosity": ("medium",),
        "top_k": (0,),
        "min_p": (0,),
        "min_tokens": (0,),
        "repetition_penalty": (1,),
    }
)
"""Fields that change the answer and wait for their turn, with the values that ask for nothing."""


class Wire(BaseModel):
    """What every part of a request has in common: no coercion, unknown fields ignored."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class StreamOptions(Wire):
    """OpenAI's options of a stream."""

    include_usage: bool | None = Field(
        default=None,
        description="true: usage comes in a chunk of its own without choices, as OpenAI does. Otherwise it "
        "comes in the last chunk, as Mistral does. It always comes.",
    )


class TextPart(Wire):
    """A part of a message; text is the one kind so far."""

    type: str
    text: str | None = None


def _content_shape(value: Any) -> str:
    return "as-parts" if isinstance(value, list) else "as-text"


Content: TypeAlias = Annotated[
    Annotated[str, Tag("as-text")] | Annotated[list[TextPart], Tag("as-parts")],
    Discriminator(_content_shape),
]


class ChatMessage(Wire):
    """One turn."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content | None = None
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    prefix: bool | None = None


class ChatRequest(Wire):
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

    model: str = Field(min_length=1, max_length=256, description="A name or alias that GET /v1/models lists.")
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0.0, le=2.0, allow_inf_nan=False)
    top_p: float | None = Field(default=None, ge=0.0, le=1.0, allow_inf_nan=False)
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    stop: Annotated[
        Annotated[str, Tag("as-text")] | Annotated[list[str], Field(max_length=16), Tag("as-parts")],
        Discriminator(_content_shape),
    ] | None = None  # fmt: skip
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    random_seed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    presence_penalty: float | None = Field(default=None, ge=-2.0, le=2.0, allow_inf_nan=False)
    frequency_penalty: float | None = Field(default=None, ge=-2.0, le=2.0, allow_inf_nan=False)

    @property
    def usage_apart(self) -> bool:
        """Whether usage is to come in a chunk of its own."""
        return bool(self.stream_options and self.stream_options.include_usage)

    def question(self, request_id: str) -> GenerationRequest:
        """The same request in our own words.

        Raises:
            InvalidRequest: a field contradicts another, or asks for what we cannot do yet.
        """
        return GenerationRequest(
            request_id=request_id,
            model_id=self.model,
            messages=tuple(_turn(index, message) for index, message in enumerate(self.messages)),
            sampling=Sampling(
                temperature=self.temperature,
                top_p=self.top_p,
                max_new_tokens=_agreed(self, "max_tokens", "max_completion_tokens"),
                stop=_stops(self.stop),
                seed=_agreed(self, "seed", "random_seed"),
                presence_penalty=self.presence_penalty,
                frequency_penalty=self.frequency_penalty,
            ),
        )


def parse_chat_request(body: bytes) -> ChatRequest:
    """Read the body of a chat completion.

    Raises:
        InvalidRequest: with the path of the first field at fault; never with its value.
    """
    try:
        request = ChatRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InvalidRequest(path=path_of(first["loc"]), problem=first["msg"]) from None
    for name, harmless in HARMLESS.items():
        value = (request.model_extra or {}).get(name)
        if value is not None and value not in harmless:
            raise InvalidRequest(path=name, problem="this field is not supported yet with this value")
    last = request.messages[-1]
    if last.role == "assistant":
        path = f"messages[{len(request.messages) - 1}]"
        raise InvalidRequest(path=path, problem="continuing an assistant message is not supported yet")
    return request


def path_of(location: Iterable[str | int]) -> str:
    """A location as people write it: ``messages[0].content``; the whole body is ``body``."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step.isidentifier():  # the tags of our unions are not
            path += f".{step}" if path else step
    return path or "body"


_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}


def _turn(index: int, message: ChatMessage) -> Message:
    path = f"messages[{index}]"
    if message.tool_calls:
        raise InvalidRequest(path=f"{path}.tool_calls", problem="tools are not supported yet")
    if message.prefix:
        raise InvalidRequest(path=f"{path}.prefix", problem="continuing a message is not supported yet")
    if message.content is None and message.role != "assistant":
        raise InvalidRequest(path=f"{path}.content", problem=f"a {message.role} message needs content")
    return Message(role=_ROLES[message.role], content=_text(f"{path}.content", message.content))


def _text(path: str, content: str | list[TextPart] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    for index, part in enumerate(content):
        if part.type != "text":
            raise InvalidRequest(path=f"{path}[{index}].type", problem="only text is supported so far")
        if part.text is None:
            raise InvalidRequest(path=f"{path}[{index}].text", problem="a text part needs its text")
    return "\n".join(part.text or "" for part in content)


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if "" in stops:
        raise InvalidRequest(path="stop", problem="a stop text cannot be empty")
    return stops


def _agreed(request: ChatRequest, first: str, second: str) -> int | None:
    """The value of a field that has two names."""
    values: set[int] = {value for name in (first, second) if (value := getattr(request, name)) is not None}
    if len(values) > 1:
        raise InvalidRequest(path=second, problem=f"says otherwise than {first}, which means the same")
    return values.pop() if values else None
