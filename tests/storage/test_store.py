from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from galerne.errors import StoreUnreachable
from galerne.storage import open_store, reading, sqlite_url, writing

FIRST = """
from alembic import op
import sqlalchemy as sa
revision = "0001"
down_revision = None
def upgrade():
    op.create_table("shop_goods", sa.Column("name", sa.Text, primary_key=True))
"""
SECOND = """
from alembic import op
import sqlalchemy as sa
revision = "0002"
down_revision = "0001"
def upgrade():
    op.add_column("shop_goods", sa.Column("colour", sa.Text))
"""
BROKEN = """
from alembic import op
revision = "0003"
down_revision = "0002"
def upgrade():
    op.execute("DROP TABLE shop_goods")
    raise ValueError("half-way")
"""
packages = iter(range(1000))


class History:
    """A store's migrations, in a package that grows."""

    def __init__(self, folder: Path) -> None:
        self.package = f"shop{next(packages)}.shop.migrations"
        self.folder = folder.joinpath(*self.package.split("."))
        self.folder.mkdir(parents=True)
        for part in (self.folder, self.folder.parent, self.folder.parent.parent):
            (part / "__init__.py").touch()
        self.release("v0001_first", FIRST)

    def release(self, name: str, script: str) -> None:
        (self.folder / f"{name}.py").write_text(script)


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.syspath_prepend(tmp_path / "code")
    return History(tmp_path / "code")


def columns(engine) -> set[str]:
    return {column["name"] for column in inspect(engine).get_columns("shop_goods")}


def test_a_new_store_is_made_with_its_folder_for_its_owner_alone(tmp_path, history):
    path = tmp_path / "deep" / "shop.sqlite"
    engine = open_store(sqlite_url(path), migrations=history.package)
    assert columns(engine) == {"name"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    engine.dispose()


def test_sqlite_is_opened_to_survive_power_loss_and_readers(tmp_path, history):
    engine = open_store(sqlite_url(tmp_path / "shop.sqlite"), migrations=history.package)
    with reading(engine) as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    engine.dispose()


def test_opening_again_runs_only_what_is_new_and_keeps_the_rows(tmp_path, history):
    url = sqlite_url(tmp_path / "shop.sqlite")
    engine = open_store(url, migrations=history.package)
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO shop_goods VALUES ('bread')"))
    engine.dispose()
    history.release("v0002_colour", SECOND)
    engine = open_store(url, migrations=history.package)
    assert columns(engine) == {"name", "colour"}
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM shop_goods")) == 1
        assert connection.scalar(text("SELECT version_num FROM shop_version")) == "0002"
    engine.dispose()


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path, history):
    url = sqlite_url(tmp_path / "shop.sqlite")
    open_store(url, migrations=history.package).dispose()
    history.release("v0002_colour", SECOND)
    history.release("v0003_broken", BROKEN)
    with pytest.raises(ValueError, match="half-way"):
        open_store(url, migrations=history.package)
    with sqlite3.connect(tmp_path / "shop.sqlite") as connection:
        assert connection.execute("SELECT version_num FROM shop_version").fetchall() == [("0001",)]
        assert len(connection.execute("PRAGMA table_info(shop_goods)").fetchall()) == 1
    connection.close()


def test_a_store_of_a_newer_program_is_not_touched(tmp_path, history):
    url = sqlite_url(tmp_path / "shop.sqlite")
    history.release("v0002_colour", SECOND)
    open_store(url, migrations=history.package).dispose()
    (history.folder / "v0002_colour.py").unlink()
    with pytest.raises(StoreUnreachable, match="newer"):
        open_store(url, migrations=history.package)


def test_many_may_open_a_new_store_at_once(tmp_path, history):
    failures = []

    def open_it():
        try:
            open_store(sqlite_url(tmp_path / "shop.sqlite"), migrations=history.package).dispose()
        except StoreUnreachable as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize(
    "url", ["mysql://localhost/shop", "sqlite://", "nonsense", "oracle:", "postgresql://nobody@127.0.0.1:1/x"]
)
def test_a_url_that_leads_nowhere_is_told(url, history):
    with pytest.raises(StoreUnreachable, match="shop store"):
        open_store(url, migrations=history.package)


def test_a_folder_that_cannot_be_written_is_told(tmp_path, history):
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnreachable):
        open_store(sqlite_url(tmp_path / "file" / "shop.sqlite"), migrations=history.package)


def test_a_file_that_is_no_database_is_told_and_kept(tmp_path, history):
    path = tmp_path / "shop.sqlite"
    path.write_bytes(b"a letter to my aunt" * 100)
    with pytest.raises(StoreUnreachable, match="not a database"):
        open_store(sqlite_url(path), migrations=history.package)
    assert path.read_bytes() == b"a letter to my aunt" * 100


def test_a_locked_store_is_told(tmp_path, history):
    url = sqlite_url(tmp_path / "shop.sqlite")
    engine = open_store(url, migrations=history.package, busy_timeout_s=0.01)
    with writing(engine), pytest.raises(StoreUnreachable, match="locked"), writing(engine):
        pass
    engine.dispose()


def test_a_known_store_opens_while_a_writer_is_at_work(tmp_path, history):
    url = sqlite_url(tmp_path / "shop.sqlite")
    engine = open_store(url, migrations=history.package)
    with writing(engine):
        open_store(url, migrations=history.package, busy_timeout_s=0.01).dispose()
    engine.dispose()


def test_a_full_disk_is_told_and_nothing_half_written_stays(tmp_path, history):
    engine = open_store(sqlite_url(tmp_path / "shop.sqlite"), migrations=history.package)

    def fill() -> None:
        with writing(engine) as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=50")
            for number in range(5000):
                connection.execute(text("INSERT INTO shop_goods VALUES (:name)"), {"name": f"{number:0500}"})

    with pytest.raises(StoreUnreachable, match="full"):
        fill()
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM shop_goods")) == 0
    engine.dispose()


def test_readers_see_one_moment_while_a_writer_commits(tmp_path, history):
    engine = open_store(sqlite_url(tmp_path / "shop.sqlite"), migrations=history.package)
    count = text("SELECT count(*) FROM shop_goods")
    with reading(engine) as reader:
        assert reader.scalar(count) == 0
        with writing(engine) as writer:
            writer.execute(text("INSERT INTO shop_goods VALUES ('bread')"))
        assert reader.scalar(count) == 0
    with reading(engine) as reader:
        assert reader.scalar(count) == 1
    engine.dispose()


def test_a_broken_constraint_is_the_callers_matter(tmp_path, history):
    engine = open_store(sqlite_url(tmp_path / "shop.sqlite"), migrations=history.package)
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(text("INSERT INTO shop_goods VALUES ('bread'), ('bread')"))
    engine.dispose()
