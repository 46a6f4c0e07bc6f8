"""Read the header of a GGUF model file, trusting nothing in it.

Every count is bounded before it is used and every offset must fall inside the file, so that a damaged or
hostile file gives ``InvalidModelFile`` here instead of a crash in the engine. Weights are never read.
The layout is that of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, NoReturn, TypeAlias, TypeVar

from galerne.errors import InvalidModelFile, ModelFileMissing

MAX_ENTRIES = 65_536
"""Most metadata pairs and most tensors accepted; the largest public models have a few thousand."""
MAX_KEY_BYTES = 1024
MAX_STRING_BYTES = 1 << 20
MAX_ARRAY_ITEMS = 1 << 22
MAX_HEADER_BYTES = 1 << 28
CHUNK_BYTES = 1 << 20
KEPT_ARRAY_ITEMS = 4096
"""Arrays of numbers up to this long are kept (one per layer); of longer ones and of texts only the length."""

TENSOR_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8),
    28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip
"""Name, values per block and bytes per block of each tensor type, as in the ``gguf`` package's table."""

_COUNT = struct.Struct("<Q")
_STRING, _ARRAY = 8, 9
_NUMBERS: dict[int, str] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class LongArray:
    """A metadata array of which only the length is kept, such as the vocabulary."""

    n_items: int


