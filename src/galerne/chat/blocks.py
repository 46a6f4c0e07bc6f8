"""A stream of Markdown cut into blocks that never change once a later one has begun.

The last block is open; those before it are sealed, so a screen draws each of them once. CommonMark reads
line by line and never reopens a closed block, which makes the cut safe as soon as a *complete* line has
started the next block. Two things would break it and are left out: raw HTML and link definitions
(``[a]: http://…``), whose effect reaches backwards. Tested: any chunking gives the cut of the whole text.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

_OPENINGS = {"$$": "$$", "\\[": "\\]"}
_INLINE_MATH = re.compile(
    r"\$\$(?P<wide>[^$\n]+)\$\$|\$(?![\s$])(?P<dollar>(?:\\.|[^\\$\n])+?)(?<![\s\\])\$(?!\d)|\\\((?P<bracket>[^\n]+?)\\\)"
)


def markdown_parser() -> MarkdownIt:
    """CommonMark with tables, strikethrough and formulas; no raw HTML, no link definitions."""
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False})
    parser.enable(["table", "strikethrough"]).disable(["reference", "html_block", "html_inline"])
    parser.block.ruler.before(
        "fence", "math_block", _math_block, {"alt": ["paragraph", "blockquote", "list"]}
    )
    parser.inline.ruler.before("escape", "math_inline", _math_inline)
    return parser


@functools.cache
def _block_parser() -> MarkdownIt:
    """The same, which looks no further than where blocks begin."""
    parser = markdown_parser()
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


class BlockStream:
    """Collects text and cuts it into blocks.

    Attributes:
        sealed: source of each finished block, in order.
        tail: source of the block still open.
    """

    def __init__(self) -> None:
        self.sealed: list[str] = []
        self.tail = ""

    def feed(self, text: str) -> int:
        """Take more text; return how many blocks it sealed."""
        text = text.replace("\r", "")
        self.tail += text
        if "\n" not in text:
            return 0
        complete, _, partial = self.tail.rpartition("\n")
        lines = complete.split("\n")
        starts = _block_starts(lines)
        for start, end in itertools.pairwise(starts):
            self.sealed.append("\n".join(lines[start:end]).rstrip("\n"))
        if len(starts) > 1:
            self.tail = "\n".join([*lines[starts[-1] :], partial])
        return max(0, len(starts) - 1)

    def finish(self) -> tuple[str, ...]:
        """Every block, the last one included; the stream takes no more text."""
        self.feed("\n")
        if self.tail.strip(" \t\n"):
            self.sealed.append(self.tail.rstrip("\n"))
        self.tail = ""
        return tuple(self.sealed)


def split_blocks(text: str) -> tuple[str, ...]:
    """The blocks of a whole text."""
    stream = BlockStream()
    stream.feed(text)
    return stream.finish()


def provisional(tail: str) -> str:
    """The open block with its unfinished marks closed: a half-written ``**word`` already looks bold."""
    if tail.lstrip().startswith(("```", "~~~")):
        return tail
    for mark in ("$$", "`", "**"):
        if tail.count(mark) % 2:
            return tail.rstrip() + mark if tail.rstrip()[-1:] != mark[:1] else tail.rstrip()[: -len(mark)]
    return tail


def _block_starts(lines: Sequence[str]) -> list[int]:
    tokens = _block_parser().parse("\n".join(lines))
    return [token.map[0] for token in tokens if token.level == 0 and token.map and token.nesting >= 0]


def _math_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]].rstrip()
    closing = _OPENINGS.get(first[:2])
    rest = first[2:]
    if closing is None or state.is_code_block(start) or (closing in rest[:-2]):
        return False
    if silent:
        return True
    # Decided by the first line alone, or a later line could reopen a sealed block. A formula holds no blank
    # line, so that a stray "$$" does not swallow the rest of the answer.
    line = start + 1
    closed = rest.endswith(closing)
    while not closed and line < end and not state.isEmpty(line) and state.sCount[line] >= state.blkIndent:
        closed = state.src[state.bMarks[line] : state.eMarks[line]].rstrip().endswith(closing)
        line += 1
    source = state.getLines(start, line, state.blkIndent, False).strip()
    token = state.push("math_block", "math", 0)
    token.content = source[2:-2].strip() if closed else source
    token.map, token.block, token.info = [start, line], True, "" if closed else "unclosed"
    state.line = line
    return True


def _math_inline(state: StateInline, silent: bool) -> bool:
    match = _INLINE_MATH.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        state.push("math_inline", "math", 0).content = str(match[match.lastgroup or 0]).strip()
    state.pos = match.end()
    return True
