"""Documents with their passages, citations, projects, and owners.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ACCENTED = "àáâãäåçèéêëìíîïñòóôõöùúûüýÿ"
_PLAIN = "aaaaaaceeeeiiiinooooouuuuyy"

_SQLITE = (
    """CREATE VIRTUAL TABLE passage_search USING fts5(
         text, heading, content='passage', content_rowid='position',
         tokenize='unicode61 remove_diacritics 2', prefix='3 4')""",
    """CREATE TRIGGER passage_search_insert AFTER INSERT ON passage BEGIN
         INSERT INTO passage_search(rowid, text, heading)
         VALUES (new.position, new.text, new.heading); END""",
    """CREATE TRIGGER passage_search_delete AFTER DELETE ON passage BEGIN
         INSERT INTO passage_search(passage_search, rowid, text, heading)
         VALUES ('delete', old.position, old.text, old.heading); END""",
)
_POSTGRESQL = (
    f"""ALTER TABLE passage ADD COLUMN words tsvector GENERATED ALWAYS AS
        (to_tsvector('simple', translate(lower(text || ' ' || coalesce(heading, '')),
         '{_ACCENTED}', '{_PLAIN}'))) STORED""",
    "CREATE INDEX passage_words ON passage USING gin (words)",
)


def upgrade() -> None:
    """Add the columns and tables, and index the words of passages."""
    op.add_column("conversation", sa.Column("owner", sa.Text, nullable=True))
    op.add_column("conversation", sa.Column("project_id", sa.Text, nullable=True))
    op.create_index("ix_conversation_project_id", "conversation", ["project_id"])
    op.add_column("message", sa.Column("citations", sa.JSON, nullable=True))
    op.add_column("message", sa.Column("quoted", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "project",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("instructions", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
    )
    op.create_table(
        "file",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("n_pages", sa.Integer, nullable=False),
        sa.Column("n_passages", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "passage",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("file_hash", sa.Text, sa.ForeignKey("file.hash", ondelete="CASCADE"), nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("page", sa.Integer, nullable=True),
        sa.Column("sheet", sa.Text, nullable=True),
        sa.Column("first_row", sa.Integer, nullable=True),
        sa.Column("last_row", sa.Integer, nullable=True),
        sa.Column("heading", sa.Text, nullable=True),
    )
    op.create_index("passage_of_file", "passage", ["file_hash", "n"], unique=True)
    op.create_table(
        "passage_vector",
        sa.Column(
            "position", sa.Integer, sa.ForeignKey("passage.position", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("model_id", sa.Text, primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "document",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("file_hash", sa.Text, sa.ForeignKey("file.hash"), nullable=False, index=True),
        sa.Column("owner", sa.Text, nullable=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=True, index=True),
        sa.Column("project_id", sa.Text, nullable=True, index=True),
        sa.Column("message_id", sa.Text, nullable=True),
    )
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(sa.text(statement))
