"""The chain of hashes, backup and restore, on both databases."""

from __future__ import annotations

import csv
import dataclasses
import io
import json

import pytest
from sqlalchemy import text

from galerne.errors import LedgerBroken, LedgerNotEmpty, StoreUnreachable
from galerne.ledger import Events, Ledger
from galerne.ledger.chain import GENESIS, link_of
from galerne.storage import sqlite_url, writing
from tests.contract.ledgers import (
    AT,
    POSTGRES_URL,
    empty_postgres,
    ledger,
    ledger_url,
    make_answer,
    make_entry,
    make_settlement,
    needs_postgres,
)
from tests.ledger.bench import FACTORS

__all__ = ["ledger", "ledger_url"]

ELSEWHERE = dataclasses.replace(FACTORS, place="elsewhere")


def fill(ledger: Ledger, numbers: range = range(5), *, writer_id: str = "here") -> None:
    for number in numbers:
        answer = make_answer(number, at=AT + number, factors=FACTORS if number % 2 else ELSEWHERE)
        ledger.append(
            Events(answers=[answer], settlements=[make_settlement(answer)], entries=[make_entry(number)]),
            writer_id=writer_id,
        )
        ledger.append(Events(settlements=[make_settlement(answer, revision=2)]), writer_id=writer_id)


