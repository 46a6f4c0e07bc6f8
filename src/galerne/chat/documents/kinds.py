"""What a file is, by its bytes. Its name only tells kinds of plain text apart, which all are read as text."""

from __future__ import annotations

import io
import re
import zipfile

from galerne.chat.documents.limits import Limits
from galerne.chat.documents.records import DocumentKind
from galerne.errors import DocumentEncrypted, DocumentTooLarge, DocumentUnreadable, DocumentUnsupported

_MARKUP = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.S
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_ENDINGS = {
    "csv": DocumentKind.CSV,
    "tsv": DocumentKind.CSV,
    "htm": DocumentKind.HTML,
    "html": DocumentKind.HTML,
    "md": DocumentKind.MARKDOWN,
    "markdown": DocumentKind.MARKDOWN,
}
_OTHERS = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (.doc, .xls)"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"{\\rtf", "an RTF file"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK", "a ZIP archive"),
)
_PROTECTED = "EncryptedPackage".encode("utf-16-le")


def kind_of(content: bytes, *, name: str, limits: Limits) -> DocumentKind:
    """The kind of a file.

    Args:
        content: all of it.
        name: its ending tells CSV, HTML and Markdown from other text.
        limits: of what an office file may unpack to.

    Raises:
        DocumentUnsupported: it is something else; says what where its first bytes do.
        DocumentEncrypted: an office file under a password.
        DocumentTooLarge: an office file that unpacks to more than the limit.
        DocumentUnreadable: an office file that is damaged or holds what such files never do.
    """
    if content.startswith(b"%PDF-"):
        return DocumentKind.PDF
    if content.startswith(b"PK\x03\x04"):
        return _office_kind(content, limits=limits)
    if _PROTECTED in content[:65_536]:
        raise DocumentEncrypted
    for magic, found in _OTHERS:
        if content.startswith(magic) and not (magic == b"MZ" and b"\0" not in content[:512]):
            raise DocumentUnsupported(found=found)
    decode_text(content)
    if _MARKUP.match(content[:4096].removeprefix(b"\xef\xbb\xbf")):
        return DocumentKind.HTML
    return _ENDINGS.get(name.rpartition(".")[2].lower(), DocumentKind.TEXT)


def decode_text(content: bytes) -> str:
    """The text of a file of text: UTF-8, UTF-16 with its mark, else Windows' Western encoding.

    Raises:
        DocumentUnsupported: it is not text.
    """
    if not content.strip():
        raise DocumentUnsupported(found="empty")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", errors="replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252", errors="replace")
    n_control = len(_CONTROL.findall(text)) + text.count("\ufffd")
    if "\0" in text or n_control > len(text) / 200:
        raise DocumentUnsupported(found="binary data")
    return _CONTROL.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def _office_kind(content: bytes, *, limits: Limits) -> DocumentKind:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > limits.n_members:
                raise DocumentTooLarge(what="members", found=len(members), limit=limits.n_members)
            n_bytes = sum(member.file_size for member in members)
            if n_bytes > limits.unpacked_bytes:
                raise DocumentTooLarge(what="bytes once unpacked", found=n_bytes, limit=limits.unpacked_bytes)
            names = {member.filename for member in members}
            kind = _by_members(names)
            for member in members:
                if member.filename.endswith((".xml", ".rels")):
                    _refuse_declarations(archive.read(member))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise DocumentUnreadable(problem="a damaged archive") from error
    except RuntimeError as error:  # zipfile's word for a member under a password
        raise DocumentEncrypted from error
    return kind


def _by_members(names: set[str]) -> DocumentKind:
    if "word/document.xml" in names:
        return DocumentKind.DOCX
    if "xl/workbook.xml" in names:
        return DocumentKind.XLSX
    raise DocumentUnsupported(found="a ZIP archive")


def _refuse_declarations(xml: bytes) -> None:
    """Office files declare no document type: whoever does wants entities expanded."""
    plain = xml.replace(b"\0", b"") if xml[:200].count(b"\0") else xml
    if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
        raise DocumentUnreadable(problem="it declares XML entities, which office files never do")
