"""Keys, limits and what is held of them; every event sealed in its writer's chain of hashes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from galerne.ledger.chain import GENESIS, SEALED, link_of

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_CHUNK = 1000
_EVENTS = {
    "answer": ("ledger_answers", "ledger_answers.node_id", ""),
    "settlement": (
        "ledger_settlements",
        "ledger_answers.node_id",
        " JOIN ledger_answers ON ledger_answers.answer_id = ledger_settlements.answer_id",
    ),
    "entry": ("ledger_entries", "ledger_entries.node_id", ""),
}
"""By kind: the table, the column that says who wrote it, and how to reach that."""


def upgrade() -> None:
    """Make the tables and seal the events that are there, kind after kind in the order of writing."""
    for table, _, _ in _EVENTS.values():
        op.add_column(table, sa.Column("writer_id", sa.Text))
        op.add_column(table, sa.Column("position", sa.BigInteger))
        op.add_column(table, sa.Column("link", sa.LargeBinary(32)))
    chains = op.create_table(
        "ledger_chains",
        sa.Column("writer_id", sa.Text, primary_key=True),
        sa.Column("n_events", sa.BigInteger, nullable=False),
        sa.Column("head", sa.LargeBinary(32), nullable=False),
    )
    _make_keys()
    _make_limits()
    connection = op.get_bind()
    heads: dict[str, tuple[int, bytes]] = {}
    for kind in _EVENTS:
        _seal(connection, kind, heads)
    if heads:
        rows = [{"writer_id": name, "n_events": n, "head": head} for name, (n, head) in heads.items()]
        connection.execute(sa.insert(chains), rows)


def _make_keys() -> None:
    op.create_table(
        "ledger_keys",
        sa.Column("key_id", sa.String(40), primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("project", sa.Text),
        sa.Column("prefix", sa.String(20), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("old_key_hash", sa.String(64), unique=True),
        sa.Column("old_key_ends_at", sa.Float(53)),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("models", sa.Text),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("expires_at", sa.Float(53)),
        sa.Column("revoked_at", sa.Float(53)),
    )


def _make_limits() -> None:
    op.create_table(
        "ledger_limits",
        *_limited(),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ledger_counters",
        *_limited(),
        sa.Column("started_at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("spent", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ledger_holds",
        sa.Column("request_id", sa.String(100), primary_key=True),
        *_limited(),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("node_id", sa.Text, nullable=False),
        sa.Column("answer_id", sa.String(40)),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.Column("charged", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
    )


def _limited() -> Iterator[sa.Column[Any]]:
    yield sa.Column("subject", sa.String(200), primary_key=True)
    yield sa.Column("unit", sa.String(20), primary_key=True)
    yield sa.Column("period", sa.String(10), primary_key=True)


def _seal(connection: sa.Connection, kind: str, heads: dict[str, tuple[int, bytes]]) -> None:
    table, writer, join = _EVENTS[kind]
    columns = ", ".join(f"{table}.{name}" for name in SEALED[kind])
    page = sa.text(
        f"SELECT {table}.number AS number, {writer} AS writer_id, {columns} FROM {table}{join} "  # noqa: S608  # our own names
        f"WHERE {table}.number > :after ORDER BY {table}.number LIMIT {_CHUNK}"
    )
    update = sa.text(
        f"UPDATE {table} SET writer_id = :writer_id, position = :position, link = :link "  # noqa: S608
        "WHERE number = :number"
    )
    after = -1
    while rows := connection.execute(page, {"after": after}).mappings().all():
        sealed = []
        for row in rows:
            n_events, head = heads.get(row["writer_id"], (0, GENESIS))
            link = link_of(head, writer_id=row["writer_id"], position=n_events, kind=kind, row=row)
            heads[row["writer_id"]] = (n_events + 1, link)
            sealed.append(
                {
                    "number": row["number"],
                    "writer_id": row["writer_id"],
                    "position": n_events,
                    "link": link,
                }
            )
        connection.execute(update, sealed)
        after = rows[-1]["number"]
