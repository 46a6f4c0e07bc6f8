"""A seeded fuzzer over a corpus: whatever is done to a file, it is valid or refused, in little memory."""

import random
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from galerne.errors import InvalidModelFile
from galerne.models import library, read_gguf_header
from galerne.models.library import inspect_model
from galerne.models.projector import read_projector
from tests.models.gguf_bytes import gguf, tiny_gguf, tiny_metadata, tiny_projector, tiny_tensors

N_MUTANTS = 150
"""Of each kind, from one seed: the same ones each time, so that a failure can be looked at again."""
MOST_BYTES = 32 << 20
"""Memory that reading any of them may take; hostile counts ask for exabytes."""
HEADER_BYTES = 8000
EYES: dict[str, bytes] = {
    "whole": tiny_projector(),
    "another kind": tiny_projector(kind="mlp"),
    "wider": tiny_projector(dim=128),
    "no encoder": tiny_projector(**{"clip.has_vision_encoder": False}),
    "a model": tiny_gguf(),
}
"""Files that are called projectors."""

CORPUS: dict[str, bytes] = {
    "whole": tiny_gguf(),
    "no tensors": gguf(tiny_metadata(), {}),
    "no metadata": gguf({}, tiny_tensors()),
    "empty": gguf({}, {}),
    "aligned to 64": gguf({"general.alignment": 64, **tiny_metadata()}, {"a": np.zeros((64, 4))}) + bytes(64),
    "long arrays": gguf({"long": list(range(6000)), "texts": ["x"] * 6000, **tiny_metadata()}, {}),
    "by layer": gguf(tiny_metadata(**{"llama.attention.head_count_kv": [2, 2]}), tiny_tensors()),
    "one tensor": gguf({}, {"token_embd.weight": np.zeros((2, 32))}),
}


def cut(rng: random.Random, data: bytearray) -> bytearray:
    return data[: rng.randrange(len(data))]


def flip_bits(rng: random.Random, data: bytearray) -> bytearray:
    for _ in range(rng.randint(1, 16)):
        data[rng.randrange(min(len(data), HEADER_BYTES))] ^= 1 << rng.randrange(8)
    return data


def hostile_number(rng: random.Random, data: bytearray) -> bytearray:
    """A count, length, offset or dimension becomes one that would hurt."""
    place = rng.randrange(4, max(5, min(len(data) - 8, HEADER_BYTES)))
    number = rng.choice([0, 1, 2**16, 2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1])
    data[place : place + 8] = struct.pack("<Q", number)
    return data


def swap_pieces(rng: random.Random, data: bytearray) -> bytearray:
    """Tensors that overlap, twice the same name, values in each other's place."""
    size = rng.randint(4, 64)
    one, other = (rng.randrange(24, max(25, min(len(data), HEADER_BYTES) - size)) for _ in range(2))
    data[one : one + size], data[other : other + size] = data[other : other + size], data[one : one + size]
    return data


def shift(rng: random.Random, data: bytearray) -> bytearray:
    """What follows is off by a few bytes: misaligned data, lengths that no longer fit."""
    place = rng.randrange(4, min(len(data), HEADER_BYTES))
    piece = rng.randbytes(rng.randint(1, 33))
    return (
        data[:place] + (bytearray(piece) if rng.random() < 0.5 else bytearray()) + data[place + len(piece) :]
    )


MUTATIONS: list[Callable[[random.Random, bytearray], bytearray]] = [
    cut, flip_bits, hostile_number, swap_pieces, shift,
]  # fmt: skip


@pytest.mark.parametrize(
    "value", [[], [0, 0], [-1, -1], [2**30, 1], "many", True, 1e30, float("inf"), float("nan")]
)
def test_impossible_numbers_of_a_model_are_refused(value, tmp_path):
    path = tmp_path / "odd.gguf"
    path.write_bytes(gguf(tiny_metadata(**{"llama.attention.head_count": value}), tiny_tensors()))
    if value == [2**30, 1]:
        assert inspect_model(path).spec.n_heads == 2**30
        return
    with pytest.raises(InvalidModelFile):
        inspect_model(path)


def test_layers_counted_in_fractions_are_refused(tmp_path):
    floats = struct.pack("<IIQ2f", 9, 6, 2, float("inf"), 1.0)
    numbers = struct.pack("<IIQ2i", 9, 5, 2, 123456789, 1)
    whole = gguf(tiny_metadata(**{"llama.attention.head_count": [123456789, 1]}), tiny_tensors())
    path = tmp_path / "odd.gguf"
    path.write_bytes(whole.replace(numbers, floats))
    assert path.read_bytes() != whole
    with pytest.raises(InvalidModelFile):
        inspect_model(path)


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
def test_a_mutant_is_valid_or_refused_and_takes_no_memory(mutate, tmp_path):
    rng = random.Random(mutate.__name__)
    names, path = sorted(CORPUS), tmp_path / "mutant.gguf"
    n_refused = 0
    tracemalloc.start()
    try:
        for number in range(N_MUTANTS):
            path.write_bytes(mutate(rng, bytearray(CORPUS[names[number % len(names)]])))
            try:
                inspect_model(path)
            except InvalidModelFile:
                n_refused += 1
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n_refused > N_MUTANTS // 4
    assert peak_bytes < MOST_BYTES


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
def test_mutants_of_eyes_are_valid_or_refused_and_leave_their_model_usable(mutate, tmp_path):
    rng = random.Random(mutate.__name__)
    names, path = sorted(EYES), tmp_path / "mmproj-model-f16.gguf"
    (tmp_path / "seeing.gguf").write_bytes(CORPUS["whole"])
    n_refused = 0
    for number in range(N_MUTANTS // 3):
        path.write_bytes(mutate(rng, bytearray(EYES[names[number % len(names)]])))
        try:
            read = read_projector(path)
        except InvalidModelFile:
            n_refused += 1
            assert "seeing" in {file.model_id for file in library(tmp_path).files}
        else:
            assert read.kind
            assert read.width >= 0
    assert n_refused >= N_MUTANTS // 15


def test_the_corpus_itself_is_read(tmp_path):
    for name, data in CORPUS.items():
        path = tmp_path / f"{name}.gguf"
        path.write_bytes(data)
        assert read_gguf_header(path).size_bytes == len(data), name


def test_a_damaged_file_is_never_handed_to_an_engine(tmp_path: Path):
    (tmp_path / "damaged.gguf").write_bytes(CORPUS["whole"][:-10])
    found = library(tmp_path)
    assert all(file.is_builtin for file in found.files)
    with pytest.raises(InvalidModelFile):
        found.find("damaged")
