"""Documents on disk: bytes once under their hash, indexed passages, and to which conversation they belong.

No name that a person chose is ever part of a path: there are no paths. Bytes that no document refers to any
more are erased with the last of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from galerne.chat.documents.query import question_words
from galerne.chat.documents.records import Citation, Document, Passage, Reading
from galerne.chat.documents.retrieval import QueryVector, rank_passages, unit
from galerne.chat.documents.tables import (
    PASSAGE_COLUMNS,
    document_of,
    documents,
    files,
    passage_of,
    passage_row,
    passages,
    vectors,
)
from galerne.chat.history.ownership import Owner, is_of
from galerne.clock import Clock
from galerne.errors import UnknownDocument
from galerne.storage import reading, writing

_LONGEST_NAME = 200
_ROWS_AT_ONCE = 500


class DocumentStore:
    """Keeps the documents of one owner beside the conversations that stand on them.

    Bytes are kept once whoever brings them; what names them is each owner's own.

    Args:
        engine: of the chat store.
        owner: whose; ``None`` for the person of this machine.
        clock: dates them.
        new_id: makes an id that nobody guesses.
    """

    def __init__(self, engine: sa.Engine, *, owner: Owner, clock: Clock, new_id: Callable[[], str]) -> None:
        self._engine = engine
        self._owner = owner
        self._clock = clock
        self._new_id = new_id

    # Keeping

    def knows(self, content: bytes) -> bool:
        """Whether these very bytes were read before."""
        with reading(self._engine) as connection:
            query = sa.select(files.c.hash).where(files.c.hash == hash_of(content))
            return connection.execute(query).first() is not None

    def add(
        self,
        content: bytes,
        *,
        name: str,
        read: tuple[Reading, Sequence[Passage]] | None,
        conversation_id: str | None = None,
        project_id: str | None = None,
        message_id: str | None = None,
        assistant_id: str | None = None,
    ) -> Document:
        """Keep a file; where it belongs nowhere, it is a draft until a question takes it along.

        Args:
            content: its bytes.
            name: as its owner calls it.
            read: what is in it; ``None`` where ``knows`` says that it was read before.
            conversation_id: to which it belongs.
            project_id: to which it belongs instead.
            message_id: the question it came with.
            assistant_id: to which it belongs instead.
        """
        document_id, file_hash = self._new_id(), hash_of(content)
        with writing(self._engine) as connection:
            known = connection.execute(sa.select(files.c.hash).where(files.c.hash == file_hash)).first()
            if known is None:
                if read is None:
                    raise ValueError("a file that is not known yet comes with what was read in it")
                self._write_file(connection, content, file_hash, *read)
            connection.execute(
                sa.insert(documents).values(
                    id=document_id,
                    file_hash=file_hash,
                    owner=self._owner,
                    name=clean_name(name),
                    created_at=self._clock.now_at(),
                    conversation_id=conversation_id,
                    project_id=project_id,
                    message_id=message_id,
                    assistant_id=assistant_id,
                )
            )
        return self.document(document_id)

    def attach(self, document_ids: Sequence[str], *, conversation_id: str, message_id: str) -> None:
        """Give drafts to the conversation in which they were sent; what is no draft stays where it is."""
        mine = is_of(documents.c.owner, self._owner)
        statement = sa.update(documents).where(documents.c.id.in_(document_ids), is_draft(), mine)
        with writing(self._engine) as connection:
            connection.execute(statement.values(conversation_id=conversation_id, message_id=message_id))

    def remove(self, document_id: str) -> None:
        """Remove a document for good; its bytes too, if nothing else refers to them."""
        self.document(document_id)
        with writing(self._engine) as connection:
            forget_documents(connection, self._is_mine(document_id))
        fold_log(self._engine)

    # Reading

    def document(self, document_id: str) -> Document:
        """One document by its id.

        Raises:
            UnknownDocument: there is none.
        """
        found = self._documents(self._is_mine(document_id))
        if not found:
            raise UnknownDocument(document_id=document_id)
        return found[0]

    def of(
        self,
        *,
        conversation_id: str | None = None,
        project_id: str | None = None,
        assistant_id: str | None = None,
    ) -> list[Document]:
        """The documents of a conversation, a project, an assistant, or of all of them, the oldest first."""
        columns = {
            documents.c.conversation_id: conversation_id,
            documents.c.project_id: project_id,
            documents.c.assistant_id: assistant_id,
        }
        homes = [column == home_id for column, home_id in columns.items() if home_id is not None]
        return self._documents(sa.or_(sa.false(), *homes))

    def content(self, document_id: str) -> bytes:
        """The bytes of a document, as they came."""
        query = sa.select(files.c.content).join(documents, documents.c.file_hash == files.c.hash)
        with reading(self._engine) as connection:
            found: bytes | None = connection.scalar(query.where(self._is_mine(document_id)))
        if found is None:
            raise UnknownDocument(document_id=document_id)
        return found

    def passages(self, document_id: str, *, first: int = 0, limit: int = 1_000_000) -> list[Passage]:
        """Passages of a document, in its order, from the ``first`` on."""
        file_hash = self.document(document_id).file_hash
        query = sa.select(*PASSAGE_COLUMNS).where(passages.c.file_hash == file_hash, passages.c.n >= first)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(passages.c.n).limit(limit))
            return [passage_of(row) for row in rows]

    # Finding

    def search(
        self, question: str, scope: Sequence[Document], *, limit: int, query: QueryVector | None = None
    ) -> list[tuple[Citation, Passage]]:
        """The passages of these documents that match a question, the best first; none where none does."""
        by_hash = {document.file_hash: document for document in reversed(scope)}
        if not by_hash:
            return []
        stems = question_words(question)
        columns = (passages.c.position, passages.c.file_hash, *PASSAGE_COLUMNS)
        with reading(self._engine) as connection:
            ranked = rank_passages(connection, stems, hashes=list(by_hash), query=query)[:limit]
            rows = connection.execute(sa.select(*columns).where(passages.c.position.in_(ranked))).all()
        by_position = {row.position: row for row in rows}
        ordered = [by_position[position] for position in ranked]
        return [cited(by_hash[row.file_hash], passage_of(row)) for row in ordered]

    def unvectored(self, file_hash: str, *, model_id: str, limit: int) -> list[tuple[int, str]]:
        """Position and text of passages of a file that have no vector of this model yet."""
        mine = sa.and_(vectors.c.position == passages.c.position, vectors.c.model_id == model_id)
        query = (
            sa.select(passages.c.position, passages.c.text)
            .where(passages.c.file_hash == file_hash, ~sa.exists().where(mine))
            .order_by(passages.c.n)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [(row.position, row.text) for row in connection.execute(query)]

    def save_vectors(self, made: Mapping[int, Sequence[float]], *, model_id: str) -> None:
        """Keep vectors of passages, by position; those that were erased meanwhile are let go."""
        with writing(self._engine, survives_power_loss=False) as connection:
            query = sa.select(passages.c.position).where(passages.c.position.in_(list(made)))
            rows = [
                {"position": position, "model_id": model_id, "vector": _packed(made[position])}
                for position in connection.scalars(query)
            ]
            if rows:
                connection.execute(sa.insert(vectors), rows)

    def _is_mine(self, document_id: str) -> sa.ColumnElement[bool]:
        return sa.and_(documents.c.id == document_id, is_of(documents.c.owner, self._owner))

    def _documents(self, condition: sa.ColumnElement[bool]) -> list[Document]:
        vectored = (
            sa.select(sa.func.count(sa.distinct(vectors.c.position)))
            .join(passages, passages.c.position == vectors.c.position)
            .where(passages.c.file_hash == files.c.hash)
            .scalar_subquery()
        )
        mine = [documents.c[name] for name in _DOCUMENT_COLUMNS]
        theirs = [files.c.kind, files.c.size_bytes, files.c.n_pages, files.c.n_passages]
        query = (
            sa.select(*mine, *theirs, vectored.label("n_vectors"))
            .join(files, files.c.hash == documents.c.file_hash)
            .where(condition, is_of(documents.c.owner, self._owner))
            .order_by(documents.c.created_at, documents.c.id)
        )
        with reading(self._engine) as connection:
            return [document_of(dict(row)) for row in connection.execute(query).mappings()]

    @staticmethod
    def _write_file(
        connection: sa.Connection, content: bytes, file_hash: str, read: Reading, parts: Sequence[Passage]
    ) -> None:
        facts: dict[str, Any] = {"hash": file_hash, "kind": read.kind.value, "size_bytes": len(content)}
        facts |= {"n_pages": read.n_pages, "n_passages": len(parts), "content": content}
        connection.execute(sa.insert(files).values(**facts))
        for start in range(0, len(parts), _ROWS_AT_ONCE):
            rows = [passage_row(part, file_hash=file_hash) for part in parts[start : start + _ROWS_AT_ONCE]]
            connection.execute(sa.insert(passages), rows)


_DOCUMENT_COLUMNS = (
    "id",
    "file_hash",
    "name",
    "created_at",
    "conversation_id",
    "project_id",
    "message_id",
    "assistant_id",
)


def cited(document: Document, passage: Passage) -> tuple[Citation, Passage]:
    """A passage with what an answer remembers of it."""
    citation = Citation(
        document_id=document.id, name=document.name, passage_n=passage.n, position=passage.position
    )
    return citation, passage


def is_draft() -> sa.ColumnElement[bool]:
    """That a document was attached to a question that is not sent yet."""
    homes = (documents.c.conversation_id, documents.c.project_id, documents.c.assistant_id)
    return sa.and_(*(home.is_(None) for home in homes))


def forget_documents(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> None:
    """Delete the documents that meet a condition, and the bytes that nothing refers to any more.

    Runs in the caller's transaction, so that a conversation goes with its documents or neither does.
    """
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    connection.execute(sa.delete(documents).where(condition))
    orphans = list(
        connection.scalars(
            sa.select(files.c.hash).where(~sa.exists().where(documents.c.file_hash == files.c.hash))
        )
    )
    if not orphans:
        return
    gone = sa.select(passages.c.position).where(passages.c.file_hash.in_(orphans))
    connection.execute(sa.delete(vectors).where(vectors.c.position.in_(gone)))
    connection.execute(sa.delete(passages).where(passages.c.file_hash.in_(orphans)))
    connection.execute(sa.delete(files).where(files.c.hash.in_(orphans)))
    if sqlite:  # the index only marks words as deleted until its parts are joined
        connection.exec_driver_sql("INSERT INTO passage_search(passage_search) VALUES ('optimize')")


def fold_log(engine: sa.Engine) -> None:
    """SQLite's write-ahead log would keep erased text until its next checkpoint."""
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def hash_of(content: bytes) -> str:
    """Under which bytes are kept."""
    return hashlib.sha256(content).hexdigest()


def clean_name(name: str) -> str:
    """What is shown of the name of a file: its last part, without what would not print."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(letter if letter.isprintable() else " " for letter in last)
    words = " ".join(printable.encode("utf-8", errors="replace").decode("utf-8").split())
    return words[:_LONGEST_NAME] or "document"


def _packed(numbers: Sequence[float]) -> bytes:
    return unit(np.asarray(numbers, dtype=np.float32)).tobytes()
