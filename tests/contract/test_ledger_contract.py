"""What a ledger promises, on SQLite always and on PostgreSQL where GALERNE_TEST_POSTGRES_URL names one."""

from __future__ import annotations

import dataclasses

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from galerne.errors import EntryConflict, UnknownReceipt
from galerne.ledger import Accounts, Events, total_row
from galerne.ledger.recovery import recover, recover_all
from galerne.ledger.schema import metadata
from galerne.storage import reading, writing
from tests.contract.ledgers import AT, ledger, ledger_url, make_answer, make_entry, make_settlement
from tests.ledger.bench import FACTORS

__all__ = ["ledger", "ledger_url"]

DAY_S = 86400.0


def test_what_was_written_is_read_to_the_last_bit(ledger):
    answer = make_answer(1, key_id="key", at=AT + 0.1 + 0.2)
    settlement = make_settlement(answer, active_uj=2**60)
    ledger.append(Events(answers=[answer], settlements=[settlement]))
    receipt = ledger.receipt(answer.answer_id)
    assert receipt.answer == answer
    assert receipt.settlement == settlement


def test_a_factor_that_is_not_known_stays_unknown(ledger):
    unpriced = dataclasses.replace(FACTORS, grid=dataclasses.replace(FACTORS.grid, eur_per_kwh=None))
    answers = [make_answer(1), make_answer(2, factors=unpriced)]
    ledger.append(Events(answers=answers, settlements=[make_settlement(answer) for answer in answers]))
    assert ledger.receipt(answers[0].answer_id).impact.cost_eur > 0
    assert ledger.receipt(answers[1].answer_id).impact.cost_eur is None
    assert total_row(ledger.usage()).impact.cost_eur is None


def test_the_latest_revision_is_shown_and_every_earlier_one_stays(ledger):
    answer = make_answer(1)
    ledger.append(Events(answers=[answer], settlements=[make_settlement(answer)]))
    ledger.append(Events(settlements=[make_settlement(answer, revision=2, active_uj=5000)]))
    latest = ledger.receipt(answer.answer_id)
    assert (latest.revision, latest.status, latest.active_j) == (2, "final", 0.005)
    first = ledger.receipt(answer.answer_id, revision=1)
    assert (first.revision, first.status, first.active_j) == (1, "provisional", 0.001)


def test_the_latest_receipt_is_that_of_the_last_answer(ledger):
    assert ledger.latest_receipt() is None
    for number in (7, 3):
        answer = make_answer(number)
        ledger.append(Events(answers=[answer], settlements=[make_settlement(answer)]))
    assert ledger.latest_receipt().answer.request_id == "request-3"


def test_an_unknown_receipt_is_told(ledger):
    answer = make_answer(1)
    ledger.append(Events(answers=[answer], settlements=[make_settlement(answer)]))
    with pytest.raises(UnknownReceipt):
        ledger.receipt("rcpt_other")
    with pytest.raises(UnknownReceipt):
        ledger.receipt(answer.answer_id, revision=2)


def test_writing_an_event_again_changes_nothing(ledger):
    answers = [make_answer(number) for number in range(3)]
    entry = make_entry(1, answers_uj=1100, open_uj=1100)
    for known in (answers[:1], answers[:2], answers):
        ledger.append(Events(answers=known, settlements=[make_settlement(a) for a in known], entries=[entry]))
    assert total_row(ledger.usage()).n_answers == 3
    assert ledger.usage().accounts.meter_uj == 1100


