"""How long does a month's report take over many answers, and how fast are answers written?

Answers are spread over twelve months, 50 keys and 24 sets of factors, two settlements each; the database
writes them itself, without their chain, because it is the reading that is measured. SQLite in a file,
and PostgreSQL where ``GALERNE_TEST_POSTGRES_URL`` names an empty database that may be filled.
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

from galerne.ledger import Ledger
from galerne.ledger.rows import DAY_S, factors_row
from galerne.ledger.schema import FACTORS
from galerne.storage import sqlite_url, writing

BEGAN_AT = 1_735_689_600.0
N_DAYS = 365


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
        since_at = BEGAN_AT + 150 * DAY_S
        month = {"since_at": since_at, "until_at": since_at + 30 * DAY_S}
        return {
            "filled_s": filled_s,
            "month_by_model_s": _median_s(lambda: ledger.usage("model", **month)),
            "month_by_day_s": _median_s(lambda: ledger.usage("day", **month)),
            "month_of_one_owner_s": _median_s(lambda: ledger.usage("model", owner="nobody", **month)),
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
        connection.exec_driver_sql("ANALYZE")


def _is_postgresql(ledger: Ledger) -> bool:
    return ledger._engine.dialect.name == "postgresql"


def _median_s(work: Callable[[], object]) -> float:
    return statistics.median(_time_s(work) for _ in range(3))


def _time_s(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s
