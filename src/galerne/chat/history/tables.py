"""The tables of the chat store, as the newest migration leaves them."""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa

from galerne.chat.bill.amounts import bill_of
from galerne.chat.documents.records import citation_of
from galerne.chat.history.records import ChatMessage, Conversation, Manner, MessageStatus
from galerne.chat.history.search import fold
from galerne.chat.tools.records import ToolUse

metadata = sa.MetaData()

projects = sa.Table(
    "project",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("instructions", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("changed_at", sa.Float, nullable=False),
)
conversations = sa.Table(
    "conversation",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("title_key", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("changed_at", sa.Float, nullable=False, index=True),
    sa.Column("pinned", sa.Boolean, nullable=False),
    sa.Column("leaf_id", sa.Text, nullable=True),
    sa.Column("instructions", sa.Text, nullable=False),
    sa.Column("temperature", sa.Float, nullable=True),
    sa.Column("max_new_tokens", sa.Integer, nullable=True),
    sa.Column("owner", sa.Text, nullable=True),
    sa.Column("project_id", sa.Text, nullable=True, index=True),
    sa.Column("tools", sa.JSON(none_as_null=True), nullable=True),
    sa.Column("allowed_tools", sa.JSON(none_as_null=True), nullable=True),
    sa.Column("assistant_id", sa.Text, nullable=True, index=True),
)
messages = sa.Table(
    "message",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column(
        "conversation_id", sa.ForeignKey("conversation.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("parent_id", sa.Text, nullable=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("model_id", sa.Text, nullable=True),
    sa.Column("problem_code", sa.Text, nullable=True),
    sa.Column("receipt_id", sa.Text, nullable=True),
    sa.Column("receipt", sa.JSON(none_as_null=True), nullable=True),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("past_receipts", sa.JSON(none_as_null=True), nullable=True),
    sa.Column("energy_j", sa.Float, nullable=True),
    sa.Column("low_j", sa.Float, nullable=True),
    sa.Column("high_j", sa.Float, nullable=True),
    sa.Column("co2e_g", sa.Float, nullable=True),
    sa.Column("water_l", sa.Float, nullable=True),
    sa.Column("cost_eur", sa.Float, nullable=True),
    sa.Column("method", sa.Text, nullable=True),
    sa.Column("rendered", sa.JSON(none_as_null=True), nullable=True),
    sa.Column("rendered_by", sa.Text, nullable=True),
    sa.Column("citations", sa.JSON(none_as_null=True), nullable=True),
    sa.Column("quoted", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("tool_uses", sa.JSON(none_as_null=True), nullable=True),
    sa.Column("beside_id", sa.Text, nullable=True),
    sa.Column("opens_at", sa.Float, nullable=True),
)

SUMS = ("energy_j", "low_j", "high_j", "co2e_g", "water_l", "cost_eur")
"""Columns that hold what a message's receipts add up to, so that a conversation's bill is one query."""

MESSAGE_COLUMNS = [column for column in messages.columns if column.name not in {"position", "method", *SUMS}]
_MANNER = tuple(field.name for field in dataclasses.fields(Manner))


def conversation_of(row: sa.Row[Any]) -> Conversation:
    """A row as a record."""
    facts = dict(row._mapping)
    facts.pop("title_key")
    if facts["tools"] is not None:
        facts["tools"] = tuple(facts["tools"])
    facts["allowed_tools"] = tuple(facts["allowed_tools"] or ())
    return Conversation(manner=Manner(**{name: facts.pop(name) for name in _MANNER}), **facts)


def conversation_row(conversation: Conversation) -> dict[str, Any]:
    """A record as a row."""
    facts = {name: getattr(conversation, name) for name in ("id", "title", "created_at", "changed_at")}
    homes = ("pinned", "leaf_id", "owner", "project_id", "assistant_id")
    shown = {name: getattr(conversation, name) for name in homes}
    allowed = {"allowed_tools": list(conversation.allowed_tools) or None}
    return (
        facts
        | shown
        | allowed
        | {"title_key": fold(conversation.title)}
        | dataclasses.asdict(conversation.manner)
    )


def message_of(row: sa.Row[Any]) -> ChatMessage:
    """A row as a record."""
    facts = dict(row._mapping)
    facts["status"] = MessageStatus(facts["status"])
    facts["past_receipts"] = tuple(facts["past_receipts"] or ())
    facts["rendered"] = tuple(facts["rendered"] or ())
    facts["citations"] = tuple(citation_of(entry) for entry in facts["citations"] or ())
    facts["tool_uses"] = tuple(ToolUse.from_facts(use) for use in facts["tool_uses"] or ())
    return ChatMessage(**facts)


def message_row(message: ChatMessage) -> dict[str, Any]:
    """A record as a row, its bill added up."""
    facts = {field.name: getattr(message, field.name) for field in dataclasses.fields(message)}
    receipts = [*message.past_receipts, *([message.receipt] if message.receipt else [])]
    bill = bill_of(receipts)
    sums = {name: getattr(bill, name) if receipts else None for name in (*SUMS, "method")}
    return (
        facts
        | sums
        | {
            "receipt": message.receipt,
            "past_receipts": list(message.past_receipts) or None,
            "rendered": list(message.rendered) or None,
            "citations": [citation.facts() for citation in message.citations] or None,
            "tool_uses": [dataclasses.asdict(use) for use in message.tool_uses] or None,
        }
    )
