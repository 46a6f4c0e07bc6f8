"""Branches, pins, manners, bills, rendered blocks, and full-text search.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from galerne.chat.bill.amounts import bill_of
from galerne.chat.history.search import fold

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FIGURES = ("energy_j", "low_j", "high_j", "co2e_g", "water_l", "cost_eur")
_ACCENTED = "àáâãäåçèéêëìíîïñòóôõöùúûüýÿ"
_PLAIN = "aaaaaaceeeeiiiinooooouuuuyy"

_SQLITE = (
    """CREATE VIRTUAL TABLE message_search USING fts5(
         content, content='message', content_rowid='position',
         tokenize='unicode61 remove_diacritics 2', prefix='2 3')""",
    "INSERT INTO message_search(message_search) VALUES ('rebuild')",
    """CREATE TRIGGER message_search_insert AFTER INSERT ON message BEGIN
         INSERT INTO message_search(rowid, content) VALUES (new.position, new.content); END""",
    """CREATE TRIGGER message_search_delete AFTER DELETE ON message BEGIN
         INSERT INTO message_search(message_search, rowid, content)
         VALUES ('delete', old.position, old.content); END""",
    """CREATE TRIGGER message_search_update AFTER UPDATE OF content ON message BEGIN
         INSERT INTO message_search(message_search, rowid, content)
         VALUES ('delete', old.position, old.content);
         INSERT INTO message_search(rowid, content) VALUES (new.position, new.content); END""",
)
_POSTGRESQL = (
    # A vector holds a megabyte at most: of a longer message, the beginning is found.
    f"""ALTER TABLE message ADD COLUMN words tsvector GENERATED ALWAYS AS
        (to_tsvector('simple', translate(lower(left(content, 200000)), '{_ACCENTED}', '{_PLAIN}'))) STORED""",
    "CREATE INDEX message_words ON message USING gin (words)",
)


def upgrade() -> None:
    """Add the columns, fill them for what is there, and index the words."""
    for column in (
        sa.Column("title_key", sa.Text, nullable=False, server_default=""),
        sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("leaf_id", sa.Text, nullable=True),
        sa.Column("instructions", sa.Text, nullable=False, server_default=""),
        sa.Column("temperature", sa.Float, nullable=True),
        sa.Column("max_new_tokens", sa.Integer, nullable=True),
    ):
        op.add_column("conversation", column)
    for name in _FIGURES:
        op.add_column("message", sa.Column(name, sa.Float, nullable=True))
    for column in (
        sa.Column("past_receipts", sa.JSON, nullable=True),
        sa.Column("method", sa.Text, nullable=True),
        sa.Column("rendered", sa.JSON, nullable=True),
        sa.Column("rendered_by", sa.Text, nullable=True),
    ):
        op.add_column("message", column)
    _fill_title_keys()
    _fill_bills()
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(sa.text(statement))


def _fill_title_keys() -> None:
    table = sa.table("conversation", sa.column("id"), sa.column("title"), sa.column("title_key"))
    connection = op.get_bind()
    for row in connection.execute(sa.select(table.c.id, table.c.title)).all():
        statement = sa.update(table).where(table.c.id == row.id)
        connection.execute(statement.values(title_key=fold(row.title)))


def _fill_bills() -> None:
    names = (*_FIGURES, "method")
    table = sa.table(
        "message", sa.column("position"), sa.column("receipt", sa.JSON), *(sa.column(name) for name in names)
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(table.c.position, table.c.receipt)).all():
        if row.receipt:
            bill = bill_of([row.receipt])
            values = {name: getattr(bill, name) for name in names}
            connection.execute(sa.update(table).where(table.c.position == row.position).values(**values))
