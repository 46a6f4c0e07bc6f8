"""Documents, their passages and where those stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

MOST_CITATIONS = 99
"""How many passages an answer may stand on."""
_LONGEST_WORD = 1_000
_LARGEST_NUMBER = 2**31


class DocumentKind(StrEnum):
    """What the bytes of a file are, whatever its name says."""

    PDF = "pdf"
    DOCX = "docx"
    XLSX = "xlsx"
    CSV = "csv"
    HTML = "html"
    MARKDOWN = "md"
    TEXT = "txt"
    PNG = "png"
    JPEG = "jpeg"
    GIF = "gif"
    WEBP = "webp"

    @property
    def is_image(self) -> bool:
        """Whether it is seen and not read."""
        return self in {DocumentKind.PNG, DocumentKind.JPEG, DocumentKind.GIF, DocumentKind.WEBP}


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Where in a document something stands; what the kind of document does not have is ``None``.

    Attributes:
        page: from 1.
        sheet: name of the sheet of a workbook.
        first_row: from 1, as a spreadsheet counts.
        last_row: likewise, the last one included.
        heading: under which it stands, with those above it.
    """

    page: int | None = None
    sheet: str | None = None
    first_row: int | None = None
    last_row: int | None = None
    heading: str | None = None

    def facts(self) -> dict[str, Any]:
        """What is known, for JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A paragraph, a row, a page: what a reader of files gives, in the order of the document."""

    text: str
    position: Position = field(default_factory=Position)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What is in a file.

    Attributes:
        n_pages: of a PDF; sheets of a workbook; else 0.
    """

    kind: DocumentKind
    pieces: tuple[Piece, ...]
    n_pages: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A part of a document that is found and cited as one.

    Attributes:
        n: its number in the document, from 0.
    """

    n: int
    text: str
    position: Position


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A file that someone attached to a conversation or put into a project.

    Attributes:
        file_hash: SHA-256 of its bytes, under which they are kept once.
        name: as its owner called it; never part of a path.
        n_vectors: passages that can also be found by meaning.
        message_id: the question it came with.
    """

    id: str
    file_hash: str
    name: str
    kind: DocumentKind
    size_bytes: int
    n_pages: int
    n_passages: int
    n_vectors: int
    created_at: float
    conversation_id: str | None = None
    project_id: str | None = None
    message_id: str | None = None
    assistant_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Citation:
    """What an answer stands on: a passage by its place; the text stays with the document.

    Attributes:
        passage_n: number of the passage in the document.
    """

    document_id: str
    name: str
    passage_n: int
    position: Position

    def is_sound(self) -> bool:
        """Whether its fields are of the kinds they should be: a file may say anything."""
        place = self.position
        words = (self.document_id, self.name, place.sheet or "", place.heading or "")
        numbers = (self.passage_n, place.page or 0, place.first_row or 0, place.last_row or 0)
        return all(isinstance(word, str) and len(word) <= _LONGEST_WORD for word in words) and all(
            type(number) is int and 0 <= number < _LARGEST_NUMBER for number in numbers
        )

    def facts(self) -> dict[str, Any]:
        """The same, for JSON."""
        return {
            "document": self.document_id,
            "name": self.name,
            "passage": self.passage_n,
            **self.position.facts(),
        }


def citation_of(facts: Mapping[str, Any]) -> Citation:
    """A citation from its JSON."""
    rest = {key: value for key, value in facts.items() if key not in {"document", "name", "passage"}}
    return Citation(
        document_id=facts["document"],
        name=facts["name"],
        passage_n=facts["passage"],
        position=Position(**rest),
    )
