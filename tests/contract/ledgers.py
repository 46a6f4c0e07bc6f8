"""A real ledger on each database, and events to write in it.

PostgreSQL takes part where GALERNE_TEST_POSTGRES_URL names an empty database of it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from galerne.generation import FinishReason
from galerne.ledger import Answer, Ledger, Settlement
from galerne.ledger.records import AccountEntry
from galerne.ledger.schema import metadata
from galerne.storage import sqlite_url
from galerne.storage.migration import is_current
from tests.ledger.bench import FACTORS, make_usage

POSTGRES_URL = os.environ.get("GALERNE_TEST_POSTGRES_URL", "")
AT = 1_767_225_600.0  # 2026-01-01, midnight
needs_postgres = pytest.mark.skipif(not POSTGRES_URL, reason="GALERNE_TEST_POSTGRES_URL is not set")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgres)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "ledger.sqlite")
    empty_postgres()
    return POSTGRES_URL


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger.open(ledger_url)
    yield opened
    opened.close()


def empty_postgres(*, bare: bool = False) -> None:
    """Leave tables without rows; none at all where they are not of the newest version, or where asked."""
    names = [table.name for table in metadata.sorted_tables]
    engine = create_engine(POSTGRES_URL.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        if not bare and is_current(connection, package="galerne.ledger.migrations", store="ledger"):
            connection.execute(text(f"TRUNCATE {', '.join(names)} RESTART IDENTITY"))
        else:
            connection.execute(text(f"DROP TABLE IF EXISTS {', '.join([*names, 'ledger_version'])}"))
    engine.dispose()


def make_answer(number: int, *, model_id: str = "mini", at: float = AT, **changes: object) -> Answer:
    answer = Answer(
        answer_id=f"rcpt_{number:026}",
        request_id=f"request-{number}",
        key_id=None,
        node_id="here",
        model_id=model_id,
        usage=make_usage(),
        finish_reason=FinishReason.STOP,
        at=at,
        factors=FACTORS,
    )
    return dataclasses.replace(answer, **changes)


def make_settlement(answer: Answer, *, revision: int = 1, active_uj: int = 1000) -> Settlement:
    return Settlement(
        answer_id=answer.answer_id,
        revision=revision,
        started_at=answer.at - 1,
        ended_at=answer.at,
        active_uj=active_uj,
        idle_uj=100,
        device_s=0.1 + 0.2,  # a number that shows whether floats come back whole
        method="modelled",
        coverage_ratio=1.0,
        final=revision > 1,
        at=answer.at,
    )


def make_entry(number: int, **uj: int) -> AccountEntry:
    parts = {"answers_uj": 0, "idle_uj": 0, "loading_uj": 0, "foreign_uj": 0, "unattributed_uj": 0}
    return AccountEntry(
        entry_id=f"acct_{number:026}",
        node_id="here",
        started_at=AT + number - 1,
        ended_at=AT + number,
        **{"meter_uj": sum(uj.values()) - uj.get("open_uj", 0), "open_uj": 0, **parts, **uj},
        method="modelled",
        coverage_ratio=1.0,
    )