def change(ledger: Ledger, statement: str) -> None:
    with writing(ledger._engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # as an owner could
        connection.execute(text(statement))


def test_an_untouched_ledger_verifies_with_a_head_for_each_writer(ledger):
    assert ledger.verify() == ()
    fill(ledger)
    fill(ledger, range(5, 7), writer_id="there")
    here, there = ledger.verify()
    assert (here.writer_id, here.n_events) == ("here", 20)
    assert (there.writer_id, there.n_events) == ("there", 8)
    assert here.head != there.head


def test_the_head_moves_with_every_event_and_not_with_a_repeated_one(ledger):
    fill(ledger, range(1))
    before = ledger.verify()
    fill(ledger, range(1))
    assert ledger.verify() == before
    fill(ledger, range(2))
    (after,) = ledger.verify()
    assert after.n_events == 8
    assert after.head != before[0].head


FIRST, SECOND, LAST = (make_answer(number).answer_id for number in (0, 1, 4))
ENTRY = make_entry(1).entry_id


@pytest.mark.parametrize(
    ("statement", "position", "event_id", "problem"),
    [
        (f"UPDATE ledger_answers SET new_tokens = 6 WHERE answer_id = '{SECOND}'", 4, SECOND, "changed"),
        (f"UPDATE ledger_answers SET key_id = 'key_x' WHERE answer_id = '{SECOND}'", 4, SECOND, "changed"),
        (
            f"UPDATE ledger_settlements SET active_uj = 1 WHERE answer_id = '{SECOND}' AND revision = 2",
            7, f"{SECOND}#2", "changed",
        ),
        (f"UPDATE ledger_entries SET ended_at = 0 WHERE entry_id = '{ENTRY}'", 6, ENTRY, "changed"),
        (
            f"DELETE FROM ledger_settlements WHERE answer_id = '{SECOND}' AND revision = 1",
            5, ENTRY, "missing",
        ),
        ("UPDATE ledger_factors SET contents = replace(contents, 'else', 'no')", 0, FIRST, "factors"),
        ("UPDATE ledger_answers SET link = NULL WHERE number = 2", 4, SECOND, "no chain"),
        ("UPDATE ledger_answers SET writer_id = 'other' WHERE number = 2", 4, SECOND, "no chain"),
        ("UPDATE ledger_chains SET n_events = 19", 20, "the last", "19 events, and 20"),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_named(ledger, statement, position, event_id, problem):
    fill(ledger)
    change(ledger, statement)
    with pytest.raises(LedgerBroken, match=problem) as broken:
        ledger.verify()
    assert broken.value.position == position
    assert broken.value.event_id.startswith(event_id)


@pytest.mark.parametrize(
    ("statement", "number"),
    [("SET accelerator_uj = 1 WHERE number = 2", 1), ("SET accelerator_uj = NULL WHERE number = 1", 0),
     ("SET accelerator_uj = 701 WHERE number = 3", 2)],
)  # fmt: skip
def test_events_of_both_versions_verify_and_none_can_pass_for_the_other(ledger, statement, number):
    answers = [make_answer(number) for number in range(4)]
    shares = [
        dataclasses.replace(make_settlement(answer), accelerator_uj=None if index % 2 else 700)
        for index, answer in enumerate(answers)
    ]
    ledger.append(Events(answers=answers, settlements=shares))
    ledger.verify()
    assert [ledger.receipt(answer.answer_id).settlement for answer in answers] == shares
    change(ledger, f"UPDATE ledger_settlements {statement}")
    with pytest.raises(LedgerBroken, match="changed") as broken:
        ledger.verify()
    assert broken.value.event_id == f"{answers[number].answer_id}#1"


def test_a_removed_end_is_seen(ledger):
    fill(ledger)
    change(
        ledger,
        f"DELETE FROM ledger_settlements WHERE answer_id = '{LAST}' AND revision = 2",
    )
    with pytest.raises(LedgerBroken, match="20 events, and 19"):
        ledger.verify()


def test_two_events_that_changed_places_are_seen(ledger):
    fill(ledger)
    change(
        ledger,
        "UPDATE ledger_answers SET position = CASE position WHEN 4 THEN 8 ELSE 4 END, "
        "link = (SELECT o.link FROM ledger_answers o WHERE o.position = 12 - ledger_answers.position) "
        "WHERE position IN (4, 8)",
    )
    with pytest.raises(LedgerBroken) as broken:
        ledger.verify()
    assert broken.value.position == 4


def test_an_answer_added_behind_our_back_is_seen(ledger):
    fill(ledger)
    columns = (
        "request_id, node_id, model_id, prompt_tokens, cached_tokens, new_tokens, queued_s, prefill_s, "
        "decode_s, finish_reason, at, day, factors_id"
    )
    change(
        ledger,
        f"INSERT INTO ledger_answers (answer_id, number, {columns}) "
        f"SELECT 'rcpt_added', 99, {columns} FROM ledger_answers WHERE number = 1",
    )
    with pytest.raises(LedgerBroken, match="no chain"):
        ledger.verify()


def test_the_export_holds_all_that_the_chain_needs(ledger):
    fill(ledger)
    out = io.StringIO()
    assert ledger.export_events(out) == 20
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["kind"] for line in lines[:2]] == ["factors", "factors"]
    link = GENESIS
    for position, line in enumerate(lines[2:-1]):
        link = link_of(link, writer_id="here", position=position, kind=line["kind"], row=line)
        assert (line["position"], line["link"]) == (position, link.hex())
    (head,) = ledger.verify()
    assert lines[-1] == {"kind": "head", "writer_id": "here", "n_events": 20, "head": head.head}


def test_the_spreadsheet_has_a_line_for_each_answer_at_its_latest_revision(ledger):
    fill(ledger)
    out = io.StringIO()
    assert ledger.export_receipts(out, since_at=AT + 1, until_at=AT + 4) == 3
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    receipt = ledger.receipt(SECOND)
    assert rows[0]["receipt_id"] == SECOND
    assert (rows[0]["revision"], rows[0]["status"]) == ("2", "final")
    assert rows[0]["at"] == "2026-01-01T00:00:01.000+00:00"
    assert float(rows[0]["full_j"]) == receipt.full_j
    assert float(rows[0]["use_co2_g"]) == receipt.impact.use_co2_g


def test_a_backup_is_a_ledger_that_verifies(ledger, tmp_path):
    fill(ledger)
    ledger.keys.create("ci", owner="ada", at=AT)
    path = tmp_path / "backup.db"
    heads = ledger.back_up(path)
    assert heads == ledger.verify()
    fill(ledger, range(5, 6))
    copy = Ledger.open(sqlite_url(path))
    assert copy.verify() == heads
    assert [key.name for key in copy.keys.all()] == ["ci"]
    assert copy.receipt(SECOND) == ledger.receipt(SECOND)
    copy.close()
    assert sorted(file.name for file in tmp_path.iterdir() if "backup" in file.name) == ["backup.db"]
    with pytest.raises(StoreUnreachable, match="already"):
        ledger.back_up(path)


def test_a_broken_ledger_is_not_backed_up(ledger, tmp_path):
    fill(ledger)
    change(ledger, "UPDATE ledger_answers SET new_tokens = 6 WHERE number = 2")
    with pytest.raises(LedgerBroken):
        ledger.back_up(tmp_path / "backup.db")
    assert not [file for file in tmp_path.iterdir() if "backup" in file.name]


@pytest.mark.parametrize("into", ["sqlite", pytest.param("postgresql", marks=needs_postgres)])
def test_a_backup_is_restored_into_an_empty_ledger_of_either_database_and_goes_on(ledger, tmp_path, into):
    fill(ledger)
    path = tmp_path / "backup.db"
    heads, report = ledger.back_up(path), ledger.usage("day")
    with pytest.raises(LedgerNotEmpty):
        ledger.restore(path)
    ledger.close()
    if into == "postgresql":
        empty_postgres()
    other = Ledger.open(POSTGRES_URL if into == "postgresql" else sqlite_url(tmp_path / "other.db"))
    assert other.restore(path) == heads
    assert other.usage("day") == report
    fill(other, range(5, 7))
    (head,) = other.verify()
    assert head.n_events == 28
    other.close()


def test_what_is_no_backup_is_not_restored(ledger, tmp_path):
    with pytest.raises(StoreUnreachable, match="no file"):
        ledger.restore(tmp_path / "nothing.db")
    (tmp_path / "text.db").write_text("not a database at all, " * 100)
    with pytest.raises(StoreUnreachable):
        ledger.restore(tmp_path / "text.db")
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".galerne")]


def test_a_tampered_backup_is_not_restored(ledger, tmp_path):
    fill(ledger)
    path = tmp_path / "backup.db"
    ledger.back_up(path)
    copy = Ledger.open(sqlite_url(path))
    change(copy, "UPDATE ledger_settlements SET active_uj = 0 WHERE number = 3")
    copy.close()
    empty = Ledger.open(sqlite_url(tmp_path / "empty.db"))
    with pytest.raises(LedgerBroken, match="changed"):
        empty.restore(path)
    assert empty.usage().rows == ()
    empty.close()
