import sqlite3
from contextlib import closing

import pytest

from galerne.chat.history.store import open_conversations
from galerne.clock import ManualClock
from galerne.ledger import Ledger
from galerne.storage import migration, sqlite_url, store
from tests.stores import quick_stores


def open_chat(url):
    return open_conversations(url, clock=ManualClock())


def dumped(file):
    with closing(sqlite3.connect(file)) as connection:
        # A full-text index of nothing was counted where it was migrated, and not where it was made.
        return sorted(line for line in connection.iterdump() if "_search_data" not in line)


@pytest.mark.parametrize("open_one", [Ledger.open, open_chat], ids=["ledger", "chat"])
def test_a_store_made_like_another_is_the_same_and_is_not_migrated(open_one, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "migrate", migration.migrate)
    files = [tmp_path / f"{name}.db" for name in ("migrated", "first", "next")]
    open_one(sqlite_url(files[0])).close()
    with quick_stores():
        open_one(sqlite_url(files[1])).close()
        monkeypatch.setattr("tests.stores.migrate", None)
        open_one(sqlite_url(files[2])).close()
    content = [dumped(file) for file in files]
    assert content[0] == content[1] == content[2]
    assert any("_version" in line for line in content[2])
