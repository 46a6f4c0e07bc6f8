"""The tables of the ledger. Events are only ever added; keys, limits and counters change.

The migrations make them; a test holds the two together. Names begin with ``ledger_`` because stores may
share one PostgreSQL.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

_Sequence = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column of this very type."""


def _seal() -> tuple[Column[Any], ...]:
    """Where an event stands in its writer's chain of hashes."""
    return Column("writer_id", Text), Column("position", BigInteger), Column("link", LargeBinary(32))


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
    *_seal(),
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
    Column("accelerator_uj", BigInteger),
    *_seal(),
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
    *_seal(),
    Index("ledger_entries_ended_at", "ended_at"),
    Index("ledger_entries_node_id", "node_id", "number"),
)
"""One row per stretch of metered time."""

CHAINS = Table(
    "ledger_chains",
    metadata,
    Column("writer_id", Text, primary_key=True),
    Column("n_events", BigInteger, nullable=False),
    Column("head", LargeBinary(32), nullable=False),
)
"""The end of each writer's chain of hashes."""

DAYS = Table(
    "ledger_days",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("node_id", Text, primary_key=True),
    Column("model_id", Text, primary_key=True),
    Column("key_id", Text, primary_key=True),
    Column("factors_id", String(32), primary_key=True),
    Column("n_answers", BigInteger, nullable=False),
    Column("n_provisional", BigInteger, nullable=False),
    Column("n_split", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("new_tokens", BigInteger, nullable=False),
    Column("active_uj", BigInteger, nullable=False),
    Column("idle_uj", BigInteger, nullable=False),
    Column("accelerator_uj", BigInteger, nullable=False),
    Column("final_uj", BigInteger, nullable=False),
    Column("device_s", Float(53), nullable=False),
    sqlite_with_rowid=False,
)
"""Sums over the latest revisions of a day's answers; see ``galerne.ledger.days``. No key is an empty one.

``n_split`` counts the answers whose ``accelerator_uj`` is known; ``final_uj`` is the energy of final ones.
"""

METER_DAYS = Table(
    "ledger_meter_days",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("node_id", Text, primary_key=True),
    Column("method", String(20), primary_key=True),
    Column("meter_uj", BigInteger, nullable=False),
    Column("answers_uj", BigInteger, nullable=False),
    Column("idle_uj", BigInteger, nullable=False),
    Column("loading_uj", BigInteger, nullable=False),
    Column("foreign_uj", BigInteger, nullable=False),
    Column("unattributed_uj", BigInteger, nullable=False),
    Column("duration_s", Float(53), nullable=False),
    Column("covered_s", Float(53), nullable=False),
    sqlite_with_rowid=False,
)
"""Sums over the account entries that ended in a day."""

KEYS = Table(
    "ledger_keys",
    metadata,
    Column("key_id", String(40), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("owner", Text, nullable=False),
    Column("project", Text),
    Column("prefix", String(20), nullable=False),
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("old_key_hash", String(64), unique=True),
    Column("old_key_ends_at", Float(53)),
    Column("scopes", Text, nullable=False),
    Column("models", Text),
    Column("created_at", Float(53), nullable=False),
    Column("expires_at", Float(53)),
    Column("revoked_at", Float(53)),
    Column("priority", String(10)),
)
"""One row per key, which is kept as a hash; a rotated key keeps its row."""

LIMITS = Table(
    "ledger_limits",
    metadata,
    Column("subject", String(200), primary_key=True),
    Column("unit", String(20), primary_key=True),
    Column("period", String(10), primary_key=True),
    Column("amount", BigInteger, nullable=False),
)
"""How much of a unit a subject may use in each period."""

COUNTERS = Table(
    "ledger_counters",
    metadata,
    Column("subject", String(200), primary_key=True),
    Column("unit", String(20), primary_key=True),
    Column("period", String(10), primary_key=True),
    Column("started_at", BigInteger, primary_key=True, autoincrement=False),
    Column("spent", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
)
"""What a limited subject has used in the period that began then, and what is held for answers in flight."""

HOLDS = Table(
    "ledger_holds",
    metadata,
    Column("request_id", String(100), primary_key=True),
    Column("subject", String(200), primary_key=True),
    Column("unit", String(20), primary_key=True),
    Column("period", String(10), primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("node_id", Text, nullable=False),
    Column("answer_id", String(40)),
    Column("held", BigInteger, nullable=False),
    Column("charged", BigInteger, nullable=False),
    Column("at", Float(53), nullable=False),
)
"""What an answer in flight holds of each limit, until its final settlement is written."""
