"""A ledger of an older version is brought to this one with every event sealed."""

from __future__ import annotations

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, text

from galerne.errors import LedgerBroken
from galerne.ledger import Events, Ledger
from galerne.ledger.migrations import v0001_first_accounts
from galerne.ledger.rows import answer_row, entry_row, factors_row, settlement_row
from galerne.ledger.schema import ANSWERS, ENTRIES, FACTORS, SETTLEMENTS
from galerne.storage import open_store, sqlite_url, writing
from tests.contract.ledgers import (
    POSTGRES_URL,
    empty_postgres,
    make_answer,
    make_entry,
    make_settlement,
    needs_postgres,
)
from tests.ledger.bench import FACTORS as TEST_FACTORS


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=needs_postgres)])
def test_the_events_of_the_first_version_are_sealed(tmp_path, monkeypatch, kind):
    url = sqlite_url(tmp_path / "old.db")
    if kind == "postgresql":
        empty_postgres(bare=True)
        url = POSTGRES_URL
    write_first_version(url, tmp_path, monkeypatch)
    ledger = Ledger.open(url)
    heads = {head.writer_id: head.n_events for head in ledger.verify()}
    assert heads == {"here": 2 * 1200 + 1, "there": 2}
    answer = make_answer(5000)
    ledger.append(Events(answers=[answer], settlements=[make_settlement(answer)]), writer_id="here")
    ledger.verify()
    with writing(ledger._engine) as connection:
        connection.execute(text("UPDATE ledger_answers SET prompt_tokens = 11 WHERE number = 700"))
    with pytest.raises(LedgerBroken, match="changed"):
        ledger.verify()
    ledger.close()


def write_first_version(url, tmp_path, monkeypatch) -> None:
    package = tmp_path / "code" / "old" / "ledger" / "migrations"
    package.mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "code")
    engine = open_store(url, migrations=empty_history(package))
    with writing(engine) as connection:
        with Operations.context(MigrationContext.configure(connection)):
            v0001_first_accounts.upgrade()
        connection.execute(text("CREATE TABLE ledger_version (version_num VARCHAR(32) PRIMARY KEY)"))
        connection.execute(text("INSERT INTO ledger_version VALUES ('0001')"))
        factors = factors_row(TEST_FACTORS)
        answers = [make_answer(n, node_id="there" if n == 7 else "here") for n in range(1201)]
        connection.execute(insert(FACTORS), factors)
        connection.execute(
            insert(ANSWERS), [answer_row(answer, factors_id=factors["factors_id"]) for answer in answers]
        )
        connection.execute(
            insert(SETTLEMENTS), [first_version(settlement_row(make_settlement(a))) for a in answers]
        )
        connection.execute(insert(ENTRIES), [entry_row(make_entry(1))])
    engine.dispose()


def first_version(row):
    """Without the field that it did not know."""
    return {name: value for name, value in row.items() if name != "accelerator_uj"}


def empty_history(package) -> str:
    """A history without a version, so that the store opens as it is."""
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    return "old.ledger.migrations"
