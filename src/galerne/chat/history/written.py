"""What becomes of an answer: text, what it stands on, tools it calls, what it cost, how it is drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from galerne.chat.bill.amounts import bill_of
from galerne.chat.documents.records import Citation
from galerne.chat.history.records import ChatMessage, MessageStatus
from galerne.chat.history.tables import SUMS, conversations, messages
from galerne.chat.history.threads import Threads
from galerne.chat.tools.records import ToolUse
from galerne.errors import UnknownConversation
from galerne.storage import writing


class WrittenAnswers(Threads):
    """Writes what the answers of one owner are by now. What was erased meanwhile is let go."""

    def save_answer(
        self,
        message_id: str,
        *,
        content: str,
        status: MessageStatus,
        model_id: str | None = None,
        problem_code: str | None = None,
        opens_at: float | None = None,
        receipt_id: str | None = None,
        receipt: Mapping[str, Any] | None = None,
    ) -> None:
        """Write what an answer is by now; what is not given stays as it was.

        Words alone of one that goes on do not wait for the disk: they are written again soon.
        """
        known = {
            "model_id": model_id,
            "problem_code": problem_code,
            "opens_at": opens_at,
            "receipt_id": receipt_id,
        }
        values = {"content": content, "status": status, **{k: v for k, v in known.items() if v is not None}}
        is_more_than_words = status is not MessageStatus.WRITING or len(values) > 2
        self._update(message_id, values, survives_power_loss=is_more_than_words)
        if receipt:
            self.save_receipt(message_id, receipt=receipt)

    def save_receipt(self, message_id: str, *, receipt: Mapping[str, Any]) -> None:
        """Write a revision of a receipt of this answer, the present one or a past one."""
        message = self.message(message_id)
        past = [dict(receipt if old["id"] == receipt["id"] else old) for old in message.past_receipts]
        is_past = any(old["id"] == receipt["id"] for old in past)
        latest = message.receipt if is_past else dict(receipt)
        bill = bill_of([*past, *([latest] if latest else [])])
        values = {name: getattr(bill, name) for name in (*SUMS, "method")} | {"past_receipts": past or None}
        if not is_past:
            values |= {"receipt": latest, "receipt_id": receipt["id"]}
        self._update(message_id, values)

    def save_tool_uses(self, message_id: str, uses: Sequence[ToolUse]) -> None:
        """Write the tools an answer has called so far."""
        self._update(message_id, {"tool_uses": [dataclasses.asdict(use) for use in uses] or None})

    def begin_round(self, message_id: str) -> None:
        """Put the receipt of a part that is written among the past ones: the next part has its own."""
        old = self.message(message_id)
        past = [*old.past_receipts, *([old.receipt] if old.receipt else [])]
        self._update(message_id, {"past_receipts": past or None, "receipt": None, "receipt_id": None})

    def allow_tool(self, conversation_id: str, name: str) -> None:
        """Remember that a tool may be used in a conversation without asking again."""
        allowed = {*self.conversation(conversation_id).allowed_tools, name}
        self._change(conversation_id, allowed_tools=sorted(allowed))

    def save_rendered(self, drawn: Mapping[str, Sequence[str]], *, by: str) -> None:
        """Keep the blocks of answers that change no more, by their ids, and who drew them."""
        statement = sa.update(messages).where(messages.c.id == sa.bindparam("message_id"), self._of_mine())
        statement = statement.values(rendered=sa.bindparam("blocks"), rendered_by=by)
        rows = [{"message_id": key, "blocks": list(blocks)} for key, blocks in drawn.items()]
        with writing(self._engine, survives_power_loss=False) as connection:
            connection.execute(statement, rows)

    def save_grounds(
        self,
        message_id: str,
        citations: Sequence[Citation],
        *,
        quoted: bool,
        receipts: Sequence[Mapping[str, Any]] = (),
    ) -> ChatMessage:
        """Write what an answer stands on, before it is written; return it as it is then."""
        past = [*self.message(message_id).past_receipts, *receipts]
        bill = bill_of(past)
        sums = {name: getattr(bill, name) for name in (*SUMS, "method")} if past else {}
        values = {"citations": [entry.facts() for entry in citations] or None, "quoted": quoted}
        self._update(message_id, values | sums | {"past_receipts": past or None})
        return self.message(message_id)

    def _update(
        self, message_id: str, values: Mapping[str, Any], *, survives_power_loss: bool = True
    ) -> None:
        statement = sa.update(messages).where(messages.c.id == message_id, self._of_mine())
        with writing(self._engine, survives_power_loss=survives_power_loss) as connection:
            connection.execute(statement.values(**values))

    def _change(self, conversation_id: str, **values: Any) -> None:
        statement = sa.update(conversations).where(self._is_mine(conversation_id))
        with writing(self._engine) as connection:
            if connection.execute(statement.values(**values)).rowcount == 0:
                raise UnknownConversation(conversation_id=conversation_id)
