"""Conversations as a file: ours out and in, and those of ChatGPT and Open WebUI in.

A file is somebody else's: it is bounded, every field is checked, and all of it comes in or none. Ids are made
anew, so that a file neither overwrites nor names what is here.
"""

from __future__ import annotations

import io
import json
import math
import re
import secrets
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from galerne.chat.archive.tree import Node, grow
from galerne.chat.bill.amounts import bill_of
from galerne.chat.bill.receipt import view_receipt
from galerne.chat.documents.records import MOST_CITATIONS, Citation, citation_of
from galerne.chat.history.records import ChatMessage, Conversation, Manner, MessageStatus, title_of
from galerne.errors import InvalidRequest, RequestTooLarge
from galerne.language import Language

LARGEST_FILE_BYTES = 64_000_000
_MOST_CONVERSATIONS = 20_000
_MOST_MESSAGES = 200_000
_LONGEST_MESSAGE = 1_000_000
_LATEST_AT = 4_102_444_800.0  # the year 2100
_VERSION = 1
_ROLES = {"user", "assistant"}
_FINISHED = {status.value for status in MessageStatus} - {MessageStatus.WRITING}
_ZIP_MEMBER = re.compile(r"(^|/)conversations(-\d+)?\.json")

Thread: TypeAlias = tuple[Conversation, list[ChatMessage]]


def write_archive(
    threads: Iterable[tuple[Conversation, Sequence[ChatMessage]]],
    *,
    beside: Callable[[Conversation], Mapping[str, Any]] = lambda _: {},
) -> str:
    """Conversations with every branch and receipt, as JSON that ``read_archive`` takes.

    Args:
        threads: the conversations.
        beside: what else is written of each.
    """
    entries = [{**_written(*thread), **beside(thread[0])} for thread in threads]
    document = {"galerne": _VERSION, "conversations": entries}
    return json.dumps(document, ensure_ascii=False, indent=1)


def read_archive(
    content: bytes, *, now_at: float, new_id: Callable[[], str] = lambda: secrets.token_urlsafe(12)
) -> list[Thread]:
    """The conversations of a file, ready to be added to the store.

    Args:
        content: JSON, or the archive that ChatGPT sends.
        now_at: for what has no date.
        new_id: makes the ids.

    Raises:
        InvalidRequest: the file is not one of the three kinds, or contradicts itself; says where.
        RequestTooLarge: it is larger than a file may be.
    """
    threads = []
    n_messages = 0
    for index, entry in enumerate(entries_of(content)):
        thread = _Reader(path=f"conversations[{index}]", now_at=now_at, new_id=new_id).read(entry)
        n_messages += len(thread[1])
        if n_messages > _MOST_MESSAGES:
            raise _invalid("conversations", f"more than {_MOST_MESSAGES} messages at once")
        threads.append(thread)
    return threads


def entries_of(content: bytes) -> list[Any]:
    """What a file says of each conversation, not looked into yet."""
    entries = [entry for part in _parts(content) for entry in _entries(part)]
    if len(entries) > _MOST_CONVERSATIONS:
        raise _invalid("conversations", f"more than {_MOST_CONVERSATIONS} at once")
    return entries


def _parts(content: bytes) -> list[Any]:
    if len(content) > LARGEST_FILE_BYTES:
        raise RequestTooLarge(limit_bytes=LARGEST_FILE_BYTES)
    if not content.startswith(b"PK\x03\x04"):
        return [_parsed(content)]
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [entry for entry in archive.infolist() if _ZIP_MEMBER.fullmatch(entry.filename)]
            if sum(entry.file_size for entry in members) > LARGEST_FILE_BYTES:
                raise RequestTooLarge(limit_bytes=LARGEST_FILE_BYTES)
            texts = [archive.read(entry) for entry in sorted(members, key=lambda entry: entry.filename)]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise _invalid("file", "a damaged archive") from error
    if not texts:
        raise _invalid("file", "an archive without a conversations.json")
    return [_parsed(text) for text in texts]


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8-sig"), parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise _invalid("file", "not JSON that can be read") from error


def _entries(document: Any) -> list[Any]:
    if isinstance(document, dict) and isinstance(document.get("conversations"), list):
        if document.get("galerne", _VERSION) != _VERSION:
            raise _invalid("galerne", f"this Galerne reads version {_VERSION} of the format")
        return list(document["conversations"])
    if isinstance(document, list):
        return document
    raise _invalid("file", "neither conversations of Galerne nor of ChatGPT nor of Open WebUI")


