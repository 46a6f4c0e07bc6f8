"""Images that a request names by address: fetched once, here, before anything is parsed; or refused.

Only where the owner allows it, and only through the guarded fetch that is handed in: an engine that fetched
addresses itself would reach whatever this machine reaches.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

from galerne.api.wire.conversation import IMAGE_PARTS, MAX_IMAGES
from galerne.errors import AddressRefused, ImageRefused
from galerne.images import read_image

FetchImage: TypeAlias = Callable[[str], Awaitable[bytes]]
_SCHEMES = ("http://", "https://")


async def with_images_here(content: bytes, fetch: FetchImage | None) -> bytes:
    """A body whose images are all in it.

    Args:
        content: as it came; what is no JSON stays as it is, for whoever parses it.
        fetch: of the owner who allows it; None leaves addresses in place, which are then refused.

    Raises:
        ImageRefused: an address does not give an image that is taken, or there are too many.
    """
    if fetch is None or not any(name.encode() in content for name in IMAGE_PARTS):
        return content
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return content
    named = list(_addresses(body))
    if not named:
        return content
    if len(named) > MAX_IMAGES:
        problem = f"{len(named)} addresses are named, the most fetched for one request is {MAX_IMAGES}"
        raise ImageRefused(path="messages", problem=problem)
    for path, part in named:
        part["image_url"] = await _fetched(_address_of(part), fetch, path=path)
    return json.dumps(body).encode()


async def _fetched(url: str, fetch: FetchImage, *, path: str) -> str:
    try:
        return read_image(await fetch(url), path=path).data_url()
    except AddressRefused as error:
        raise ImageRefused(path=path, problem=f"not fetched from {error.host}: {error.problem}") from None


def _addresses(body: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parts that name an image of another server, and where they stand."""
    for key in ("messages", "input"):
        turns = body.get(key) if isinstance(body, dict) else None
        for n, turn in enumerate(turns if isinstance(turns, list) else ()):
            parts = turn.get("content") if isinstance(turn, dict) else None
            for k, part in enumerate(parts if isinstance(parts, list) else ()):
                if isinstance(part, dict) and _address_of(part).lower().startswith(_SCHEMES):
                    yield f"{key}[{n}].content[{k}].image_url", part


def _address_of(part: dict[str, Any]) -> str:
    named = part.get("image_url") if part.get("type") in IMAGE_PARTS else None
    url = named.get("url") if isinstance(named, dict) else named
    return url if isinstance(url, str) else ""
