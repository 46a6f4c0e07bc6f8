"""What every request body has in common: strict types, a path to the field at fault, a time to read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from galerne.errors import InvalidRequest

MAX_TOKENS = 2**31 - 1
MAX_SEED = 2**63 - 1

Body = TypeVar("Body", bound=BaseModel)


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


def text_or_list(value: Any) -> str:
    """Which of the two a value that may be a text or a list is, before its items are read."""
    return "as-list" if isinstance(value, list) else "as-text"


TextOrTexts = Annotated[
    Annotated[str, Tag("as-text")] | Annotated[list[str], Tag("as-list")], Discriminator(text_or_list)
]

Model = Annotated[
    str, Field(min_length=1, max_length=256, description="A name or alias that GET /v1/models lists.")
]
Temperature = Annotated[float, Field(ge=0.0, le=2.0, allow_inf_nan=False)]
TopP = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Penalty = Annotated[float, Field(ge=-2.0, le=2.0, allow_inf_nan=False)]
TokenLimit = Annotated[int, Field(ge=1, le=MAX_TOKENS)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
LeastTokens = Annotated[
    int,
    Field(ge=0, le=MAX_TOKENS, description="The answer has as many at least; where the engine can be told."),
]
LogitBias = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[0-9]{1,9}$")],
        Annotated[float, Field(ge=-100.0, le=100.0, allow_inf_nan=False)],
    ],
    Field(max_length=1024, description="By token id, as POST /v1/tokenize tells it: -100 bans, 100 forces."),
]


def parse_body(kind: type[Body], body: bytes, *, harmless: Mapping[str, tuple[Any, ...]]) -> Body:
    """Read a body.

    Args:
        kind: what it should be; must allow extra fields.
        body: JSON.
        harmless: fields that would change the answer and wait for their turn, with the values that ask
            for nothing.

    Raises:
        InvalidRequest: with the path of the first field at fault; never with its value.
    """
    try:
        request = kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InvalidRequest(path=path_of(first["loc"]), problem=first["msg"]) from None
    for name, values in harmless.items():
        value = (request.model_extra or {}).get(name)
        if value is not None and value not in values:
            raise InvalidRequest(path=name, problem="this field is not supported yet with this value")
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


def stops_of(stop: str | list[str] | None) -> tuple[str, ...]:
    """The texts at which an answer ends.

    Raises:
        InvalidRequest: one is empty, or there are too many.
    """
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if "" in stops:
        raise InvalidRequest(path="stop", problem="a stop text cannot be empty")
    if len(stops) > 16:
        raise InvalidRequest(path="stop", problem="there may be 16 stop texts at most")
    return stops


def biases_of(bias: Mapping[str, float] | None) -> tuple[tuple[int, float], ...]:
    """The biases as pairs of token id and number."""
    return tuple((int(token_id), value) for token_id, value in (bias or {}).items())


def agreed(request: BaseModel, first: str, second: str) -> int | None:
    """The value of a field that has two names.

    Raises:
        InvalidRequest: the two differ.
    """
    values: set[int] = {value for name in (first, second) if (value := getattr(request, name)) is not None}
    if len(values) > 1:
        raise InvalidRequest(path=second, problem=f"says otherwise than {first}, which means the same")
    return values.pop() if values else None
