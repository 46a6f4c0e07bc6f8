"""How long does a month's report take over many answers, and how fast are answers written?

Answers are spread over twelve months, 50 keys and 24 sets of factors, two settlements each, with an account
entry for every twenty; the database writes them itself, without their chain, because it is the reading that
is measured, and makes the daily sums from them. Then answers are written as the daemon does. SQLite in
a file, and PostgreSQL where ``GALERNE_TEST_POSTGRES_URL`` names an empty database that may be filled.
"""

from __future__ import annotations

import dataclasses
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from tests.ledger.bench import FACTORS as ONE_FACTORS
from tests.ledger.bench import make_usage

from galerne.generation import FinishReason
from galerne.ledger import Answer, Events, Ledger, Settlement
from galerne.ledger.rows import DAY_S, factors_row
from galerne.ledger.schema import FACTORS
from galerne.storage import sqlite_url, writing

BEGAN_AT = 1_735_689_600.0
N_DAYS = 365
GROUPS = ("key", "owner", "project", "model", "day")
N_GROUPS, GROUP = 100, 20


def measure_ledger(*, n_answers: int) -> dict[str, Any]:
    """By database."""
    result: dict[str, Any] = {"n_answers": n_answers}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        result["sqlite"] = _measure(sqlite_url(path), n_answers) | {"bytes": path.stat().st_size}
    if url := os.environ.get("GALERNE_TEST_POSTGRES_URL"):
        result["postgresql"] = _measure(url, n_answers)
    return result


def _measure(url: str, n_answers: int) -> dict[str, Any]:
    ledger = Ledger.open(url)
    try:
        filled_s = _time_s(lambda: _fill(ledger, n_answers))
        rebuilt_s = _time_s(ledger.rebuild)
        since_at = BEGAN_AT + 150 * DAY_S
        month = {"since_at": since_at, "until_at": since_at + 30 * DAY_S}
        return {
            "filled_s": filled_s,
            "rebuilt_s": rebuilt_s,
            **{
                f"month_by_{group}_s": _median_s(lambda g=group: ledger.usage(g, **month)) for group in GROUPS
            },
            "month_of_one_owner_s": _median_s(lambda: ledger.usage("model", owner="nobody", **month)),
            "cut_month_by_day_s": _median_s(
                lambda: ledger.usage("day", since_at=since_at + 40_000, until_at=since_at + 29.5 * DAY_S)
            ),
            "all_time_s": _median_s(ledger.usage),
            "group_of_20_s": _time_of_a_group(ledger),
        }
    finally:
        ledger.close()


_NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {n})"
_ANSWERS = """INSERT INTO ledger_answers
(answer_id, request_id, key_id, node_id, model_id, prompt_tokens, cached_tokens, new_tokens, queued_s,
 prefill_s, decode_s, finish_reason, at, day, factors_id)
{numbers}, kinds AS
(SELECT factors_id, ROW_NUMBER() OVER (ORDER BY factors_id) - 1 AS place FROM ledger_factors)
SELECT 'rcpt_' || (1000000000 + n), 'chatcmpl-' || n, 'key_' || (n % 50), 'local', 'model-' || (n % 5),
300, 100, 200, 0.0, 0.3, 4.0, 'stop', {began_at} + n * ({days} * 86400.0 / {n}),
{day} + CAST(n AS BIGINT) * {days} / {n}, factors_id FROM numbers JOIN kinds ON place = n % 24 ORDER BY n"""
_SETTLEMENTS = """INSERT INTO ledger_settlements
(answer_id, revision, started_at, ended_at, active_uj, idle_uj, device_s, method, coverage_ratio, final, at)
SELECT answer_id, {revision}, at - 5, at, 40000000, 9000000, 4.0, 'measured', 1.0, {final}, at
FROM ledger_answers ORDER BY number"""
_ENTRIES = """INSERT INTO ledger_entries
(entry_id, node_id, started_at, ended_at, meter_uj, answers_uj, idle_uj, loading_uj, foreign_uj,
 unattributed_uj, open_uj, method, coverage_ratio)
SELECT 'acct_' || number, node_id, at - 1, at, 980000000, 980000000, 0, 0, 0, 0, 0, 'measured', 1.0
FROM ledger_answers WHERE number % 20 = 0 ORDER BY number"""


def _fill(ledger: Ledger, n_answers: int) -> None:
    """By the database itself: writing rows from here would take longer than the rest of the benchmarks."""
    factors = [factors_row(dataclasses.replace(ONE_FACTORS, place=f"place {n}")) for n in range(24)]
    known = {"n": n_answers, "days": N_DAYS, "began_at": BEGAN_AT, "day": int(BEGAN_AT // DAY_S)}
    answers = _ANSWERS.format(numbers=_NUMBERS.format(n=n_answers), **known)
    with writing(ledger._engine) as connection:
        connection.execute(insert(FACTORS), factors)
        connection.exec_driver_sql(answers.replace("%", "%%") if _is_postgresql(ledger) else answers)
    for revision, final in ((1, "false"), (2, "true")):
        with writing(ledger._engine) as connection:
            connection.exec_driver_sql(_SETTLEMENTS.format(revision=revision, final=final))
    with writing(ledger._engine) as connection:
        connection.exec_driver_sql(_ENTRIES.replace("%", "%%") if _is_postgresql(ledger) else _ENTRIES)
        connection.exec_driver_sql("ANALYZE")


def _time_of_a_group(ledger: Ledger) -> float:
    """Mean time of a commit of 20 answers, and of their final settlements, of 20 keys."""
    at = BEGAN_AT + N_DAYS * DAY_S

    def write(group: int) -> None:
        answers = [
            Answer(
                answer_id=f"rcpt_bench_{group}_{number}",
                request_id=f"request-{group}-{number}",
                key_id=f"key_{number}",
                node_id="local",
                model_id=f"model-{number % 5}",
                usage=make_usage(),
                finish_reason=FinishReason.STOP,
                at=at + group,
                factors=ONE_FACTORS,
            )
            for number in range(GROUP)
        ]
        first = [_settlement(answer, final=False) for answer in answers]
        ledger.append(Events(answers=answers, settlements=first), writer_id="local")
        ledger.append(
            Events(settlements=[_settlement(answer, final=True) for answer in answers]), writer_id="local"
        )

    return _time_s(lambda: [write(group) for group in range(N_GROUPS)]) / N_GROUPS


def _settlement(answer: Answer, *, final: bool) -> Settlement:
    return Settlement(
        answer_id=answer.answer_id,
        revision=2 if final else 1,
        started_at=answer.at - 5,
        ended_at=answer.at,
        active_uj=40_000_000,
        idle_uj=9_000_000,
        device_s=4.0,
        method="measured",
        coverage_ratio=1.0,
        final=final,
        at=answer.at,
    )


def _is_postgresql(ledger: Ledger) -> bool:
    return ledger._engine.dialect.name == "postgresql"


def _median_s(work: Callable[[], object]) -> float:
    return statistics.median(_time_s(work) for _ in range(3))


def _time_s(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s
