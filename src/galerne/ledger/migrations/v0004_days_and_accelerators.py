"""Sums by day, so that a month is read from few rows; and what of an answer the accelerators drew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FILL_DAYS = """INSERT INTO ledger_days
(day, node_id, model_id, key_id, factors_id, n_answers, n_provisional, n_split, prompt_tokens, cached_tokens,
 new_tokens, active_uj, idle_uj, accelerator_uj, final_uj, device_s)
SELECT a.day, a.node_id, a.model_id, COALESCE(a.key_id, ''), a.factors_id, COUNT(*),
SUM(CASE WHEN s.final THEN 0 ELSE 1 END), 0, SUM(a.prompt_tokens), SUM(a.cached_tokens), SUM(a.new_tokens),
SUM(s.active_uj), SUM(s.idle_uj), 0, SUM(CASE WHEN s.final THEN s.active_uj + s.idle_uj ELSE 0 END),
SUM({device_s})
FROM ledger_answers a JOIN ledger_settlements s ON s.answer_id = a.answer_id
WHERE NOT EXISTS (
SELECT 1 FROM ledger_settlements l WHERE l.answer_id = s.answer_id AND l.revision > s.revision)
GROUP BY a.day, a.node_id, a.model_id, COALESCE(a.key_id, ''), a.factors_id"""

_FILL_METER_DAYS = """INSERT INTO ledger_meter_days
(day, node_id, method, meter_uj, answers_uj, idle_uj, loading_uj, foreign_uj, unattributed_uj, duration_s,
 covered_s)
SELECT {day}, node_id, method, SUM(meter_uj), SUM(answers_uj), SUM(idle_uj), SUM(loading_uj), SUM(foreign_uj),
SUM(unattributed_uj), SUM(CASE WHEN ended_at > started_at THEN {duration_s} ELSE 0.0 END),
SUM(CASE WHEN ended_at > started_at THEN {covered_s} ELSE 0.0 END)
FROM ledger_entries GROUP BY {day}, node_id, method"""


def upgrade() -> None:
    """Make the tables and fill them from the events that are there."""
    op.add_column("ledger_settlements", sa.Column("accelerator_uj", sa.BigInteger))
    sums = ("n_answers", "n_provisional", "n_split", "prompt_tokens", "cached_tokens", "new_tokens")
    energies = ("active_uj", "idle_uj", "accelerator_uj", "final_uj")
    op.create_table(
        "ledger_days",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("node_id", sa.Text, primary_key=True),
        sa.Column("model_id", sa.Text, primary_key=True),
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("factors_id", sa.String(32), primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in (*sums, *energies)),
        sa.Column("device_s", sa.Float(53), nullable=False),
        sqlite_with_rowid=False,
    )
    accounts = ("meter_uj", "answers_uj", "idle_uj", "loading_uj", "foreign_uj", "unattributed_uj")
    op.create_table(
        "ledger_meter_days",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("node_id", sa.Text, primary_key=True),
        sa.Column("method", sa.String(20), primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in accounts),
        sa.Column("duration_s", sa.Float(53), nullable=False),
        sa.Column("covered_s", sa.Float(53), nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(_FILL_DAYS.format(device_s=_cut("s.device_s")))
    length_s = "(ended_at - started_at)"
    whole_s = "trunc(ended_at)" if op.get_bind().dialect.name == "postgresql" else "ended_at"
    day = f"CAST({whole_s} AS BIGINT) / 86400"
    duration_s, covered_s = _cut(length_s), _cut(f"{length_s} * coverage_ratio")
    op.execute(_FILL_METER_DAYS.format(day=day, duration_s=duration_s, covered_s=covered_s))


def _cut(time_s: str) -> str:
    """Cut to 2**-26 s."""
    if op.get_bind().dialect.name == "postgresql":
        return f"trunc({time_s} * 67108864.0) / 67108864.0"
    return f"CAST({time_s} * 67108864.0 AS INTEGER) / 67108864.0"
