"""A real daemon for tests: the llama.cpp engine, the built-in model, a ledger on disk, a socket.

``from tests.live_server import live_url`` in a ``conftest.py`` gives its tests the address of one daemon,
started once per session.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from galerne.cli.daemon import attach_or_host
from galerne.cli.settings import read_settings


@contextmanager
def live_daemon(home: Path, **environ: str) -> Iterator[str]:
    """Host a daemon over an empty data folder, for as long as the block lasts; yields its address."""
    with attach_or_host(
        read_settings({"GALERNE_HOME": str(home), "GALERNE_TUNE": "off", **environ})
    ) as address:
        yield address


@pytest.fixture(scope="session")
def live_url(tmp_path_factory) -> Iterator[str]:
    with live_daemon(tmp_path_factory.mktemp("galerne-home")) as address:
        yield address
