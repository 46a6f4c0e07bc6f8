"""Our own style sheet, modules and pictures, served under the hash of their contents and kept for a year."""

from __future__ import annotations

import functools
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response

_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """One file, as it is and compressed."""

    content: bytes
    compressed: bytes
    media_type: str


@functools.cache
def assets() -> Mapping[str, Asset]:
    """Every file of the ``static`` folder, by name.

    A folder in it is one file, its parts in the order of their names: a browser asks for it once.
    """
    folder = resources.files("galerne.chat.web").joinpath("static")
    return {
        entry.name: _read(entry, media_type=_TYPES[entry.name.rsplit(".", 1)[1]])
        for entry in _by_name(folder)
        if entry.name.rsplit(".", 1)[-1] in _TYPES
    }


def _read(entry: Traversable, *, media_type: str) -> Asset:
    parts = [entry] if entry.is_file() else _by_name(entry)
    content = b"\n".join(part.read_bytes() for part in parts)
    return Asset(content=content, compressed=gzip.compress(content, mtime=0), media_type=media_type)


def _by_name(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda entry: entry.name)


@functools.cache
def digest() -> str:
    """One hash over all files: modules import each other by relative address, so they change together."""
    total = hashlib.sha256()
    for name, asset in assets().items():
        total.update(name.encode() + b"\0" + asset.content)
    return total.hexdigest()[:16]


def asset_path(name: str) -> str:
    """The address of a file, for templates."""
    if name not in assets():
        raise ValueError(f"there is no asset {name!r}")
    return f"/static/{digest()}/{name}"


async def serve_asset(request: Request) -> Response:
    """``GET /static/{digest}/{name}``."""
    asset = assets().get(request.path_params["name"])
    if asset is None:
        return Response(status_code=404)
    fresh = request.path_params["digest"] == digest()
    caching = "public, max-age=31536000, immutable" if fresh else "no-cache"
    headers = {"Cache-Control": caching, "Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(asset.content, media_type=asset.media_type, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(asset.compressed, media_type=asset.media_type, headers=headers)
