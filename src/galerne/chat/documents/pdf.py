"""The text of a PDF, page by page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator

from pypdf import PasswordType, PdfReader
from pypdf.errors import DependencyError

from galerne.chat.documents.limits import Limits
from galerne.chat.documents.records import Piece, Position
from galerne.errors import DocumentEncrypted, DocumentTooLarge

_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_BROKEN_WORD = re.compile(r"(?<=[a-zà-ÿ])-\n(?=[a-zà-ÿ])")


def read(content: bytes, limits: Limits) -> tuple[int, Iterable[Piece]]:
    """How many pages there are, and their paragraphs; a scanned page has none.

    Raises:
        DocumentEncrypted: it does not open without a password.
        DocumentTooLarge: it has more pages than are read.
    """
    reader = PdfReader(io.BytesIO(content), strict=False)
    if reader.is_encrypted and not _opens_without_password(reader):
        raise DocumentEncrypted
    n_pages = len(reader.pages)
    if n_pages > limits.n_pages:
        raise DocumentTooLarge(what="pages", found=n_pages, limit=limits.n_pages)
    return n_pages, _pages(reader)


def _opens_without_password(reader: PdfReader) -> bool:
    try:
        return reader.decrypt("") is not PasswordType.NOT_DECRYPTED
    except (DependencyError, NotImplementedError):
        return False


def _pages(reader: PdfReader) -> Iterator[Piece]:
    for number, page in enumerate(reader.pages, start=1):
        text = _BROKEN_WORD.sub("", page.extract_text() or "")
        for paragraph in _BLANK_LINES.split(text):
            yield Piece(text=paragraph, position=Position(page=number))
