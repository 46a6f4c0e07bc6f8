"""The tables of the ledger. Rows are only ever added.

The migrations make them; a test holds the two together. Names begin with ``ledger_`` because stores may
share one PostgreSQL.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

_Sequence = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column of this very type."""

FACTORS = Table(
    "ledger_factors",
    metadata,
    Column("factors_id", String(32), primary_key=True),
    Column("contents", Text, nullable=False),
)
"""Frozen factors by the hash of their contents: a thousand answers of one hour share a row."""

ANSWERS = Table(
    "ledger_answers",
    metadata,
    Column("number", _Sequence, primary_key=True, autoincrement=True),
    Column("answer_id", String(40), nullable=False, unique=True),
    Column("request_id", Text, nullable=False),
    Column("key_id", Text),
    Column("node_id", Text, nullable=False),
    Column("model_id", Text, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("new_tokens", BigInteger, nullable=False),
    Column("queued_s", Float(53), nullable=False),
    Column("prefill_s", Float(53), nullable=False),
    Column("decode_s", Float(53), nullable=False),
    Column("finish_reason", String(40), nullable=False),
    Column("at", Float(53), nullable=False),
    Column("day", Integer, nullable=False),
    Column("factors_id", String(32), ForeignKey("ledger_factors.factors_id"), nullable=False),
    Index("ledger_answers_at", "at"),
)
"""One row per answer; ``day`` counts UTC days since 1970."""

SETTLEMENTS = Table(
    "ledger_settlements",
    metadata,
    Column("number", _Sequence, primary_key=True, autoincrement=True),
    Column("answer_id", String(40), ForeignKey("ledger_answers.answer_id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("started_at", Float(53), nullable=False),
    Column("ended_at", Float(53), nullable=False),
    Column("active_uj", BigInteger, nullable=False),
    Column("idle_uj", BigInteger, nullable=False),
    Column("device_s", Float(53), nullable=False),
    Column("method", String(20), nullable=False),
    Column("coverage_ratio", Float(53), nullable=False),
    Column("final", Boolean, nullable=False),
    Column("at", Float(53), nullable=False),
    UniqueConstraint("answer_id", "revision", name="ledger_settlements_revision"),
)
"""One row per revision of an answer's energy."""

ENTRIES = Table(
    "ledger_entries",
    metadata,
    Column("number", _Sequence, primary_key=True, autoincrement=True),
    Column("entry_id", String(40), nullable=False, unique=True),
    Column("node_id", Text, nullable=False),
    Column("started_at", Float(53), nullable=False),
    Column("ended_at", Float(53), nullable=False),
    Column("meter_uj", BigInteger, nullable=False),
    Column("answers_uj", BigInteger, nullable=False),
    Column("idle_uj", BigInteger, nullable=False),
    Column("loading_uj", BigInteger, nullable=False),
    Column("foreign_uj", BigInteger, nullable=False),
    Column("unattributed_uj", BigInteger, nullable=False),
    Column("open_uj", BigInteger, nullable=False),
    Column("method", String(20), nullable=False),
    Column("coverage_ratio", Float(53), nullable=False),
    Index("ledger_entries_ended_at", "ended_at"),
    Index("ledger_entries_node_id", "node_id", "number"),
)
"""One row per stretch of metered time."""
