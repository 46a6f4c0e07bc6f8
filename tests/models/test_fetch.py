"""Downloads against a recorded hub: a real server on this machine that misbehaves on purpose."""

import hashlib
import resource
import signal
from pathlib import Path

import pytest

from galerne.errors import (
    DiskFull,
    DownloadCorrupt,
    HubRefused,
    HubUnreachable,
    InvalidModelFile,
    InvalidRequest,
    ModelKept,
)
from galerne.models import fetch as fetching
from galerne.models.fetch import fetch, require_room
from galerne.models.hub import Hub, HubReference, read_reference
from tests.models.gguf_bytes import gguf, tiny_metadata, tiny_tensors
from tests.models.recorded_hub import COMMIT, recorded_hub

REPOSITORY = "mistralai/Tiny-GGUF"
NAME = "Tiny-Q4_K_M.gguf"
BLOCK = 1 << 16


@pytest.fixture(scope="module")
def model():
    """A model of five and a half blocks."""
    whole = gguf(tiny_metadata(), tiny_tensors())
    assert 5 * BLOCK < len(whole) < 6 * BLOCK
    return whole


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    monkeypatch.setattr(fetching, "BLOCK_BYTES", BLOCK)
    monkeypatch.setattr("galerne.models.hub.CHUNK_BYTES", BLOCK // 4)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)


@pytest.fixture
def hub(model):
    with recorded_hub() as recorded:
        recorded.files[f"{REPOSITORY}/{NAME}"] = model
        yield recorded


def take(hub, folder: Path, **words):
    asked = Hub(hub.address)
    return fetch(asked, asked.look_up(REPOSITORY, NAME), folder, **words)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def leave_part(hub, folder: Path, *, at: int) -> None:
    """An earlier attempt that Ctrl-C stopped."""

    def stop(here_bytes: int) -> None:
        if here_bytes >= at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(hub, folder, on_progress=stop)
    hub.asked.clear()


def test_a_file_comes_whole_checked_and_alone(hub, model, tmp_path):
    told = []
    fetched = take(hub, tmp_path / "models", on_progress=told.append)
    assert fetched.path.read_bytes() == model
    assert fetched.sha256 == hashlib.sha256(model).hexdigest()
    assert fetched.checked
    assert left(tmp_path / "models") == [NAME]
    assert told == sorted(told)
    assert told[-1] == len(model)


def test_a_file_that_is_here_is_not_fetched_again(hub, tmp_path):
    take(hub, tmp_path)
    hub.asked.clear()
    again = take(hub, tmp_path)
    assert again.kept_bytes == again.size_bytes
    assert hub.n_sent() == 0


def test_what_was_stopped_goes_on_where_it_was(hub, model, tmp_path):
    leave_part(hub, tmp_path, at=3 * BLOCK)
    assert left(tmp_path) == [f"{NAME}.blocks", f"{NAME}.part"]
    fetched = take(hub, tmp_path)
    assert fetched.kept_bytes == 3 * BLOCK
    assert hub.ranges() == [f"bytes={3 * BLOCK}-"]
    assert fetched.path.read_bytes() == model


def test_a_block_that_was_damaged_meanwhile_is_fetched_again_alone(hub, model, tmp_path):
    leave_part(hub, tmp_path, at=4 * BLOCK)
    part = bytearray((tmp_path / f"{NAME}.part").read_bytes())
    part[BLOCK + 5] ^= 1
    (tmp_path / f"{NAME}.part").write_bytes(part)
    fetched = take(hub, tmp_path)
    assert fetched.mended_bytes == BLOCK
    assert hub.ranges() == [f"bytes={BLOCK}-{2 * BLOCK - 1}", f"bytes={4 * BLOCK}-"]
    assert fetched.path.read_bytes() == model


def test_a_part_of_another_version_is_not_continued(hub, model, tmp_path):
    leave_part(hub, tmp_path, at=3 * BLOCK)
    newer = gguf(tiny_metadata(), tiny_tensors(seed=8))
    hub.files[f"{REPOSITORY}/{NAME}"] = newer
    fetched = take(hub, tmp_path)
    assert fetched.kept_bytes == 0
    assert fetched.path.read_bytes() == newer


@pytest.mark.parametrize("notes", ["", "nonsense", "\xff"])
def test_a_part_whose_notes_are_lost_is_fetched_anew(notes, hub, model, tmp_path):
    leave_part(hub, tmp_path, at=3 * BLOCK)
    (tmp_path / f"{NAME}.blocks").write_text(notes, encoding="latin-1")
    fetched = take(hub, tmp_path)
    assert fetched.kept_bytes == 0
    assert fetched.path.read_bytes() == model


def test_a_connection_that_ends_early_is_opened_again(hub, model, tmp_path):
    hub.cuts = [BLOCK + 10, 3 * BLOCK]
    fetched = take(hub, tmp_path)
    assert hub.n_sent() == 3
    assert fetched.path.read_bytes() == model


def test_a_connection_that_ends_again_and_again_is_told_and_the_part_kept(hub, tmp_path):
    hub.cuts = [2 * BLOCK, *[0] * 20]
    with pytest.raises(HubUnreachable) as told:
        take(hub, tmp_path)
    assert hub.address in str(told.value)
    assert (tmp_path / f"{NAME}.part").stat().st_size == 2 * BLOCK


def test_a_hub_that_cannot_resume_sends_it_all(hub, model, tmp_path):
    leave_part(hub, tmp_path, at=3 * BLOCK)
    hub.ignores_ranges = True
    assert take(hub, tmp_path).path.read_bytes() == model


def test_a_corrupt_download_is_fetched_once_more(hub, model, tmp_path):
    hub.corrupted = [2 * BLOCK]
    fetched = take(hub, tmp_path)
    assert fetched.n_attempts == 2
    assert fetched.path.read_bytes() == model


def test_a_download_corrupt_twice_is_refused_and_nothing_kept(hub, model, tmp_path):
    hub.corrupted = [BLOCK, BLOCK]
    with pytest.raises(DownloadCorrupt) as told:
        take(hub, tmp_path)
    assert told.value.expected == hashlib.sha256(model).hexdigest()
    assert left(tmp_path) == []


def test_a_hub_without_checksums_is_believed_and_said_so(hub, model, tmp_path):
    hub.says_checksums = False
    fetched = take(hub, tmp_path)
    assert not fetched.checked
    assert fetched.sha256 == hashlib.sha256(model).hexdigest()


def test_what_is_no_model_never_gets_the_name_of_one(hub, tmp_path):
    hub.files[f"{REPOSITORY}/{NAME}"] = b"<html>not a model</html>"
    with pytest.raises(InvalidModelFile):
        take(hub, tmp_path)
    assert NAME not in left(tmp_path)


def test_a_full_disk_is_said_before_the_first_byte(tmp_path):
    with pytest.raises(DiskFull) as told:
        require_room(tmp_path / "not" / "yet", 1 << 60)
    assert told.value.needed_bytes == 1 << 60
    assert 0 <= told.value.free_bytes < 1 << 60


def test_a_disk_that_fills_up_meanwhile_keeps_what_has_arrived(hub, model, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    was = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * BLOCK + 100, limits[1]))
    try:
        with pytest.raises(DiskFull) as told:
            take(hub, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, was)
    assert told.value.needed_bytes >= len(model) - 2 * BLOCK - BLOCK
    fetched = take(hub, tmp_path)
    assert fetched.kept_bytes == 2 * BLOCK
    assert fetched.path.read_bytes() == model


