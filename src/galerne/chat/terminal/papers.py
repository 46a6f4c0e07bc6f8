"""Documents in the terminal: hand one in, see what an answer stands on, read a passage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from galerne.chat.client.conversations import ConversationsClient
from galerne.chat.documents.prompt import PACKAGE
from galerne.errors import AnswerRefused
from galerne.images import sniff
from galerne.language import Language, phrases


@dataclass(kw_only=True, slots=True)
class Papers:
    """Documents handed in and not sent yet, and the commands about documents.

    Attributes:
        drafts: ids that go with the next question.
    """

    kept: ConversationsClient
    language: Language
    console: Console
    drafts: list[str] = field(default_factory=list)

    def say(self, phrase: str, **facts: Any) -> None:
        """One of our own sentences."""
        text = phrases(PACKAGE, self.language)[phrase].format(**facts)
        self.console.print(Text(text, style="dim"))

    async def attach(self, written: str) -> None:
        """Hand a file in; a failure is told and the conversation goes on."""
        path = Path(written.strip("'\"")).expanduser()
        if not written:
            self.say("terminal_attach_how")
            return
        try:
            content = path.read_bytes()
        except OSError as error:
            self.console.print(Text(f"{path}: {error.strerror}", style="red"))
            return
        self.say("terminal_attaching", name=path.name)
        try:
            document = await self.kept.hand_in(content, name=path.name)
        except AnswerRefused as error:
            self.console.print(Text(f"{path.name}: {error.hint or error}", style="red"))
            return
        self.drafts.append(str(document["id"]))
        self.say("terminal_attached", name=document["name"], facts=document["facts"])

    async def show_image(self, written: str) -> None:
        """Hand an image in, and nothing else."""
        path = Path(written.strip("'\"")).expanduser()
        try:
            with path.open("rb") as file:
                is_image = bool(sniff(file.read(16)))
        except OSError as error:
            is_image = bool(written)
            if is_image:
                self.console.print(Text(f"{path}: {error.strerror}", style="red"))
                return
        if not is_image:
            self.say("terminal_image_how")
            return
        await self.attach(written)

    def sent(self) -> list[str]:
        """The drafts, which go with a question now."""
        ids, self.drafts = self.drafts, []
        return ids

    async def show_list(self, conversation_id: str | None) -> None:
        """The documents of the conversation."""
        rows = await self.kept.documents(conversation_id) if conversation_id else []
        if not rows:
            self.say("terminal_no_documents")
        for row in rows:
            self.console.print(Text.assemble(str(row["name"]), (f"  {row['facts']}", "dim")))

    def show_sources(self, turn: Mapping[str, Any]) -> None:
        """The passages that an answer names, by number."""
        named = [source for source in turn.get("sources", ()) if source["cited"]]
        for source in named:
            place = f", {source['place']}" if source["place"] else ""
            self.console.print(Text(f"[{source['n']}] {source['name']}{place}", style="cyan"))
        if named:
            self.say("terminal_cite_how")

    async def cite(self, answer_id: str, number: str) -> None:
        """A passage, word for word."""
        if not answer_id or not number.isdecimal():
            self.say("terminal_cite_how")
            return
        try:
            passage = await self.kept.passage(answer_id, int(number))
        except AnswerRefused:
            self.say("terminal_cite_how")
            return
        place = f", {passage['place']}" if passage["place"] else ""
        self.console.print(Text(f"[{passage['n']}] {passage['name']}{place}", style="bold"))
        if passage["text"] is None:
            self.say("passage_gone")
            return
        self.console.print(Padding(Text(_inert(str(passage["text"]))), (0, 2)))
        self.say("passage_text")


def _inert(text: str) -> str:
    """Text of a stranger without what would steer the terminal."""
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)