@pytest.mark.parametrize("change", ["answer", "factors", "settlement", "entry"])
def test_an_event_that_differs_from_the_one_written_is_refused_with_all_beside_it(ledger, change):
    answer = make_answer(1)
    first = Events(
        answers=[answer], settlements=[make_settlement(answer)], entries=[make_entry(1, idle_uj=5)]
    )
    ledger.append(first)
    other_factors = dataclasses.replace(FACTORS, place="elsewhere")
    other = {
        "answer": Events(answers=[dataclasses.replace(answer, model_id="large")]),
        "factors": Events(answers=[dataclasses.replace(answer, factors=other_factors)]),
        "settlement": Events(settlements=[make_settlement(answer, active_uj=1001)]),
        "entry": Events(entries=[make_entry(1, idle_uj=6)]),
    }[change]
    beside = make_answer(2)
    with pytest.raises(EntryConflict):
        ledger.append(Events.joined([Events(answers=[beside], settlements=[make_settlement(beside)]), other]))
    with pytest.raises(UnknownReceipt):
        ledger.receipt(beside.answer_id)
    assert ledger.receipt(answer.answer_id).answer == answer


def test_usage_sums_the_latest_revisions_by_model_day_or_all(ledger):
    answers = [
        make_answer(1, model_id="mini", at=AT),
        make_answer(2, model_id="large", at=AT + 1),
        make_answer(3, model_id="mini", at=AT + DAY_S),
    ]
    ledger.append(Events(answers=answers, settlements=[make_settlement(answer) for answer in answers]))
    ledger.append(Events(settlements=[make_settlement(answers[0], revision=2, active_uj=9000)]))
    by_model = {row.group: row for row in ledger.usage("model").rows}
    assert (by_model["mini"].n_answers, by_model["mini"].active_uj) == (2, 10_000)
    assert by_model["mini"].n_provisional == 1
    assert (by_model["large"].n_answers, by_model["large"].prompt_tokens) == (1, 10)
    assert [(row.group, row.n_answers) for row in ledger.usage("day").rows] == [
        ("2026-01-01", 2),
        ("2026-01-02", 1),
    ]
    (total,) = ledger.usage().rows
    receipts = [ledger.receipt(answer.answer_id) for answer in answers]
    assert total.impact.use_co2_g == pytest.approx(sum(r.impact.use_co2_g for r in receipts))
    assert total.impact.embodied_co2_g == pytest.approx(sum(r.impact.embodied_co2_g for r in receipts))
    assert total.impact.cost_eur == pytest.approx(sum(r.impact.cost_eur for r in receipts))
    assert total.full_j == pytest.approx(sum(r.full_j for r in receipts))


def test_usage_is_summed_by_key_owner_and_project(ledger):
    one, _ = ledger.keys.create("ada-laptop", owner="ada", project="thesis", at=AT)
    other, _ = ledger.keys.create("ada-phone", owner="ada", at=AT)
    answers = [
        make_answer(number, key_id=key_id)
        for number, key_id in enumerate([one.key_id, other.key_id, other.key_id, None, "gone"])
    ]
    ledger.append(Events(answers=answers, settlements=[make_settlement(answer) for answer in answers]))

    def counts(group_by):
        return {row.group: row.n_answers for row in ledger.usage(group_by).rows}

    assert counts("key") == {"ada-laptop": 1, "ada-phone": 2, "-": 1, "gone": 1}
    assert counts("owner") == {"ada": 3, "-": 2}
    assert counts("project") == {"thesis": 1, "-": 4}


def test_a_node_that_left_answers_open_is_named_until_they_are_settled(ledger):
    answer = make_answer(1)
    ledger.append(Events(answers=[answer], settlements=[make_settlement(answer)]))
    ledger.append(Events(entries=[make_entry(1, answers_uj=500, open_uj=500)]))
    assert ledger.open_nodes() == {"here": AT + 1}
    assert ledger.usage().open_uj == 500
    recover_all(ledger, "another", at=AT + 60)
    assert (ledger.open_nodes() == {}) == (not ledger.is_shared)
    recover_all(ledger, "another", at=AT + 2 * 86_400)
    assert ledger.open_nodes() == {}
    assert ledger.receipt(answer.answer_id).status == "final"
    assert ledger.usage().open_uj == 0
    assert ledger.usage().adds_up


