"""What a conversation belongs to, in the terminal: its project and its assistant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rich.console import Console
from rich.text import Text

from galerne.chat.bill.receipt import PACKAGE
from galerne.chat.client.conversations import ConversationsClient
from galerne.chat.history.search import fold
from galerne.language import Language, phrases

_NONE = "-"

Row: TypeAlias = Mapping[str, Any]


@dataclass(kw_only=True, slots=True)
class Homes:
    """Chosen for the conversation that is open, or for the next one.

    Attributes:
        project: ``None`` for none; its name stands under ``name``.
        assistant: likewise, with its model under ``model``.
        names: of the projects and of the assistants there are, as last known.
    """

    kept: ConversationsClient
    language: Language
    console: Console
    project: Row | None = None
    assistant: Row | None = None
    names: dict[str, list[str]] = field(default_factory=dict)

    def say(self, phrase: str, **facts: Any) -> None:
        """One of our own sentences."""
        text = phrases(PACKAGE, self.language)[phrase].format(**facts)
        self.console.print(Text(text, style="dim"))

    async def load(self) -> None:
        """Learn the names there are, for completion."""
        self.names["project"] = [str(row["name"]) for row in await self.kept.projects()]
        self.names["assistant"] = [str(row["name"]) for row in await self.kept.assistants()]

    async def choose_project(self, written: str, *, conversation_id: str | None) -> None:
        """Show the projects, or let the conversation belong to one; ``-`` for none."""
        rows = await self.kept.projects()

        async def move(row: Row | None) -> None:
            if conversation_id:
                await self.kept.move(conversation_id, project_id=str(row["id"]) if row else "")
            self.project = row

        await self._choose("project", written, rows, self.project, move)

    async def choose_assistant(self, written: str, *, conversation_id: str | None) -> str | None:
        """Show the assistants, or let the conversation have one; ``-`` for none. Returns its model."""
        rows = await self.kept.assistants()

        async def give(row: Row | None) -> None:
            if conversation_id:
                await self.kept.give(conversation_id, assistant_id=str(row["id"]) if row else "")
            self.assistant = row

        chosen = await self._choose("assistant", written, rows, self.assistant, give)
        return str(chosen["model"]) if chosen and chosen.get("model") else None

    def ids(self) -> dict[str, str]:
        """What a new conversation is told."""
        return {
            "project": str(self.project["id"]) if self.project else "",
            "assistant": str(self.assistant["id"]) if self.assistant else "",
        }

    async def _choose(
        self,
        kind: str,
        written: str,
        rows: Sequence[Row],
        now: Row | None,
        take: Callable[[Row | None], Awaitable[None]],
    ) -> Row | None:
        self.names[kind] = [str(row["name"]) for row in rows]
        if written == _NONE:
            await take(None)
            self.say(f"terminal_{kind}_none")
            return None
        if written and (row := _named(written, rows)):
            await take(row)
            self.say(f"terminal_{kind}", name=row["name"])
            return row
        if written:
            self.say("terminal_no_such_name", name=written)
        self._list(kind, rows, now)
        return None

    def _list(self, kind: str, rows: Sequence[Row], now: Row | None) -> None:
        if not rows:
            self.say(f"terminal_{kind}s_empty")
            return
        for number, row in enumerate(rows, start=1):
            here = now is not None and now["id"] == row["id"]
            purpose = f"  {row['purpose']}" if row.get("purpose") else ""
            mark = "▸ " if here else "  "
            self.console.print(
                Text.assemble((f"{mark}{number} ", "cyan"), str(row["name"]), (purpose, "dim"))
            )
        self.say(f"terminal_{kind}_how")


def _named(written: str, rows: Sequence[Row]) -> Row | None:
    """The row of this number or this name, whole or begun; ``None`` where it could be several."""
    if written.isdecimal() and 0 < int(written) <= len(rows):
        return rows[int(written) - 1]
    said = fold(written)
    exact = [row for row in rows if fold(str(row["name"])) == said]
    begun = [row for row in rows if fold(str(row["name"])).startswith(said)]
    found = exact or begun
    return found[0] if len(found) == 1 else None
