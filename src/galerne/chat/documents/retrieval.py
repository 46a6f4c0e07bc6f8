"""Which passages answer a question: by words, and by meaning where there are vectors, fused by rank."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from galerne.chat.documents.query import match_postgresql, match_sqlite
from galerne.chat.documents.tables import passages, vectors

N_CANDIDATES = 50
RANK_OFFSET = 60
"""Reciprocal rank fusion adds 1 / (60 + rank) of each list: the offset of the method's own paper."""

_BY_WORDS_SQLITE = """
    SELECT passage.position AS position
    FROM passage_search JOIN passage ON passage.position = passage_search.rowid
    WHERE passage_search MATCH :pattern AND passage.file_hash IN :hashes
    ORDER BY bm25(passage_search, 1.0, 0.6) LIMIT :most"""
_BY_WORDS_POSTGRESQL = """
    SELECT position FROM passage, to_tsquery('simple', :pattern) AS asked
    WHERE words @@ asked AND file_hash IN :hashes
    ORDER BY ts_rank_cd(words, asked, 1) DESC, position LIMIT :most"""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryVector:
    """The meaning of a question, as one model sees it."""

    model_id: str
    numbers: tuple[float, ...]


def rank_passages(
    connection: sa.Connection, stems: Sequence[str], *, hashes: Sequence[str], query: QueryVector | None
) -> list[int]:
    """Positions of the passages that match, the best first.

    Args:
        connection: reading the chat store.
        stems: words of the question.
        hashes: of the files to look in.
        query: the question's vector, where a model makes such.
    """
    lists = [_by_words(connection, stems, hashes)] if stems else []
    if query is not None:
        lists.append(_by_meaning(connection, query, hashes))
    return fuse(lists)


def fuse(lists: Iterable[Sequence[int]]) -> list[int]:
    """Several rankings as one: what stands high in any of them, and higher where they agree.

    Formula: score = sum over the lists of 1 / (RANK_OFFSET + rank), rank from 1.
    """
    scores: dict[int, float] = defaultdict(float)
    for ranking in lists:
        for rank, position in enumerate(ranking, start=1):
            scores[position] += 1.0 / (RANK_OFFSET + rank)
    return sorted(scores, key=lambda position: (-scores[position], position))


def _by_words(connection: sa.Connection, stems: Sequence[str], hashes: Sequence[str]) -> list[int]:
    sqlite = connection.dialect.name == "sqlite"
    statement = sa.text(_BY_WORDS_SQLITE if sqlite else _BY_WORDS_POSTGRESQL)
    pattern = match_sqlite(stems) if sqlite else match_postgresql(stems)
    facts = {"pattern": pattern, "hashes": list(hashes), "most": N_CANDIDATES}
    rows = connection.execute(statement.bindparams(sa.bindparam("hashes", expanding=True)), facts)
    return [row.position for row in rows]


def _by_meaning(connection: sa.Connection, query: QueryVector, hashes: Sequence[str]) -> list[int]:
    statement = (
        sa.select(vectors.c.position, vectors.c.vector)
        .join(passages, passages.c.position == vectors.c.position)
        .where(passages.c.file_hash.in_(hashes), vectors.c.model_id == query.model_id)
    )
    rows = connection.execute(statement).all()
    wanted = unit(np.asarray(query.numbers, dtype=np.float32))
    rows = [row for row in rows if len(row.vector) == wanted.nbytes]
    if not rows:
        return []
    matrix = np.frombuffer(b"".join(row.vector for row in rows), dtype=np.float32).reshape(len(rows), -1)
    best = np.argsort(-(matrix @ wanted), kind="stable")[:N_CANDIDATES]
    return [rows[int(index)].position for index in best]


def unit(vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A vector brought to length one; the null vector as it is."""
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length > 0 else vector
