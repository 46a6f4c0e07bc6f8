"""The text of an HTML document as a reader sees it: no scripts, nothing hidden."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bs4 import BeautifulSoup, Comment, Tag
from bs4.element import NavigableString, PreformattedString

from galerne.chat.documents.headings import Headings, row_text
from galerne.chat.documents.kinds import decode_text
from galerne.chat.documents.limits import Limits
from galerne.chat.documents.records import Piece

_SILENT = {"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "head", "nav"}
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "br", "dd", "details", "div", "dl", "dt",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html",
    "li", "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_HEADING = re.compile(r"h[1-6]")
_UNSEEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0", re.IGNORECASE)


def read(content: bytes, _: Limits) -> tuple[int, Iterable[Piece]]:
    """Paragraphs and rows of tables under their headings."""
    page = BeautifulSoup(decode_text(content), "lxml")  # closes what a page leaves open, as browsers do
    headings = Headings()
    if page.title is not None:
        headings.enter(page.title.get_text(), level=0)
    for tag in page.find_all(lambda tag: tag.name in _SILENT or _is_hidden(tag)):
        if not tag.decomposed:
            tag.decompose()
    return 0, _blocks(page, headings)


def _blocks(page: BeautifulSoup, headings: Headings) -> Iterator[Piece]:
    words: list[str] = []
    for node in page.descendants:
        if isinstance(node, Tag) and node.name in _BLOCKS:
            yield Piece(text=_joined(words), position=headings.position())
            words = []
            if node.name == "tr":
                cells = [cell.get_text(" ") for cell in node.find_all(["td", "th"])]
                yield Piece(text=row_text(cells), position=headings.position())
            elif _HEADING.fullmatch(node.name):
                headings.enter(node.get_text(" "), level=int(node.name[1]))
        elif _is_said(node):
            words.append(str(node))
    yield Piece(text=_joined(words), position=headings.position())


def _is_said(node: object) -> bool:
    if not isinstance(node, NavigableString) or isinstance(node, Comment | PreformattedString):
        return False
    return node.find_parent("tr") is None  # a row was read whole when it began


def _is_hidden(tag: Tag) -> bool:
    return (
        tag.has_attr("hidden")
        or tag.get("aria-hidden") == "true"
        or bool(_UNSEEN.search(str(tag.get("style") or "")))
    )


def _joined(words: list[str]) -> str:
    return " ".join("".join(words).split())
