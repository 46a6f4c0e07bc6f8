"""The other ways a conversation went, in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text

from galerne.chat.bill.receipt import PACKAGE
from galerne.chat.client.conversations import ConversationsClient
from galerne.language import Language, phrases


@dataclass(kw_only=True, slots=True)
class Forks:
    """Lists where a conversation forks, and shows another of its ways.

    Attributes:
        listed: ids of the messages, as numbered last.
    """

    kept: ConversationsClient
    language: Language
    console: Console
    listed: list[str] = field(default_factory=list)

    async def show(self, conversation_id: str | None, number: str) -> bool:
        """List the ways, or show the one of this number; tell whether another is shown now."""
        if conversation_id is None:
            self._say("terminal_no_branches")
            return False
        if number.isdecimal() and 0 < int(number) <= len(self.listed):
            await self.kept.show(self.listed[int(number) - 1])
            return True
        rows = await self.kept.branches(conversation_id)
        self.listed = [str(row["id"]) for row in rows]
        self._list(rows)
        self._say("terminal_branch_how" if rows else "terminal_no_branches")
        return False

    def _list(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for number, row in enumerate(rows, start=1):
            if number > 1 and row["n"] == 1:
                self.console.print()
            mark = "▸" if row["shown"] else " "
            who = ("≋ ", "bold cyan") if row["role"] == "user" else (f"{row['model'] or ''}: ", "dim")
            line = Text.assemble((f"{mark} {number:>2}  ", "cyan"), who, str(row["excerpt"]))
            self.console.print(line, no_wrap=True, overflow="ellipsis")

    def _say(self, phrase: str) -> None:
        self.console.print(Text(phrases(PACKAGE, self.language)[phrase], style="dim"))
