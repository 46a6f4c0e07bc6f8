"""Images as they come: what kind their first bytes say, how large a picture they hold. Never decoded here.

A name or a media type that somebody gives is not believed. Only kinds that engines read are taken (WebP by
vLLM; llama.cpp refuses it like a damaged file), and only pictures whose pixels fit in memory: a file of a few
kilobytes can unpack to gigabytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass, field

from galerne.errors import ImageRefused

MOST_BYTES = 10 * 2**20
"""Of one image. Mistral's cloud takes 20 MB; a request here may have 16 MiB in all, in base64."""
MOST_PIXELS = 50_000_000
"""Of one image: 150 MB when it is unpacked."""
_LONGEST_PIXELS, _TILE_PIXELS = 1540, 28
"""Mistral's eyes see no more than this along a side, and make a token of each tile of that side."""
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """An image of a message.

    Attributes:
        media_type: as its first bytes say.
        content: its bytes, as they came.
        width_pixels: as its header says.
        height_pixels: as its header says.
        at: how many characters of the message come before it.
    """

    media_type: str
    content: bytes = field(repr=False)
    width_pixels: int
    height_pixels: int
    at: int = 0

    @property
    def sha256(self) -> str:
        """The name of its bytes."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def n_tiles(self) -> int:
        """About how many tokens it makes: a guess, until the engine has counted."""
        longest = max(self.width_pixels, self.height_pixels, 1)
        scale_ratio = min(1.0, _LONGEST_PIXELS / longest)
        across, down = (
            max(1, -(-int(side * scale_ratio) // _TILE_PIXELS))
            for side in (self.width_pixels, self.height_pixels)
        )
        return (across + 1) * down

    def data_url(self) -> str:
        """The image as an address that holds it."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.content).decode('ascii')}"


def read_image(content: bytes, *, path: str, at: int = 0) -> Image:
    """Look at the header of an image.

    Args:
        content: the file.
        path: what to call it where it is refused.
        at: see ``Image``.

    Raises:
        ImageRefused: it is of no kind that is taken, too large, or damaged in its header.
    """
    if len(content) > MOST_BYTES:
        raise ImageRefused(path=path, problem=f"it has {len(content)} bytes, the most taken is {MOST_BYTES}")
    media_type = sniff(content)
    try:
        width, height = _SIZES[media_type](content)
    except (KeyError, struct.error, IndexError, ValueError):
        kind = "its header is damaged" if media_type else "it is no PNG, JPEG, GIF or WebP image"
        raise ImageRefused(path=path, problem=kind) from None
    if width < 1 or height < 1:
        raise ImageRefused(path=path, problem=f"it is {width} x {height} pixels")
    if width * height > MOST_PIXELS:
        problem = f"it is {width} x {height} pixels, the most taken is {MOST_PIXELS} in all"
        raise ImageRefused(path=path, problem=problem)
    return Image(media_type=media_type, content=content, width_pixels=width, height_pixels=height, at=at)


def read_data_url(url: str, *, path: str, at: int = 0) -> Image:
    """The image that a ``data:`` address holds.

    Raises:
        ImageRefused: it holds none that is taken.
    """
    head, comma, body = url.partition(",")
    if not head.lower().startswith("data:") or not comma or not head.lower().endswith(";base64"):
        raise ImageRefused(path=path, problem="it is no data: address in base64")
    if len(body) > 4 * (MOST_BYTES // 3 + 2):
        n_bytes = len(body) // 4 * 3
        raise ImageRefused(path=path, problem=f"it has {n_bytes} bytes, the most taken is {MOST_BYTES}")
    try:
        content = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise ImageRefused(path=path, problem="its base64 is damaged") from None
    return read_image(content, path=path, at=at)


def sniff(content: bytes) -> str:
    """The media type of an image by its first bytes; empty for anything else."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return ""


def _png(content: bytes) -> tuple[int, int]:
    if content[12:16] != b"IHDR":
        raise ValueError("the first chunk is another")
    width, height = struct.unpack_from(">II", content, 16)
    return width, height


def _gif(content: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", content, 6)
    return width, height


def _jpeg(content: bytes) -> tuple[int, int]:
    place = 2
    while content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # fill bytes may come before a marker
            place += 1
        elif marker in _JPEG_ALONE:
            place += 2
        elif marker in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", content, place + 5)
            return width, height
        else:
            place += 2 + struct.unpack_from(">H", content, place + 2)[0]
    raise ValueError("no frame")


def _webp(content: bytes) -> tuple[int, int]:
    kind = content[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", content, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        width, height = (int.from_bytes(content[place : place + 3], "little") + 1 for place in (24, 27))
        return width, height
    raise ValueError("no frame")


_SIZES = {"image/png": _png, "image/jpeg": _jpeg, "image/gif": _gif, "image/webp": _webp}
