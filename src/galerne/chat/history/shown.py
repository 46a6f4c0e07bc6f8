"""Turns with images, as the API takes them: apart from their store, since a terminal needs no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def on_the_wire(turns: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Turns as the API takes them: text and images of a question as parts, the images after the text."""
    written = []
    for turn in turns:
        body = {name: value for name, value in turn.items() if name != "images"}
        if urls := turn.get("images"):
            parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
            body["content"] = [{"type": "text", "text": turn["content"]}, *parts]
        written.append(body)
    return written
