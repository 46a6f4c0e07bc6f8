"""Full-text search: FTS5 on SQLite, tsvector on PostgreSQL, one behaviour.

Words are compared without accents and case; the last one may be unfinished, for search as you type. The
newest matches come first: in one's own history that is the better order, and it needs no ranking of all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

LONGEST_QUERY = 200
_MOST_WORDS = 8
_NEWEST_MATCHES = 2_000
_BEFORE, _AFTER = 50, 130
_MARKS = re.compile(r"\*{1,3}|`+|~~|(?<!\S)#{1,6}\s+|\|[\s|:-]*")

_conversations = sa.table(
    "conversation",
    sa.column("id"),
    sa.column("title"),
    sa.column("title_key"),
    sa.column("changed_at"),
    sa.column("project_id"),
    sa.column("owner"),
)
_messages = sa.table(
    "message", sa.column("position"), sa.column("id"), sa.column("conversation_id"), sa.column("content")
)

# CROSS JOIN: the index of words leads, the newest first, and stops when enough is found.
_MATCHES_SQLITE = """
    SELECT conversation_id, max(position) AS newest FROM (
      SELECT m.conversation_id, m.position FROM message_search s
      CROSS JOIN message m ON m.position = s.rowid
      CROSS JOIN conversation c ON c.id = m.conversation_id
      WHERE s.message_search MATCH :pattern AND {mine} ORDER BY s.rowid DESC LIMIT :newest)
    GROUP BY conversation_id ORDER BY newest DESC LIMIT :most"""
# Who has few messages among many people's: theirs are listed first, not each match of everybody looked up.
_FEW_SQLITE = """
    WITH own AS MATERIALIZED (
      SELECT m.position FROM conversation c CROSS JOIN message m ON m.conversation_id = c.id WHERE {mine})
    SELECT conversation_id, max(position) AS newest FROM (
      SELECT m.conversation_id, m.position FROM message_search s
      CROSS JOIN message m ON m.position = s.rowid
      WHERE s.message_search MATCH :pattern AND +s.rowid IN (SELECT position FROM own)
      ORDER BY s.rowid DESC LIMIT :newest)
    GROUP BY conversation_id ORDER BY newest DESC LIMIT :most"""
_COUNT_SQLITE = """
    SELECT count(*) FROM (
      SELECT 1 FROM conversation c CROSS JOIN message m ON m.conversation_id = c.id WHERE {mine}
      LIMIT :few)"""
_FEW = 20_000
_MATCHES_POSTGRESQL = """
    SELECT conversation_id, max(position) AS newest FROM (
      SELECT m.conversation_id, m.position FROM message m JOIN conversation c ON c.id = m.conversation_id
      WHERE m.words @@ to_tsquery('simple', :pattern) AND {mine}
      ORDER BY m.position DESC LIMIT :newest) AS matches
    GROUP BY conversation_id ORDER BY newest DESC LIMIT :most"""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchHit:
    """One conversation that a search found.

    Attributes:
        message_id: the newest message that matches; ``None`` where only the title does.
        excerpt: pieces of it, each with whether it is one of the words.
    """

    conversation_id: str
    title: str
    changed_at: float
    message_id: str | None
    excerpt: tuple[tuple[str, bool], ...]


def find_conversations(
    connection: sa.Connection,
    query: str,
    *,
    owner: str | None,
    limit: int,
    indexed: bool = True,
    project_id: str | None = None,
) -> list[SearchHit]:
    """The conversations that hold every word, in one message or in the title; the latest first.

    Args:
        connection: reading the chat store.
        query: as it was typed.
        owner: whose conversations; ``None`` for the person of this machine.
        limit: how many to find.
        indexed: whether there is an index over the messages; else the titles alone are searched.
        project_id: look in the conversations of this project alone.
    """
    words = search_words(query)
    if not words:
        return []
    newest: dict[str, int] = {}
    if indexed:
        newest = _newest_matches(connection, words, owner=owner, limit=limit, project_id=project_id)
    in_title = sa.and_(*(_conversations.c.title_key.contains(word, autoescape=True) for word in words))
    statement = (
        sa.select(_conversations.c.id, _conversations.c.title, _conversations.c.changed_at)
        .where(sa.or_(in_title, _conversations.c.id.in_(newest)))
        .where(_conversations.c.owner.is_(None) if owner is None else _conversations.c.owner == owner)
        .order_by(_conversations.c.changed_at.desc())
        .limit(limit)
    )
    if project_id is not None:
        statement = statement.where(_conversations.c.project_id == project_id)
    found = connection.execute(statement).all()
    texts = _texts(connection, [newest[entry.id] for entry in found if entry.id in newest])
    return [
        SearchHit(
            conversation_id=entry.id,
            title=entry.title,
            changed_at=entry.changed_at,
            message_id=texts[entry.id].id if entry.id in texts else None,
            excerpt=excerpt(texts[entry.id].content, words) if entry.id in texts else (),
        )
        for entry in found
    ]


def search_words(query: str) -> list[str]:
    """The words of a query, as they are compared."""
    return re.findall(r"[^\W_]+", fold(query[:LONGEST_QUERY]))[:_MOST_WORDS]


def excerpt(text: str, words: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """The surroundings of the first match, in pieces: text, and whether it is a match."""
    whole = [re.escape(word) + r"(?![^\W_])" for word in words[:-1]]
    pattern = re.compile(r"(?<![^\W_])(?:" + "|".join([*whole, *map(re.escape, words[-1:])]) + ")")
    folded = fold(text)
    found = pattern.search(folded)
    start = max(0, found.start() - _BEFORE) if found else 0
    end = min(len(text), (found.end() if found else 0) + _AFTER)
    pieces: list[tuple[str, bool]] = [("…", False)] if start else []
    at = start
    for match in pattern.finditer(folded, start, end):
        pieces += [(text[at : match.start()], False), (text[match.start() : match.end()], True)]
        at = match.end()
    pieces.append((text[at:end] + ("…" if end < len(text) else ""), False))
    return tuple((piece.replace("\n", " "), match) for piece, match in pieces if piece)


def plain(text: str) -> str:
    """A piece of an excerpt without the marks of Markdown, which there mark nothing up."""
    return _MARKS.sub(lambda mark: " " if mark[0].startswith("|") else "", text)


def fold(text: str) -> str:
    """Without case and accents, character for character."""
    return text.translate(_PLAINER)


def _newest_matches(
    connection: sa.Connection,
    words: Sequence[str],
    *,
    owner: str | None,
    limit: int,
    project_id: str | None,
) -> dict[str, int]:
    """The position of the newest matching message of each conversation; the last word may be unfinished."""
    sqlite = connection.dialect.name == "sqlite"
    pattern = " ".join(f'"{word}"' for word in words) + "*" if sqlite else " & ".join(words) + ":*"
    facts = {"pattern": pattern, "newest": _NEWEST_MATCHES, "most": limit}
    mine = "c.owner IS NULL"
    if owner is not None:
        mine, facts = "c.owner = :owner", facts | {"owner": owner}
    if project_id is not None:
        mine, facts = f"{mine} AND c.project_id = :project", facts | {"project": project_id}
    text = _MATCHES_POSTGRESQL
    if sqlite:
        n_own = connection.scalar(sa.text(_COUNT_SQLITE.format(mine=mine)), facts | {"few": _FEW})
        text = _FEW_SQLITE if (n_own or 0) < _FEW else _MATCHES_SQLITE
    rows = connection.execute(sa.text(text.format(mine=mine)), facts)
    return {row.conversation_id: row.newest for row in rows}


def _texts(connection: sa.Connection, positions: Sequence[int]) -> dict[str, Any]:
    columns = (_messages.c.conversation_id, _messages.c.id, _messages.c.content)
    query = sa.select(*columns).where(_messages.c.position.in_(positions))
    return {row.conversation_id: row for row in connection.execute(query)}


class _Plainer(dict[int, str]):
    def __missing__(self, code: int) -> str:
        character = chr(code)
        parts = unicodedata.normalize("NFKD", character)
        alone = all(unicodedata.combining(mark) for mark in parts[1:])
        plain = parts[0].lower() if alone else character.lower()
        self[code] = plain if len(plain) == 1 else character
        return self[code]


_PLAINER = _Plainer()
