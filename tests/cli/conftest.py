from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from galerne.cli.failures import run_reporting_failures
from tests.cli.terminal import Daemon, Here, Outcome, environment, galerne, serving


@pytest.fixture(scope="session")
def make_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes data folders on a machine that has been measured: that second is spent once."""
    measured = tmp_path_factory.mktemp("measured")
    assert galerne("doctor", "--json", home=measured).exit_code == 0

    def make() -> Path:
        home = tmp_path_factory.mktemp("home")
        shutil.copy(measured / "machine.json", home)
        return home

    return make


@pytest.fixture
def home(make_home: Callable[[], Path]) -> Path:
    return make_home()


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    def run(*arguments: str, at: Path = home, typed: bytes = b"", **settings: str) -> Outcome:
        values = environment(at, **settings)
        for name in os.environ.keys() - values.keys():
            monkeypatch.delenv(name)
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["galerne", *arguments])
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed), encoding="utf-8"))
        with pytest.raises(SystemExit) as left:
            run_reporting_failures()
        printed = capsys.readouterr()
        return Outcome(exit_code=int(left.value.code or 0), output=printed.out, errors=printed.err)

    return run


@pytest.fixture(scope="session")
def daemon(make_home: Callable[[], Path]) -> Iterator[Daemon]:
    """One daemon with the built-in model, for every test that only talks to it."""
    with serving(make_home()) as running:
        yield running