Metadata: TypeAlias = str | int | float | bool | tuple[int | float | bool, ...] | LongArray
_Item = TypeVar("_Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorInfo:
    """Where one tensor lies.

    Attributes:
        shape: fastest-running dimension first, as in the file.
        type_name: storage format, such as ``Q4_K``.
        offset: bytes from the start of the file's data section.
    """

    name: str
    shape: tuple[int, ...]
    type_name: str
    offset: int
    size_bytes: int

    @property
    def n_parameters(self) -> int:
        """Number of weights in it."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True, slots=True)
class GgufHeader:
    """All that a model file says about itself."""

    path: Path
    size_bytes: int
    version: int
    metadata: Mapping[str, Metadata]
    tensors: tuple[TensorInfo, ...]


class _Reader:
    """Takes bytes off the front of a file, never past its end or past the longest header allowed."""

    def __init__(self, file: BinaryIO, *, path: Path, size_bytes: int) -> None:
        self._file = file
        self._path = path
        self._limit_bytes = min(size_bytes, MAX_HEADER_BYTES)
        self.position = 0

    def refuse(self, problem: str) -> NoReturn:
        raise InvalidModelFile(path=str(self._path), problem=problem)

    def take(self, n_bytes: int, what: str) -> bytes:
        self._advance(n_bytes, what)
        data = self._file.read(n_bytes)
        if len(data) < n_bytes:
            self.refuse(f"the file ends inside {what}")
        return data

    def skip(self, n_bytes: int, what: str) -> None:
        self._advance(n_bytes, what)
        self._file.seek(n_bytes, 1)

    def skip_strings(self, n_items: int, what: str) -> None:
        """Pass over texts of which only the number matters; a vocabulary has hundreds of thousands."""
        start, place, chunk = self.position, 0, b""
        for _ in range(n_items):
            if place + 8 > len(chunk):
                start, place = start + place, 0
                self._file.seek(start)
                chunk = self._file.read(max(0, min(CHUNK_BYTES, self._limit_bytes - start)))
                if len(chunk) < 8:
                    self.refuse(f"the file ends inside {what} (byte {start} of {self._limit_bytes})")
            n_bytes = _COUNT.unpack_from(chunk, place)[0]
            if n_bytes > MAX_STRING_BYTES:
                self.refuse(f"a text length in {what} is {n_bytes}, the most accepted is {MAX_STRING_BYTES}")
            place += 8 + n_bytes
        self._advance(start + place - self.position, what)
        self._file.seek(self.position)

    def _advance(self, n_bytes: int, what: str) -> None:
        if self.position + n_bytes > self._limit_bytes:
            self.refuse(f"the file ends inside {what} (byte {self.position} of {self._limit_bytes})")
        self.position += n_bytes

    def number(self, layout: str, what: str) -> int | float | bool:
        value: int | float | bool = struct.unpack(layout, self.take(struct.calcsize(layout), what))[0]
        return value

    def count(self, layout: str, what: str, *, most: int) -> int:
        value = int(self.number(layout, what))
        if value > most:
            self.refuse(f"{what} is {value}, the most accepted is {most}")
        return value

    def string(self, what: str, *, most_bytes: int) -> str:
        raw = self.take(self.count("<Q", f"the length of {what}", most=most_bytes), what)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            self.refuse(f"{what} is not UTF-8 text")


def read_gguf_header(path: Path) -> GgufHeader:
    """Read and check the header of a model file.

    Raises:
        ModelFileMissing: there is no file.
        InvalidModelFile: not GGUF, truncated, or it contradicts itself; says where.
    """
    try:
        size_bytes = path.stat().st_size
        with path.open("rb") as file:
            return _read(_Reader(file, path=path, size_bytes=size_bytes), path=path, size_bytes=size_bytes)
    except FileNotFoundError:
        raise ModelFileMissing(model_id=path.stem, path=str(path)) from None
    except OSError as error:
        raise InvalidModelFile(path=str(path), problem=error.strerror or str(error)) from error


def _read(reader: _Reader, *, path: Path, size_bytes: int) -> GgufHeader:
    magic = reader.take(4, "the magic number")
    if magic != b"GGUF":
        reader.refuse(f"it starts with {magic!r} instead of b'GGUF'")
    version = int(reader.number("<I", "the version"))
    if version not in {2, 3}:
        swapped = " (a big-endian file?)" if version >> 24 in {1, 2, 3} else ""
        reader.refuse(f"version {version} is not 2 or 3{swapped}")
    n_tensors = reader.count("<Q", "the number of tensors", most=MAX_ENTRIES)
    n_pairs = reader.count("<Q", "the number of metadata pairs", most=MAX_ENTRIES)
    metadata = _unique(reader, (_pair(reader) for _ in range(n_pairs)), "the metadata key")
    tensors = _unique(reader, (_tensor(reader) for _ in range(n_tensors)), "the tensor")
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20 or alignment & (alignment - 1):
        reader.refuse(f"the alignment {alignment!r} is not a power of two up to 1 MiB")
    data_start = -(-reader.position // alignment) * alignment
    _check_places(reader, list(tensors.values()), alignment=alignment, data_bytes=size_bytes - data_start)
    return GgufHeader(
        path=path, size_bytes=size_bytes, version=version, metadata=metadata, tensors=tuple(tensors.values())
    )


def _unique(reader: _Reader, items: Iterator[tuple[str, _Item]], what: str) -> dict[str, _Item]:
    found: dict[str, _Item] = {}
    for name, item in items:
        if name in found:
            reader.refuse(f"{what} {name[:80]!r} occurs twice")
        found[name] = item
    return found


def _pair(reader: _Reader) -> tuple[str, Metadata]:
    key = reader.string("a metadata key", most_bytes=MAX_KEY_BYTES)
    kind = int(reader.number("<I", f"the type of {key[:80]!r}"))
    return key, _value(reader, kind, what=repr(key[:80]))


def _value(reader: _Reader, kind: int, *, what: str) -> Metadata:
    if kind == _STRING:
        return reader.string(what, most_bytes=MAX_STRING_BYTES)
    if kind == _ARRAY:
        return _array(reader, what=what)
    if kind not in _NUMBERS:
        reader.refuse(f"{what} has the unknown type {kind}")
    return reader.number(_NUMBERS[kind], what)


def _array(reader: _Reader, *, what: str) -> Metadata:
    kind = int(reader.number("<I", f"the item type of {what}"))
    n_items = reader.count("<Q", f"the length of {what}", most=MAX_ARRAY_ITEMS)
    if kind == _STRING:
        reader.skip_strings(n_items, what)
        return LongArray(n_items=n_items)
    if kind not in _NUMBERS:
        reader.refuse(f"{what} holds items of the unknown type {kind}")
    layout = _NUMBERS[kind]
    if n_items > KEPT_ARRAY_ITEMS:
        reader.skip(n_items * struct.calcsize(layout), what)
        return LongArray(n_items=n_items)
    return tuple(
        struct.unpack(f"<{n_items}{layout[1]}", reader.take(n_items * struct.calcsize(layout), what))
    )


def _tensor(reader: _Reader) -> tuple[str, TensorInfo]:
    name = reader.string("a tensor name", most_bytes=MAX_KEY_BYTES)
    what = f"the tensor {name[:80]!r}"
    n_dimensions = reader.count("<I", f"the number of dimensions of {what}", most=4)
    shape = struct.unpack(f"<{n_dimensions}Q", reader.take(8 * n_dimensions, f"the shape of {what}"))
    type_id = int(reader.number("<I", f"the type of {what}"))
    offset = int(reader.number("<Q", f"the offset of {what}"))
    if type_id not in TENSOR_TYPES:
        reader.refuse(f"{what} has the unknown type {type_id}; it may be newer than this version of Galerne")
    type_name, block_values, block_bytes = TENSOR_TYPES[type_id]
    n_values = math.prod(shape)
    if not shape or n_values < 1 or shape[0] % block_values:
        reader.refuse(f"{what} has the shape {shape}, impossible in {type_name}")
    size_bytes = n_values // block_values * block_bytes
    return name, TensorInfo(name=name, shape=shape, type_name=type_name, offset=offset, size_bytes=size_bytes)


def _check_places(reader: _Reader, tensors: list[TensorInfo], *, alignment: int, data_bytes: int) -> None:
    end = 0
    for tensor in sorted(tensors, key=attrgetter("offset")):
        if tensor.offset % alignment:
            reader.refuse(f"the tensor {tensor.name[:80]!r} starts at {tensor.offset}, not on {alignment}")
        if tensor.offset < end:
            reader.refuse(f"the tensor {tensor.name[:80]!r} lies over the one before it")
        end = tensor.offset + tensor.size_bytes
        if end > data_bytes:
            reader.refuse(
                f"the tensor {tensor.name[:80]!r} ends {end - data_bytes} bytes after the file; "
                "was the download cut?"
            )
