r"""Markdown to HTML that is safe to show: code highlighted, formulas as MathML, sanitised last.

Nothing of what a model writes reaches the page except through ``nh3``, after the last transformation:
latex2mathml does not escape ``\text{…}``. Pictures never load: their text and host are shown as a link.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from html import escape
from importlib import resources
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import nh3
from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from galerne.chat.blocks import markdown_parser, provisional, split_blocks

_LONGEST_FORMULA = 2_000
_LONGEST_HIGHLIGHT = 60_000
_CITATION = re.compile(r"\[(\d{1,2}(?:\s?[,;]\s?\d{1,2}){0,9})\](?!\()")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TEXT_TAGS = _words(
    "a blockquote br code del div em figcaption figure h3 h4 h5 h6 hr li ol p pre s span strong"
    " table tbody td th thead tr ul"
)
_MATH_TAGS = _words(
    "math menclose mfrac mi mmultiscripts mn mo mover mpadded mphantom mroot mrow mspace msqrt mstyle msub"
    " msubsup msup mtable mtd mtext mtr munder munderover"
)
_MATH_ATTRIBUTES = _words(
    "accent columnalign columnlines columnspacing depth display displaystyle fence form height largeop"
    " linethickness lspace mathvariant maxsize minsize movablelimits notation rowspacing rspace scriptlevel"
    " separator stretchy symmetric voffset width"
)
_ATTRIBUTES: dict[str, set[str]] = {
    "a": {"class", "href", "target"},
    "code": {"class"},
    "div": {"class", "tabindex"},
    "figure": {"class", "data-language"},
    "ol": {"start"},
    "span": {"class"},
    "td": {"class"},
    "th": {"class"},
    **{tag: set(_MATH_ATTRIBUTES) for tag in _MATH_TAGS},
}


def render_block(source: str, *, n_citations: int = 0) -> str:
    """One block of Markdown as sanitised HTML.

    Args:
        source: the block.
        n_citations: passages the answer was given: ``[1]`` up to this number leads to one.
    """
    return sanitise(_parser().render(source, {"n_citations": n_citations}))


def render_open_block(source: str, *, n_citations: int = 0) -> str:
    """The block still being written, its unfinished marks closed."""
    return render_block(provisional(source), n_citations=n_citations)


@functools.lru_cache(maxsize=1024)
def render_page(text: str, n_citations: int = 0) -> tuple[str, ...]:
    """A whole text, block by block: what a stream of it ends as."""
    return tuple(render_block(block, n_citations=n_citations) for block in split_blocks(text))


def cited_numbers(text: str, n_citations: int) -> list[int]:
    """Which passages an answer names, in order of number."""
    found = {int(number) for match in _CITATION.finditer(text) for number in re.findall(r"\d+", match[1])}
    return sorted(number for number in found if 1 <= number <= n_citations)


@functools.cache
def renderer_version() -> str:
    """Changes with our code and with the libraries that draw: what an older one drew is drawn again."""
    total = hashlib.sha256()
    for package, name in (("galerne.chat", "blocks.py"), ("galerne.chat.web", "markdown.py")):
        total.update(resources.files(package).joinpath(name).read_bytes())
    for library in ("markdown-it-py", "Pygments", "latex2mathml", "nh3"):
        total.update(f"{library} {version(library)}".encode())
    return total.hexdigest()[:16]


def sanitise(html: str) -> str:
    """Keep only what our own renderer can have written. Nothing transforms the result afterwards."""
    return _cleaner().clean(html)


@functools.cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(_TEXT_TAGS | _MATH_TAGS),
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )


@functools.cache
def _parser() -> MarkdownIt:
    parser = markdown_parser()
    parser.inline.ruler.before("link", "citation", _citation)
    rules = {
        "citation": _citation_link,
        "fence": _code,
        "code_block": _code,
        "math_inline": _formula,
        "math_block": _formula,
        "image": _picture,
        "link_open": _link_open,
        "link_close": _link_close,
        "heading_open": _heading,
        "heading_close": _heading,
        "table_open": _table_open,
        "table_close": _table_close,
        "th_open": _cell_open,
        "td_open": _cell_open,
    }
    for name, rule in rules.items():
        parser.add_render_rule(name, rule)
    return parser


def _citation(state: StateInline, silent: bool) -> bool:
    match = _CITATION.match(state.src, state.pos)
    if match is None:
        return False
    numbers = re.findall(r"\d+", match[1])
    if not all(1 <= int(number) <= state.env.get("n_citations", 0) for number in numbers):
        return False
    if not silent:
        for number in numbers:
            state.push("citation", "a", 0).content = str(int(number))
    state.pos = match.end()
    return True


def _citation_link(_: RendererHTML, tokens: Sequence[Token], idx: int, *__: Any) -> str:
    number = tokens[idx].content
    return f'<a class="citation" href="#passage-{number}">{number}</a>'


def _code(_: RendererHTML, tokens: Sequence[Token], idx: int, *__: Any) -> str:
    token = tokens[idx]
    if token.markup.startswith("~") and token.info.strip() == "quote":  # of a document: text, never marks
        return f'<figure class="quote"><blockquote>{escape(token.content)}</blockquote></figure>\n'
    language = token.info.strip().split(maxsplit=1)[0] if token.info.strip() else ""
    return (
        f'<figure class="code" data-language="{escape(language)}"><pre><code>'
        f"{_highlighted(token.content, language)}</code></pre></figure>\n"
    )


def _highlighted(code: str, language: str) -> str:
    try:
        if not language or len(code) > _LONGEST_HIGHLIGHT:
            return escape(code)
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return escape(code)
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))


def _formula(_: RendererHTML, tokens: Sequence[Token], idx: int, *__: Any) -> str:
    token = tokens[idx]
    if token.info == "unclosed":
        return f"<p>{escape(token.content)}</p>\n"
    if token.type == "math_inline":
        return _mathml(token.content, display="inline")
    return f'<div class="formula" tabindex="0">{_mathml(token.content, display="block")}</div>\n'


def _mathml(source: str, *, display: str) -> str:
    if len(source) > _LONGEST_FORMULA:
        return f"<code>{escape(source)}</code>"
    try:
        return str(convert(source, display=display))
    except Exception:  # noqa: BLE001 - a converter fed by a model fails in many ways; its source is shown
        return f"<code>{escape(source)}</code>"


def _picture(_: RendererHTML, tokens: Sequence[Token], idx: int, *__: Any) -> str:
    token = tokens[idx]
    address = str(token.attrs.get("src", ""))
    text = escape(token.content or address)
    return f'<span class="picture">{_anchor(address)}{text}</a> {_host_label(address)}</span>'


def _anchor(address: str) -> str:
    return f'<a href="{escape(address)}" target="_blank">'


def _host_label(address: str) -> str:
    host = _host(address)
    return f'<span class="host">{escape(host)}</span>' if host else ""


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _link_open(_: RendererHTML, tokens: Sequence[Token], idx: int, *__: Any) -> str:
    return _anchor(str(tokens[idx].attrs.get("href", "")))


def _link_close(_: RendererHTML, tokens: Sequence[Token], idx: int, *__: Any) -> str:
    start = max(i for i in range(idx) if tokens[i].type == "link_open")
    address = str(tokens[start].attrs.get("href", ""))
    text = "".join(token.content for token in tokens[start:idx])
    return "</a>" if _host(address) in text else f"</a> {_host_label(address)}"


def _heading(_: RendererHTML, tokens: Sequence[Token], idx: int, *__: Any) -> str:
    # The page owns the first two levels.
    level = min(6, int(tokens[idx].tag[1]) + 2)
    return f"<{'/' if tokens[idx].nesting < 0 else ''}h{level}>"


def _table_open(*_: Any) -> str:
    return '<div class="table" tabindex="0"><table>'


def _table_close(*_: Any) -> str:
    return "</table></div>"


def _cell_open(_: RendererHTML, tokens: Sequence[Token], idx: int, *__: Any) -> str:
    # The parser aligns by an inline style, which the page's policy refuses.
    side = str(tokens[idx].attrs.get("style", "")).removeprefix("text-align:")
    return f'<{tokens[idx].tag} class="{side}">' if side else f"<{tokens[idx].tag}>"
