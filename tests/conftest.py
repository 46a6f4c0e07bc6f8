"""Order and honesty of the whole run: fast tests first, and in CI nothing is skipped."""

import functools
import os
import platform
import sys
from collections.abc import Iterator

import httpx._transports.default as transports
import pytest
from sqlalchemy import create_engine, make_url, text

from galerne import __version__
from tests.stores import quick_stores

REQUIRE_ALL = bool(os.environ.get("GALERNE_REQUIRE_ALL"))
"""Set in CI, where every real component is installed: a skipped test is then a failure."""

POSTGRES_URL = "GALERNE_TEST_POSTGRES_URL"


def own_database() -> None:
    """Give a worker of a parallel run a database of its own, before any test reads the address."""
    worker, url = os.environ.get("PYTEST_XDIST_WORKER"), os.environ.get(POSTGRES_URL)
    if not worker or not url:
        return
    name = f"galerne_{worker}"
    address = make_url(url)
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    os.environ[POSTGRES_URL] = address.set(database=name).render_as_string(hide_password=False)


own_database()

for size in (
    "COLUMNS",
    "LINES",
):  # readline leaves the terminal's size to the workers: no test has a terminal
    os.environ.pop(size, None)

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes would compile the same again
sys.dont_write_bytecode = False

LAST = ("e2e", "cli", "docs")
"""Folders whose tests start processes and browsers."""

LONGEST = (
    "clients/test_versions.py",
    "docs/test_tutorials.py",
    "torture/test_torture.py",
    "torture/test_soak.py",
    "e2e/test_offline.py",
    "cli/test_talk.py",
    "cli/test_serve.py",
    "e2e/test_conversation.py",
    "e2e/test_documents.py",
    "cli/test_models.py",
    "e2e/test_access.py",
)
"""Files that come first among those: begun last, one would leave every other worker waiting for it."""


def pytest_report_header() -> str:
    return f"galerne {__version__}, {platform.machine()}, {os.cpu_count()} cores, require all: {REQUIRE_ALL}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> tuple[bool, int, bool, bool, int]:
        _, folder, *rest = item.path.relative_to(item.config.rootpath).parts
        slow, browser = any(item.iter_markers("slow")), any(item.iter_markers("browser"))
        is_late = slow or browser or folder in LAST
        file = "/".join([folder, *rest])
        place = LONGEST.index(file) if is_late and file in LONGEST else len(LONGEST)
        return is_late, place, slow, browser, LAST.index(folder) if folder in LAST else -1

    items.sort(key=rank)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and CI must run everything: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def no_settings_of_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests choose their own settings; the ones of whoever runs them do not leak in."""
    for name in list(os.environ):
        if name.startswith("GALERNE_") and not name.startswith(
            ("GALERNE_TEST_", "GALERNE_REQUIRE_", "GALERNE_TORTURE")
        ):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def what_every_test_would_make_again() -> Iterator[None]:
    """Once per worker: the tables of a new store, and the certificates that every HTTP client reads."""
    with quick_stores(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(transports, "create_ssl_context", functools.cache(transports.create_ssl_context))
        yield
