import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galerne.errors import InvalidModelFile, ModelFileMissing
from galerne.models import gguf as reader
from galerne.models import library, read_gguf_header
from tests.models.gguf_bytes import gguf, string, tiny_gguf, tiny_metadata, tiny_tensors

TINY = tiny_gguf()
HEADER_BYTES = len(TINY) - sum(array.nbytes for array in tiny_tensors().values())
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def refusal(tmp_path: Path, contents: bytes) -> str:
    path = tmp_path / "bad.gguf"
    path.write_bytes(contents)
    with pytest.raises(InvalidModelFile) as caught:
        read_gguf_header(path)
    assert str(path) in str(caught.value)
    return caught.value.problem


def test_a_whole_header_is_read(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(TINY)
    header = read_gguf_header(path)
    assert header.version == 3
    assert header.size_bytes == len(TINY)
    assert header.metadata["general.name"] == "tiny"
    assert header.metadata["llama.rope.freq_base"] == 10000.0
    assert header.metadata["tokenizer.ggml.tokens"] == reader.LongArray(n_items=259)
    embedding = header.tensors[0]
    assert (embedding.name, embedding.shape, embedding.type_name) == ("token_embd.weight", (64, 259), "F32")
    assert embedding.size_bytes == 64 * 259 * 4
    assert sum(tensor.n_parameters for tensor in header.tensors) == sum(
        array.size for array in tiny_tensors().values()
    )


def test_numbers_by_layer_are_kept_and_long_arrays_only_counted(tmp_path):
    path = tmp_path / "arrays.gguf"
    path.write_bytes(gguf({"short": [1, 2, 3], "long": list(range(5000)), "big": 2**40, "yes": True}, {}))
    metadata = read_gguf_header(path).metadata
    assert metadata["short"] == (1, 2, 3)
    assert metadata["long"] == reader.LongArray(n_items=5000)
    assert metadata["big"] == 2**40
    assert metadata["yes"] is True


def test_a_missing_file_is_not_called_damaged(tmp_path):
    with pytest.raises(ModelFileMissing) as caught:
        read_gguf_header(tmp_path / "absent.gguf")
    assert caught.value.model_id == "absent"


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(InvalidModelFile):
        read_gguf_header(tmp_path)


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (b"", "magic"),
        (b"GGML" + TINY[4:], "starts with"),
        (gguf({}, {}, version=1), "version 1"),
        (b"GGUF" + struct.pack(">I", 3) + bytes(16), "big-endian"),
        (gguf({}, {}, n_tensors=2**63), "number of tensors"),
        (gguf({}, {}, n_pairs=2**63), "number of metadata pairs"),
        (gguf({"a": 1}, {}, n_pairs=60_000), "ends inside"),
        (gguf({"k" * 5000: 1}, {}), "length of a metadata key"),
        (gguf({"general.alignment": 3}, {}), "alignment"),
        (gguf({"general.alignment": "wide"}, {}), "alignment"),
    ],
)
def test_what_the_first_bytes_get_wrong_is_said(tmp_path, contents, words):
    assert words in refusal(tmp_path, contents)


def pairs(*raw: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(raw)) + b"".join(raw) + bytes(64)


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (pairs(string("k") + struct.pack("<IQ", 8, 2**62)), "length of 'k'"),
        (pairs(string("k") + struct.pack("<I", 99)), "unknown type 99"),
        (pairs(string("k") + struct.pack("<IIQ", 9, 4, 2**62)), "length of 'k'"),
        (pairs(string("k") + struct.pack("<IIQ", 9, 4, 2**21)), "ends inside"),
        (pairs(string("k") + struct.pack("<IIQ", 9, 9, 1)), "items of the unknown type 9"),
        (pairs(string("k") + struct.pack("<IIQQ", 9, 8, 1, 2**62)), "text length"),
        (pairs(string(b"\xff\xfe")), "not UTF-8"),
        (pairs(*[string("k") + struct.pack("<IB", 0, 1)] * 2), "occurs twice"),
    ],
)
def test_hostile_metadata_is_refused(tmp_path, contents, words):
    assert words in refusal(tmp_path, contents)


def one_tensor(
    *, shape: tuple[int, ...] = (32,), type_id: int = 0, offset: int = 0, data: bytes = bytes(128)
) -> bytes:
    info = string("w") + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + info + struct.pack("<IQ", type_id, offset)
    return head + bytes(-len(head) % 32) + data


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (one_tensor(shape=(2, 2, 2, 2, 2)), "number of dimensions"),
        (one_tensor(shape=()), "impossible"),
        (one_tensor(shape=(0,)), "impossible"),
        (one_tensor(shape=(33,), type_id=2), "impossible in Q4_0"),
        (one_tensor(type_id=77), "unknown type 77"),
        (one_tensor(offset=7), "not on 32"),
        (one_tensor(offset=32), "after the file"),
        (one_tensor(shape=(2**63, 2**63)), "after the file"),
        (one_tensor(data=bytes(127)), "after the file"),
    ],
)
def test_hostile_tensors_are_refused(tmp_path, contents, words):
    assert words in refusal(tmp_path, contents)


def test_tensors_that_overlap_are_refused(tmp_path):
    infos = b"".join(
        string(name) + struct.pack("<IQIQ", 1, 32, 0, place) for name, place in [("a", 0), ("b", 96)]
    )
    head = b"GGUF" + struct.pack("<IQQ", 3, 2, 0) + infos
    assert "over the one before" in refusal(tmp_path, head + bytes(-len(head) % 32) + bytes(256))


def test_the_blocks_of_quantised_tensors_are_counted(tmp_path):
    path = tmp_path / "q4.gguf"
    path.write_bytes(one_tensor(shape=(256, 2), type_id=12, data=bytes(288)))
    assert read_gguf_header(path).tensors[0].size_bytes == 2 * 144


@SAME_FOLDER
@given(length=st.integers(0, len(TINY) - 1))
def test_a_file_cut_anywhere_is_refused(tmp_path, length):
    refusal(tmp_path, TINY[:length])


@SAME_FOLDER
@given(flips=st.lists(st.tuples(st.integers(0, HEADER_BYTES - 1), st.integers(0, 7)), min_size=1, max_size=8))
def test_flipped_bits_give_a_header_or_a_clear_refusal(tmp_path, flips):
    damaged = bytearray(TINY)
    for place, bit in flips:
        damaged[place] ^= 1 << bit
    (tmp_path / "flipped.gguf").write_bytes(damaged)
    found = library(tmp_path)
    assert len([file for file in found.files if not file.is_builtin]) + len(found.problems) == 1


@SAME_FOLDER
@given(noise=st.binary(max_size=400))
def test_noise_after_a_true_magic_number_never_escapes(tmp_path, noise):
    path = tmp_path / "noise.gguf"
    path.write_bytes(b"GGUF" + noise)
    with contextlib.suppress(InvalidModelFile):
        read_gguf_header(path)


def test_the_tiny_model_of_the_tests_matches_its_own_metadata():
    assert tiny_metadata()["llama.embedding_length"] == tiny_tensors()["token_embd.weight"].shape[1]
    assert np.isfinite(tiny_tensors()["output_norm.weight"]).all()