def test_two_commands_do_not_write_one_part(hub, tmp_path):
    def meanwhile(here_bytes: int) -> None:
        if here_bytes == BLOCK:
            with pytest.raises(ModelKept):
                take(hub, tmp_path)

    take(hub, tmp_path, on_progress=meanwhile)


@pytest.mark.parametrize(("status", "failure"), [(401, HubRefused), (403, HubRefused), (503, HubUnreachable)])
def test_a_refusal_of_the_hub_is_told(status, failure, hub, tmp_path):
    hub.refuses = status
    with pytest.raises(failure) as told:
        Hub(hub.address).files(REPOSITORY)
    assert str(status) in str(told.value)


def test_a_file_or_repository_that_is_not_there_is_told(hub):
    with pytest.raises(HubRefused):
        Hub(hub.address).look_up(REPOSITORY, "other.gguf")
    with pytest.raises(HubRefused):
        Hub(hub.address).files("nobody/nothing")


def test_no_network_is_told():
    with pytest.raises(HubUnreachable):
        Hub("http://127.0.0.1:9").look_up(REPOSITORY, NAME)


def test_a_repository_lists_its_models_with_size_and_checksum(hub, model):
    hub.files[f"{REPOSITORY}/README.md"] = b"read me"
    (file,) = Hub(hub.address).files(REPOSITORY)
    assert (file.name, file.size_bytes, file.format_id) == (NAME, len(model), "q4_k_m")
    assert file.sha256 == hashlib.sha256(model).hexdigest()
    assert file.revision == COMMIT


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("ministral-3-3b", None),
        ("hf.co/a/B-GGUF:Q4_K_M", HubReference(repository="a/B-GGUF", quantisation="Q4_K_M")),
        ("https://huggingface.co/a/B-GGUF", HubReference(repository="a/B-GGUF")),
        ("a/B-GGUF", HubReference(repository="a/B-GGUF")),
        (
            "https://huggingface.co/a/B/resolve/main/deep/x%20y.gguf?download=true",
            HubReference(repository="a/B", filename="deep/x y.gguf"),
        ),
        ("hf.co/a/B/blob/v2/x.gguf", HubReference(repository="a/B", filename="x.gguf", revision="v2")),
        ("http://mirror:8000/a/B", HubReference(repository="a/B")),
    ],
)
def test_what_a_person_writes_is_understood(text, reference):
    assert read_reference(text, address="http://mirror:8000") == reference


@pytest.mark.parametrize(
    "text", ["https://example.com/a/B", "hf.co/a", "a/b/c", "../../etc/passwd", "hf.co/a/B/tree"]
)
def test_what_names_nothing_on_the_hub_is_refused(text):
    with pytest.raises(InvalidRequest):
        read_reference(text)
