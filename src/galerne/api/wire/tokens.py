"""Tokens of a text or of a conversation, counted and shown."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from galerne.api.wire.conversation import ChatMessage, turns
from galerne.api.wire.shapes import MAX_TOOLS, ToolBody, toolbox
from galerne.api.wire.shared import Model, Wire
from galerne.errors import InvalidRequest
from galerne.generation import GenerationRequest, RawText, TextToken


class TokensRequest(Wire):
    """The body of ``POST /v1/tokenize`` and ``/v1/tokenize/count``: either a text or a conversation."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    model: Model
    prompt: str | None = Field(default=None, description="A text, without any template.")
    messages: list[ChatMessage] | None = Field(
        default=None, min_length=1, description="A conversation, with the model's template; only counted."
    )
    tools: list[ToolBody] | None = Field(default=None, max_length=MAX_TOOLS)

    def question(self, request_id: str) -> GenerationRequest:
        """The same request in our own words.

        Raises:
            InvalidRequest: there is neither a text nor a conversation, or both.
        """
        if (self.prompt is None) == (self.messages is None):
            raise InvalidRequest(path="prompt", problem="give either prompt or messages")
        functions = [tool.function for tool in self.tools or ()]
        return GenerationRequest(
            request_id=request_id,
            model_id=self.model,
            messages=turns(self.messages) if self.messages else (),
            text=None if self.prompt is None else RawText(text=self.prompt),
            tools=toolbox(functions, choice=None, parallel=None),
        )


class TokenBody(BaseModel):
    """A token."""

    id: int
    text: str


class TokenList(BaseModel):
    """The tokens of a text."""

    model: str
    count: int
    tokens: list[TokenBody]


class TokenCount(BaseModel):
    """How many tokens there are."""

    model: str
    count: int


def token_list(tokens: tuple[TextToken, ...], *, model: str) -> dict[str, Any]:
    """The tokens of a text, for the wire."""
    shown = [TokenBody(id=token.token_id, text=token.text) for token in tokens]
    return TokenList(model=model, count=len(tokens), tokens=shown).model_dump()