def test_usage_keeps_each_answers_own_factors(ledger):
    dirty = dataclasses.replace(FACTORS, grid=dataclasses.replace(FACTORS.grid, g_per_kwh=720.0))
    answers = [make_answer(1), make_answer(2, factors=dirty)]
    ledger.append(Events(answers=answers, settlements=[make_settlement(answer) for answer in answers]))
    (total,) = ledger.usage().rows
    assert total.impact.use_co2_g == pytest.approx(1100e-6 * 1.2 / 3.6e6 * (36 + 720))


def test_usage_of_a_stretch_of_time_includes_its_beginning_and_not_its_end(ledger):
    answers = [make_answer(number, at=AT + number) for number in range(4)]
    entries = [make_entry(number, idle_uj=10**number) for number in range(4)]
    ledger.append(Events(answers=answers, settlements=[make_settlement(a) for a in answers], entries=entries))
    report = ledger.usage(since_at=AT + 1, until_at=AT + 3)
    assert total_row(report).n_answers == 2
    assert report.accounts == Accounts(idle_uj=110, meter_uj=110)


def test_usage_of_nothing_is_nothing_and_adds_up(ledger):
    report = ledger.usage("model")
    assert report.rows == ()
    assert report.accounts == Accounts()
    assert report.adds_up
    with pytest.raises(ValueError, match="grouped"):
        ledger.usage("colour")


def test_the_report_says_when_receipts_and_meter_disagree(ledger):
    answer = make_answer(1)
    ledger.append(
        Events(
            answers=[answer],
            settlements=[make_settlement(answer, revision=2)],
            entries=[make_entry(1, answers_uj=1101)],
        )
    )
    assert not ledger.usage().adds_up


def test_the_database_itself_refuses_an_entry_that_does_not_add_up(ledger):
    ledger.append(Events(entries=[make_entry(1, idle_uj=5)]))
    with pytest.raises(IntegrityError), writing(ledger._engine) as connection:
        connection.execute(text("UPDATE ledger_entries SET idle_uj = 4"))


def test_a_settlement_needs_its_answer(ledger):
    with pytest.raises(IntegrityError):
        ledger.append(Events(settlements=[make_settlement(make_answer(9))]))


@pytest.mark.parametrize(("left_uj", "meter_uj", "unattributed_uj"), [(1500, 0, 400), (600, 500, 0)])
def test_recovery_keeps_promises_and_sums(ledger, left_uj, meter_uj, unattributed_uj):
    answer = make_answer(1)
    ledger.append(
        Events(
            answers=[answer],
            settlements=[make_settlement(answer)],
            entries=[make_entry(1, answers_uj=left_uj, open_uj=left_uj)],
        )
    )
    assert ledger.usage().adds_up
    recover(ledger, "elsewhere", at=AT + 50)
    assert ledger.receipt(answer.answer_id).status == "provisional"
    (entry,) = recover(ledger, "here", at=AT + 100).entries
    assert (entry.meter_uj, entry.unattributed_uj, entry.open_uj) == (meter_uj, unattributed_uj, 0)
    assert ledger.receipt(answer.answer_id).full_j == 0.0011
    assert ledger.receipt(answer.answer_id).status == "final"
    assert ledger.usage().adds_up
    assert recover(ledger, "here", at=AT + 200) == Events()


def test_the_migrations_make_the_tables_that_the_code_uses(ledger):
    with reading(ledger._engine) as connection:
        opts = {
            "version_table": "ledger_version",
            "compare_type": True,
            # Another store may live in the same PostgreSQL database.
            "include_name": lambda name, kind, _: kind != "table" or name.startswith("ledger_"),
        }
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, metadata) == []
        indexes = {
            table.name: {index["name"] for index in inspect(connection).get_indexes(table.name)}
            for table in metadata.sorted_tables
        }
    assert "ledger_answers_at" in indexes["ledger_answers"]
