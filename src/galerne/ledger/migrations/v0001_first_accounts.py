"""Answers, settlements, account entries and frozen factors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "ledger_factors",
        sa.Column("factors_id", sa.String(32), primary_key=True),
        sa.Column("contents", sa.Text, nullable=False),
    )
    op.create_table(
        "ledger_answers",
        sa.Column("number", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("answer_id", sa.String(40), nullable=False, unique=True),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text),
        sa.Column("node_id", sa.Text, nullable=False),
        sa.Column("model_id", sa.Text, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("cached_tokens", sa.BigInteger, nullable=False),
        sa.Column("new_tokens", sa.BigInteger, nullable=False),
        sa.Column("queued_s", sa.Float(53), nullable=False),
        sa.Column("prefill_s", sa.Float(53), nullable=False),
        sa.Column("decode_s", sa.Float(53), nullable=False),
        sa.Column("finish_reason", sa.String(40), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("factors_id", sa.String(32), sa.ForeignKey("ledger_factors.factors_id"), nullable=False),
    )
    op.create_index("ledger_answers_at", "ledger_answers", ["at"])
    op.create_table(
        "ledger_settlements",
        sa.Column("number", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("answer_id", sa.String(40), sa.ForeignKey("ledger_answers.answer_id"), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("started_at", sa.Float(53), nullable=False),
        sa.Column("ended_at", sa.Float(53), nullable=False),
        sa.Column("active_uj", sa.BigInteger, nullable=False),
        sa.Column("idle_uj", sa.BigInteger, nullable=False),
        sa.Column("device_s", sa.Float(53), nullable=False),
        sa.Column("method", sa.String(20), nullable=False),
        sa.Column("coverage_ratio", sa.Float(53), nullable=False),
        sa.Column("final", sa.Boolean, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.UniqueConstraint("answer_id", "revision", name="ledger_settlements_revision"),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("number", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("entry_id", sa.String(40), nullable=False, unique=True),
        sa.Column("node_id", sa.Text, nullable=False),
        sa.Column("started_at", sa.Float(53), nullable=False),
        sa.Column("ended_at", sa.Float(53), nullable=False),
        sa.Column("meter_uj", sa.BigInteger, nullable=False),
        sa.Column("answers_uj", sa.BigInteger, nullable=False),
        sa.Column("idle_uj", sa.BigInteger, nullable=False),
        sa.Column("loading_uj", sa.BigInteger, nullable=False),
        sa.Column("foreign_uj", sa.BigInteger, nullable=False),
        sa.Column("unattributed_uj", sa.BigInteger, nullable=False),
        sa.Column("open_uj", sa.BigInteger, nullable=False),
        sa.Column("method", sa.String(20), nullable=False),
        sa.Column("coverage_ratio", sa.Float(53), nullable=False),
        sa.CheckConstraint(
            "meter_uj = answers_uj + idle_uj + loading_uj + foreign_uj + unattributed_uj",
            name="ledger_entries_add_up",
        ),
    )
    op.create_index("ledger_entries_ended_at", "ledger_entries", ["ended_at"])
    op.create_index("ledger_entries_node_id", "ledger_entries", ["node_id", "number"])