class _Reader:
    """Reads one conversation of any of the three kinds."""

    def __init__(self, *, path: str, now_at: float, new_id: Callable[[], str]) -> None:
        self._path = path
        self._now_at = now_at
        self._new_id = new_id

    def read(self, entry: Any) -> Thread:
        entry = self._mapping(entry, "")
        if isinstance(entry.get("mapping"), dict):
            return self._plant(entry, *self._chatgpt(entry))
        if isinstance(entry.get("chat"), dict):
            return self._plant(entry, *self._open_webui(entry["chat"]))
        if isinstance(entry.get("messages"), list):
            return self._plant(entry, *self._ours(entry))
        raise _invalid(self._path, "has no messages")

    def _plant(self, entry: Mapping[str, Any], nodes: list[Node], leaf: str | None) -> Thread:
        nodes = grow(nodes, path=self._path)
        ids = {node.id: self._new_id() for node in nodes}
        conversation_id = self._new_id()
        created_at = self._at(entry, "created_at", "create_time")
        conversation = Conversation(
            id=conversation_id,
            title=title_of(self._text(entry.get("title"), "title"))
            or title_of(nodes[0].content if nodes else "…"),
            created_at=created_at,
            changed_at=max(created_at, self._at(entry, "changed_at", "update_time", "updated_at")),
            pinned=entry.get("pinned") is True,
            leaf_id=ids.get(leaf or ""),
            manner=self._manner(entry),
        )
        return conversation, [self._message(node, ids=ids, conversation_id=conversation_id) for node in nodes]

    def _message(self, node: Node, *, ids: Mapping[str, str], conversation_id: str) -> ChatMessage:
        extra = node.extra
        where = f"{self._path}.messages.{node.id[:40]}"
        status = str(extra.get("status", MessageStatus.DONE))
        receipt = self._receipt(extra.get("receipt"), where)
        past = extra.get("past_receipts") or []
        if not isinstance(past, list) or len(past) > 100:
            raise _invalid(f"{where}.past_receipts", "not a list of receipts")
        receipts = (self._receipt(entry, where) for entry in past)
        return ChatMessage(
            id=ids[node.id],
            conversation_id=conversation_id,
            parent_id=ids.get(node.parent_id or ""),
            role=node.role,
            content=node.content,
            status=MessageStatus(status) if status in _FINISHED else MessageStatus.STOPPED,
            model_id=self._text(extra.get("model"), "model")[:200] or None,
            problem_code=self._text(extra.get("problem"), "problem")[:80] or None,
            receipt_id=str(receipt["id"]) if receipt else None,
            receipt=receipt,
            created_at=self._at(extra, "created_at", "create_time", "timestamp"),
            past_receipts=tuple(entry for entry in receipts if entry),
            citations=self._citations(extra.get("citations"), where),
            quoted=extra.get("quoted") is True,
        )

    def _ours(self, entry: Mapping[str, Any]) -> tuple[list[Node], str | None]:
        nodes = []
        for index, raw in enumerate(entry["messages"]):
            turn = self._mapping(raw, f".messages[{index}]")
            role = turn.get("role")
            if not isinstance(role, str) or role not in _ROLES:
                raise _invalid(f"{self._path}.messages[{index}].role", "neither user nor assistant")
            content = self._text(turn.get("content"), f"messages[{index}].content")
            parent = turn.get("parent")
            nodes.append(
                Node(
                    id=str(turn.get("id", index)),
                    parent_id=None if parent is None else str(parent),
                    role=role,
                    content=content,
                    extra=turn,
                )
            )
        return nodes, str(entry.get("leaf", ""))

    def _chatgpt(self, entry: Mapping[str, Any]) -> tuple[list[Node], str | None]:
        nodes = []
        for node_id, raw in entry["mapping"].items():
            place = self._mapping(raw, f".mapping.{node_id[:40]}")
            message = _part(place, "message")
            content = _part(message, "content")
            parts = content.get("parts")
            parts = parts if isinstance(parts, list) else []
            words = "\n\n".join(part for part in parts if isinstance(part, str) and part)
            parent = place.get("parent")
            nodes.append(
                Node(
                    id=node_id,
                    parent_id=None if parent is None else str(parent),
                    role=""
                    if content.get("content_type") == "code"
                    else str(_part(message, "author").get("role", "")),
                    content=self._text(words, f"mapping.{node_id[:40]}"),
                    extra={
                        "create_time": message.get("create_time"),
                        "model": _part(message, "metadata").get("model_slug"),
                    },
                )
            )
        return nodes, str(entry.get("current_node", ""))

    def _open_webui(self, chat: Mapping[str, Any]) -> tuple[list[Node], str | None]:
        history = self._mapping(chat.get("history"), ".chat.history")
        nodes = []
        for node_id, raw in self._mapping(history.get("messages"), ".chat.history.messages").items():
            turn = self._mapping(raw, f".chat.history.messages.{node_id[:40]}")
            parent = turn.get("parentId")
            nodes.append(
                Node(
                    id=node_id,
                    parent_id=None if parent is None else str(parent),
                    role=str(turn.get("role", "")),
                    content=self._text(turn.get("content"), f"chat.history.messages.{node_id[:40]}"),
                    extra={"timestamp": turn.get("timestamp"), "model": turn.get("model")},
                )
            )
        return nodes, str(history.get("currentId", ""))

    def _manner(self, entry: Mapping[str, Any]) -> Manner:
        temperature, longest = _number(entry.get("temperature")), _number(entry.get("max_new_tokens"))
        return Manner(
            instructions=self._text(entry.get("instructions"), "instructions")[:20_000],
            temperature=None if temperature is None else min(2.0, max(0.0, temperature)),
            max_new_tokens=None if longest is None else int(min(131_072, max(1, longest))),
        )

    def _receipt(self, raw: Any, where: str) -> dict[str, Any] | None:
        if raw is None:
            return None
        try:
            receipt = dict(raw)
            bill = bill_of([receipt])
            view_receipt(receipt, language=Language.ENGLISH)
            figures = (
                bill.low_j,
                bill.energy_j,
                bill.high_j,
                bill.co2e_g,
                bill.water_l,
                bill.cost_eur or 0.0,
            )
            sound = isinstance(receipt["id"], str) and all(0 <= figure < 1e18 for figure in figures)
        except (ArithmeticError, AttributeError, KeyError, LookupError, TypeError, ValueError) as error:
            raise _invalid(f"{where}.receipt", "not a receipt of Galerne") from error
        if not sound:
            raise _invalid(f"{where}.receipt", "not a receipt of Galerne")
        return receipt

    def _citations(self, raw: Any, where: str) -> tuple[Citation, ...]:
        try:
            found = tuple(citation_of(entry) for entry in (raw or ())[:MOST_CITATIONS])
        except (KeyError, TypeError, ValueError) as error:
            raise _invalid(f"{where}.citations", "not citations of Galerne") from error
        if not all(citation.is_sound() for citation in found):
            raise _invalid(f"{where}.citations", "not citations of Galerne")
        return found

    def _at(self, entry: Mapping[str, Any], *names: str) -> float:
        found = [_number(entry.get(name)) for name in names]
        value = next((number for number in found if number is not None), self._now_at)
        return value if 0 <= value <= _LATEST_AT else self._now_at

    def _text(self, value: Any, where: str) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise _invalid(f"{self._path}.{where}", "not a text")
        if len(value) > _LONGEST_MESSAGE:
            raise _invalid(f"{self._path}.{where}", f"longer than {_LONGEST_MESSAGE} characters")
        # Half a character or a zero byte would not enter the database.
        return value.encode("utf-8", errors="replace").decode("utf-8").replace("\0", "")

    def _mapping(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _invalid(f"{self._path}{where}", "not an object")
        return value


def _part(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _written(conversation: Conversation, messages: Sequence[ChatMessage]) -> dict[str, Any]:
    manner = conversation.manner
    return {
        "title": conversation.title,
        "created_at": conversation.created_at,
        "changed_at": conversation.changed_at,
        "pinned": conversation.pinned,
        "instructions": manner.instructions,
        "temperature": manner.temperature,
        "max_new_tokens": manner.max_new_tokens,
        "leaf": conversation.leaf_id,
        "messages": [
            {
                "id": message.id,
                "parent": message.parent_id,
                "role": message.role,
                "content": message.content,
                "status": message.status,
                "model": message.model_id,
                "problem": message.problem_code,
                "created_at": message.created_at,
                "receipt": message.receipt,
                "past_receipts": list(message.past_receipts),
                "citations": [citation.facts() for citation in message.citations],
                "quoted": message.quoted,
            }
            for message in messages
        ],
    }


def _invalid(path: str, problem: str) -> InvalidRequest:
    return InvalidRequest(path=path, problem=problem)
