"""Model files that are arriving, as clients see them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from pydantic import BaseModel, Field

from galerne.models import Arriving


class PullBody(BaseModel):
    """A model file on its way."""

    name: str = Field(description="Of the file, as it will be.")
    arrived_bytes: int
    size_bytes: int = Field(description="Of the whole file.")


class PullList(BaseModel):
    """What is arriving now; a download that was stopped is not in it."""

    data: list[PullBody]


def pull_list(arriving: Iterable[Arriving]) -> PullList:
    """The list for the wire."""
    return PullList(data=[PullBody.model_validate(asdict(entry)) for entry in arriving])
