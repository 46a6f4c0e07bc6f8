"""Vectors of texts, with the options of both dialects."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from galerne.api.wire.answer import UsageBody, usage_body
from galerne.api.wire.shared import Model, TextOrTexts, Wire, agreed
from galerne.errors import InvalidRequest
from galerne.fleet import Delivered
from galerne.generation import Embedded, GenerationRequest

MAX_TEXTS = 2048
Dtype: TypeAlias = Literal["float", "int8", "uint8", "binary", "ubinary"]
HARMLESS: Mapping[str, tuple[Any, ...]] = MappingProxyType({})


class EmbeddingsRequest(Wire):
    """The body of ``POST /v1/embeddings``."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    model: Model
    input: TextOrTexts
    dimensions: int | None = Field(default=None, ge=1, description="OpenAI's word for `output_dimension`.")
    output_dimension: int | None = Field(
        default=None, ge=1, description="The first so many numbers, brought back to length one."
    )
    encoding_format: Literal["float", "base64"] | None = None
    output_dtype: Dtype | None = Field(
        default=None,
        description="int8: 127 times each number, rounded; uint8: that plus 128; binary and ubinary: the "
        "signs, eight to a number, the first in the highest bit, the former less 128.",
    )

    def question(self, request_id: str) -> GenerationRequest:
        """The same request in our own words.

        Raises:
            InvalidRequest: there is no text, an empty one, or too many.
        """
        texts = (self.input,) if isinstance(self.input, str) else tuple(self.input)
        if not 1 <= len(texts) <= MAX_TEXTS:
            raise InvalidRequest(path="input", problem=f"there may be 1 to {MAX_TEXTS} texts")
        if "" in texts:
            raise InvalidRequest(path="input", problem="a text cannot be empty")
        agreed(self, "dimensions", "output_dimension")
        return GenerationRequest(request_id=request_id, model_id=self.model, embeds=texts)

    def encode(self, vector: tuple[float, ...]) -> list[float] | list[int] | str:
        """One vector as it was asked for.

        Raises:
            InvalidRequest: the model makes shorter ones.
        """
        numbers = np.asarray(vector, dtype=np.float64)
        size = agreed(self, "dimensions", "output_dimension")
        if size is not None:
            name = "dimensions" if self.dimensions is not None else "output_dimension"
            if size > len(numbers):
                raise InvalidRequest(path=name, problem=f"this model makes vectors of {len(numbers)}")
            numbers = numbers[:size]
            length = float(np.linalg.norm(numbers))
            numbers = numbers / length if length > 0 else numbers
        typed = _typed(numbers, self.output_dtype or "float")
        if self.encoding_format == "base64":
            return base64.b64encode(typed.tobytes()).decode()
        entries: list[float] = typed.tolist()
        return entries


def _typed(numbers: npt.NDArray[np.float64], dtype: Dtype) -> npt.NDArray[Any]:
    if dtype == "float":
        return numbers.astype("<f4")
    if dtype in {"int8", "uint8"}:
        whole = np.clip(np.rint(numbers * 127.0), -128, 127).astype(np.int16)
        return whole.astype(np.int8) if dtype == "int8" else (whole + 128).astype(np.uint8)
    packed = np.packbits(numbers > 0)
    return packed if dtype == "ubinary" else (packed.astype(np.int16) - 128).astype(np.int8)


class EmbeddingBody(BaseModel):
    """The vector of one text."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | list[int] | str


class EmbeddingList(BaseModel):
    """The vectors, in the order of the texts."""

    id: str
    object: Literal["list"] = "list"
    model: str
    data: list[EmbeddingBody]
    usage: UsageBody


def embedding_list(
    asked: EmbeddingsRequest, embedded: Embedded, delivered: Delivered, *, request_id: str, model: str
) -> EmbeddingList:
    """The vectors, for the wire."""
    data = [
        EmbeddingBody(index=index, embedding=asked.encode(vector))
        for index, vector in enumerate(embedded.vectors)
    ]
    return EmbeddingList(id=request_id, model=model, data=data, usage=usage_body([delivered]))
