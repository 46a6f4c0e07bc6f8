from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from galerne.errors import StoreUnreachable
from galerne.ledger.store import MIGRATIONS
from galerne.storage import ReadySelection, ReadyStatement, open_store, reading, sqlite_url, writing
from galerne.storage.ready import MOST_PLACES

WORDS = Table("words", MetaData(), Column("word", String, primary_key=True), Column("length", Integer))
ADD = ReadyStatement(lambda _: insert(WORDS).values(word=bindparam("word"), length=bindparam("length")))


def lengths(n_places):
    return select(WORDS).where(WORDS.c.word.in_([bindparam(f"word_{place}") for place in range(n_places)]))


LENGTHS = ReadySelection(lambda _, n_places: lengths(n_places))


@pytest.fixture
def engine(tmp_path: Path):
    made = open_store(sqlite_url(tmp_path / "words.sqlite"), migrations=MIGRATIONS)
    with writing(made) as connection:
        WORDS.create(connection)
        ADD.run(connection, *({"length": n, "word": f"word-{n}"} for n in range(2 * MOST_PLACES)))
    yield made
    made.dispose()


def asked(*numbers):
    return [{"word": f"word-{number}"} for number in numbers]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, MOST_PLACES, MOST_PLACES + 1, 2 * MOST_PLACES])
def test_any_number_of_things_is_found_each_once(engine, n):
    with reading(engine) as connection:
        found = LENGTHS.rows(connection, asked(*range(n)))
    assert sorted(row.length for row in found) == list(range(n))


def test_few_statements_are_ever_written(engine):
    written = []
    selection = ReadySelection(lambda _, n_places: written.append(n_places) or lengths(n_places))
    with reading(engine) as connection:
        for n in range(1, 33):
            selection.rows(connection, asked(*range(n)))
    assert written == [1, 2, 4, 8, 16, 32]


def test_what_is_not_there_is_not_found(engine):
    with reading(engine) as connection:
        assert LENGTHS.rows(connection, asked(1_000_000)) == []


def test_a_value_is_never_part_of_the_text(engine):
    with writing(engine) as connection:
        ADD.run(connection, {"word": "'); DROP TABLE words; --%s?", "length": None})
    with reading(engine) as connection:
        (row,) = LENGTHS.rows(connection, [{"word": "'); DROP TABLE words; --%s?"}])
    assert row.length is None


def test_what_does_not_fit_the_table_is_told_as_sqlalchemy_tells_it(engine):
    with pytest.raises(IntegrityError), writing(engine) as connection:
        ADD.run(connection, {"word": "word-1", "length": 1})
    with pytest.raises(StoreUnreachable, match="no such column"), writing(engine) as connection:
        ReadyStatement(lambda _: select(Column("missing")).select_from(WORDS)).run(connection, {})
