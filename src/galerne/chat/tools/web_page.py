"""A tool that reads a public web page; a person agrees first, since it tells the outside what is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from galerne.chat.tools.fetch import Fetched, fetch
from galerne.chat.tools.records import Tool
from galerne.errors import AddressRefused, ToolFailed

NAME = "read_web_page"
_KINDS = ("text/", "application/json", "application/xhtml+xml", "application/xml")
_UNSEEN = ("script", "style", "noscript", "template", "svg", "nav", "header", "footer", "form")


def web_page_tool() -> Tool:
    """The tool."""
    return Tool(
        name=NAME,
        description="Read the text of one public web page by its address.",
        parameters={
            "type": "object",
            "properties": {"url": {"type": "string", "description": "http or https address."}},
            "required": ["url"],
            "additionalProperties": False,
        },
        run=_read,
        asks=True,
    )


async def _read(arguments: Mapping[str, Any]) -> str:
    try:
        page = await fetch(arguments["url"])
    except AddressRefused as error:
        raise ToolFailed(tool=NAME, problem=str(error)) from error
    if page.status >= 400:
        raise ToolFailed(tool=NAME, problem=f"the server answered {page.status}")
    if not page.kind.startswith(_KINDS):
        raise ToolFailed(tool=NAME, problem=f"it is {page.kind or 'of no known kind'}, not text")
    return text_of(page)


def text_of(page: Fetched) -> str:
    """The words of a page; what its author says, not what we say."""
    if "html" not in page.kind:
        return page.body.decode("utf-8", errors="replace")
    from bs4 import BeautifulSoup  # noqa: PLC0415  # only who reads a page waits for it

    soup = BeautifulSoup(page.body, "html.parser")
    for tag in soup.find_all(_UNSEEN):
        tag.decompose()
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    lines = [line.strip() for line in soup.get_text("\n").splitlines()]
    body = "\n".join(line for line in lines if line)
    return f"{title}\n{page.url}\n\n{body}" + ("\n[cut]" if page.cut else "")
