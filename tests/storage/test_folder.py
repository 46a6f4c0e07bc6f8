from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from galerne.errors import DataFolderBusy, StoreUnreachable
from galerne.storage import DaemonInfo, DataFolderLock, read_daemon

HOLD = """
import sys, time
from pathlib import Path
from galerne.storage import DataFolderLock
with DataFolderLock(Path(sys.argv[1])) as lock:
    lock.announce("http://127.0.0.1:4747")
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other_daemon(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_nobody_owns_a_new_folder(tmp_path):
    assert read_daemon(tmp_path) is None
    assert read_daemon(tmp_path / "missing") is None


def test_the_owner_is_known_with_its_address_until_it_leaves(tmp_path):
    folder = tmp_path / "data"
    with DataFolderLock(folder) as lock:
        assert read_daemon(folder) == DaemonInfo(pid=os.getpid(), address=None)
        lock.announce("http://127.0.0.1:4747")
        assert read_daemon(folder) == DaemonInfo(pid=os.getpid(), address="http://127.0.0.1:4747")
        lock.announce("http://[::1]:1")
        assert read_daemon(folder) == DaemonInfo(pid=os.getpid(), address="http://[::1]:1")
    assert read_daemon(folder) is None


def test_a_second_daemon_is_refused_and_told_who_is_first(tmp_path, other_daemon):
    with pytest.raises(DataFolderBusy) as caught, DataFolderLock(tmp_path):
        pass
    assert caught.value.owner_pid == other_daemon.pid
    assert caught.value.folder == str(tmp_path)
    assert read_daemon(tmp_path) == DaemonInfo(pid=other_daemon.pid, address="http://127.0.0.1:4747")


def test_the_folder_is_free_when_its_owner_is_killed(tmp_path, other_daemon):
    other_daemon.send_signal(signal.SIGKILL)
    other_daemon.wait()
    assert read_daemon(tmp_path) is None
    with DataFolderLock(tmp_path):
        assert read_daemon(tmp_path) == DaemonInfo(pid=os.getpid(), address=None)


def test_a_lock_can_be_taken_again_after_it_was_left(tmp_path):
    lock = DataFolderLock(tmp_path)
    for _ in range(2):
        with lock:
            assert read_daemon(tmp_path) is not None
    with pytest.raises(ValueError, match="owner"):
        lock.announce("http://127.0.0.1:4747")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnreachable), DataFolderLock(tmp_path / "file" / "data"):
        pass
