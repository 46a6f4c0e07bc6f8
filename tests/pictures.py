"""Small pictures for tests, made byte by byte."""

from __future__ import annotations

import struct
import zlib

import numpy as np


def png(width: int = 48, height: int = 32, *, seed: int = 1) -> bytes:
    """A picture of noise."""
    rows = np.random.default_rng(seed).integers(0, 256, (height, 3 * width), dtype=np.uint8)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


GIF = bytes.fromhex("47494638396101000100800000ff0000ffffff2c00000000010001000002024401003b")
"""One red pixel."""

WEBP = bytes.fromhex(
    "524946465c0000005745425056503820500000001004009d012a400040003f699ec458"
    "b3aba7a3b1e802702d09401a6c06573df2fd5b5c78aa93fdd80000fee1c36c970bf184"
    "d2497b58bac3fb95f7ad0ffad5eebfd5a4d3a99bf2a2f400b6eb00000000"
)
"""A yellow square on the sea, 64 pixels wide, as Chromium writes it."""


def jpeg_head(width: int, height: int) -> bytes:
    """A JPEG file up to the size of its picture, with a comment and fill bytes before."""
    comment = b"\xff\xfe" + struct.pack(">H", 7) + b"salut"
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8\xff\xe0\x00\x04\x00\x00" + comment + b"\xff" + frame


def webp_head(width: int, height: int, *, kind: bytes = b"VP8X") -> bytes:
    """A WebP file up to the size of its picture."""
    if kind == b"VP8X":
        body = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == b"VP8L":
        body = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14)
    else:
        body = b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    return b"RIFF\0\0\0\0WEBP" + kind + struct.pack("<I", len(body)) + body
