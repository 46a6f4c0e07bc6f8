"""The text of a file, in the order of the document. Runs in the limited process (``child``) alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module

from galerne.chat.documents.kinds import kind_of
from galerne.chat.documents.limits import Limits
from galerne.chat.documents.records import DocumentKind, Piece, Reading
from galerne.errors import DocumentTooLarge, DocumentUnreadable, DocumentWithoutText, GalerneError


def extract(content: bytes, *, name: str, limits: Limits) -> Reading:
    """Find out what a file is and read its text.

    Raises:
        GalerneError: a leaf of the chat's that says why not.
        MemoryError: it needed more than there is.
    """
    kind = kind_of(content, name=name, limits=limits)
    try:
        n_pages, pieces = _reader(kind)(content, limits)
        kept = tuple(_bounded(pieces, limits=limits))
    except (GalerneError, MemoryError):
        raise
    except RecursionError as error:
        raise DocumentUnreadable(problem="it is nested too deeply") from error
    except Exception as error:
        # A stranger's file fails in as many ways as its reader has lines; the class alone names no contents.
        raise DocumentUnreadable(
            problem=f"a damaged {kind.value.upper()} ({type(error).__name__})"
        ) from error
    if not kept:
        raise DocumentWithoutText(n_pages=max(1, n_pages))
    return Reading(kind=kind, pieces=kept, n_pages=n_pages)


def _bounded(pieces: Iterable[Piece], *, limits: Limits) -> Iterator[Piece]:
    n_characters = 0
    for piece in pieces:
        # Half a character or a zero byte would not enter the database.
        text = piece.text.encode("utf-8", errors="replace").decode("utf-8").replace("\0", "").strip()
        n_characters += len(text)
        if n_characters > limits.n_characters:
            raise DocumentTooLarge(what="characters", found=n_characters, limit=limits.n_characters)
        if text:
            yield Piece(text=text, position=piece.position)


def _reader(kind: DocumentKind) -> Callable[[bytes, Limits], tuple[int, Iterable[Piece]]]:
    """What reads this kind; loaded when needed, so that a small text does not wait for every library."""
    module = import_module(f"galerne.chat.documents.{_READERS[kind]}")
    read: Callable[[bytes, Limits], tuple[int, Iterable[Piece]]] = module.read
    return read


_READERS: Mapping[DocumentKind, str] = {
    DocumentKind.PDF: "pdf",
    DocumentKind.DOCX: "word",
    DocumentKind.XLSX: "workbook",
    DocumentKind.CSV: "csv_rows",
    DocumentKind.HTML: "markup",
    DocumentKind.MARKDOWN: "markdown",
    DocumentKind.TEXT: "text",
}
