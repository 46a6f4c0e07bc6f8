"""A failure as OpenAI's clients read it; Mistral's own clients get the same words in a flat object."""

from __future__ import annotations

from pydantic import BaseModel, Field


class ProblemWords(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None = Field(description="The field at fault, such as messages[0].content.")
    code: str = Field(description="OpenAI's word where it has one, else ours.")
    advice: str = Field(description="What to do next, in the language of Accept-Language.")
    galerne_code: str


class ProblemBody(BaseModel):
    """A failure."""

    error: ProblemWords
