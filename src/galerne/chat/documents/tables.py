"""Where documents lie: bytes once under their hash, passages of them, and who attached them where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from galerne.chat.documents.records import Document, DocumentKind, Passage, Position
from galerne.chat.history.tables import metadata

files = sa.Table(
    "file",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    sa.Column("n_pages", sa.Integer, nullable=False),
    sa.Column("n_passages", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
passages = sa.Table(
    "passage",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("file_hash", sa.ForeignKey("file.hash", ondelete="CASCADE"), nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("page", sa.Integer, nullable=True),
    sa.Column("sheet", sa.Text, nullable=True),
    sa.Column("first_row", sa.Integer, nullable=True),
    sa.Column("last_row", sa.Integer, nullable=True),
    sa.Column("heading", sa.Text, nullable=True),
    sa.Index("passage_of_file", "file_hash", "n", unique=True),
)
vectors = sa.Table(
    "passage_vector",
    metadata,
    sa.Column("position", sa.ForeignKey("passage.position", ondelete="CASCADE"), primary_key=True),
    sa.Column("model_id", sa.Text, primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)
documents = sa.Table(
    "document",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("file_hash", sa.ForeignKey("file.hash"), nullable=False, index=True),
    sa.Column("owner", sa.Text, nullable=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("conversation_id", sa.Text, nullable=True, index=True),
    sa.Column("project_id", sa.Text, nullable=True, index=True),
    sa.Column("message_id", sa.Text, nullable=True),
    sa.Column("assistant_id", sa.Text, nullable=True, index=True),
)

INDEX_SQLITE = (
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

PLACE = ("page", "sheet", "first_row", "last_row", "heading")
PASSAGE_COLUMNS = (passages.c.n, passages.c.text, *(passages.c[name] for name in PLACE))


def passage_of(row: sa.Row[Any]) -> Passage:
    """A row as a record."""
    facts = row._mapping
    return Passage(
        n=facts["n"], text=facts["text"], position=Position(**{name: facts[name] for name in PLACE})
    )


def passage_row(passage: Passage, *, file_hash: str) -> dict[str, Any]:
    """A record as a row."""
    place = {name: getattr(passage.position, name) for name in PLACE}
    return {"file_hash": file_hash, "n": passage.n, "text": passage.text, **place}


def document_of(facts: Mapping[str, Any]) -> Document:
    """A row as a record."""
    return Document(**{**facts, "kind": DocumentKind(facts["kind"])})
