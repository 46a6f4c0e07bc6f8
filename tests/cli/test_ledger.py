import csv
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from galerne.ledger import Events, Ledger
from galerne.storage import DataFolderLock, sqlite_url
from tests.contract.ledgers import make_answer, make_entry, make_settlement


@pytest.fixture
def filled(home: Path) -> Path:
    ledger = Ledger.open(sqlite_url(home / "ledger.db"))
    for number in range(3):
        answer = make_answer(number)
        settlements = [make_settlement(answer), make_settlement(answer, revision=2)]
        ledger.append(Events(answers=[answer], settlements=settlements, entries=[make_entry(number)]))
    ledger.close()
    return home


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_a_whole_ledger_says_so_with_its_heads(here, filled):
    document = here("ledger", "verify", "--json").document()
    assert (document["whole"], document["n_events"]) == (True, 12)
    shown = here("ledger", "verify").output
    assert document["chains"][0]["head"] in shown
    assert "12" in shown


def test_a_broken_ledger_is_a_failure_that_names_the_event(here, filled):
    change(filled / "ledger.db", "UPDATE ledger_answers SET new_tokens = 6 WHERE number = 2")
    broken = here("ledger", "verify")
    assert broken.exit_code == 1
    assert make_answer(1).answer_id in broken.errors


def test_sums_that_are_wrong_are_made_anew(here, filled):
    change(filled / "ledger.db", "UPDATE ledger_days SET active_uj = 6")
    broken = here("ledger", "verify")
    assert broken.exit_code == 1
    assert "galerne ledger rebuild" in broken.errors
    assert here("ledger", "rebuild").exit_code == 0
    assert here("ledger", "verify").exit_code == 0


def test_the_export_is_lines_for_programs_or_for_a_spreadsheet(here, filled, tmp_path):
    lines = [json.loads(line) for line in here("ledger", "export").output.splitlines()]
    kinds = [line["kind"] for line in lines]
    assert kinds.count("answer") == 3
    assert kinds[-1] == "head"
    target = tmp_path / "receipts.csv"
    assert here("ledger", "export", "--format", "csv", "--output", str(target)).exit_code == 0
    rows = list(csv.DictReader(io.StringIO(target.read_text())))
    assert [row["receipt_id"] for row in rows] == [make_answer(number).answer_id for number in range(3)]
    assert here("ledger", "export", "--output", str(target)).exit_code == 3
    late = here("ledger", "export", "--format", "csv", "--since", "2030-01-01").output
    assert len(late.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [("--format", "xml"), ("--since", "2026-01-01"), ("--format", "csv", "--until", "later")]
)
def test_an_export_that_cannot_be_is_told(here, filled, arguments):
    assert here("ledger", "export", *arguments).exit_code == 2


def test_a_backup_comes_back_whole_in_another_folder(here, filled, make_home, tmp_path):
    file = tmp_path / "ledger-backup.db"
    saved = here("ledger", "backup", str(file), "--json").document()
    assert here("ledger", "backup", str(file)).exit_code == 2
    other = make_home()
    assert here("ledger", "restore", str(file), "--json", at=other).document() == saved
    assert here("ledger", "verify", "--json", at=other).document() == saved
    assert here("usage", "--json", at=other).output == here("usage", "--json").output
    again = here("ledger", "restore", str(file), at=other)
    assert again.exit_code == 2
    assert "12 events" in again.errors


def test_a_tampered_backup_is_refused(here, filled, make_home, tmp_path):
    file = tmp_path / "ledger-backup.db"
    here("ledger", "backup", str(file))
    change(file, "DELETE FROM ledger_entries WHERE number = 1")
    refused = here("ledger", "restore", str(file), at=make_home())
    assert refused.exit_code == 1
    assert "missing" in refused.errors


def test_nothing_is_restored_under_a_running_daemon(here, filled, make_home, tmp_path):
    file = tmp_path / "ledger-backup.db"
    here("ledger", "backup", str(file))
    other = make_home()
    with DataFolderLock(other):
        assert here("ledger", "restore", str(file), at=other).exit_code == 4
