"""Downloads under way, as the disk shows them to who does not download."""

import os

import pytest

from galerne.models import Arriving, arriving
from galerne.models.arriving import STILL_S
from tests.models.test_fetch import BLOCK, NAME, hub, leave_part, model, no_patience, take

__all__ = ["hub", "model", "no_patience"]


def now_at(folder):
    return (folder / f"{NAME}.part").stat().st_mtime


def test_a_download_is_seen_from_its_first_block_to_its_last_and_then_no_more(hub, model, tmp_path):
    seen = []

    def look(_):
        if (tmp_path / f"{NAME}.part").is_file():
            seen.extend(arriving(tmp_path, now_at=now_at(tmp_path)))

    assert arriving(tmp_path / "none", now_at=0.0) == ()
    take(hub, tmp_path, on_progress=look)
    assert {(entry.name, entry.size_bytes) for entry in seen} == {(NAME, len(model))}
    sizes = [entry.arrived_bytes for entry in seen]
    assert sizes == sorted(sizes)
    assert sizes[0] < BLOCK < sizes[-1] == len(model)
    assert arriving(tmp_path, now_at=0.0) == ()


def test_a_download_that_was_stopped_is_arriving_no_longer(hub, model, tmp_path):
    leave_part(hub, tmp_path, at=2 * BLOCK)
    stopped_at = now_at(tmp_path)
    (entry,) = arriving(tmp_path, now_at=stopped_at + STILL_S)
    assert entry == Arriving(name=NAME, arrived_bytes=2 * BLOCK, size_bytes=len(model))
    assert arriving(tmp_path, now_at=stopped_at + STILL_S + 1) == ()


@pytest.mark.parametrize(
    "notes", [None, b"", b"no size\n", b"a 0 4\n", b"a -5 4\n", b"\xff\xff 5 4\n", b"a x 4\n"]
)
def test_a_part_that_does_not_say_how_large_the_whole_is_is_left_out(tmp_path, notes):
    (tmp_path / "one.gguf.part").write_bytes(b"GGUF")
    os.utime(tmp_path / "one.gguf.part", (100.0, 100.0))
    if notes is not None:
        (tmp_path / "one.gguf.blocks").write_bytes(notes)
    assert arriving(tmp_path, now_at=100.0) == ()
