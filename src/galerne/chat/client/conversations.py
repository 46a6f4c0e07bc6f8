"""The conversations of a daemon: what the terminal needs to be another screen of them than the browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx

from galerne.chat.client.api import ApiClient
from galerne.chat.client.event_lines import event_lines
from galerne.chat.tools.records import Decision, ToolUse


class ConversationsClient:
    """Asks and reads where the browser does, so that both show the same conversations.

    Args:
        client: the connection to the daemon, entered.
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def ask(
        self,
        question: str,
        *,
        conversation_id: str | None,
        model: str,
        documents: Sequence[str] = (),
        project: str = "",
        assistant: str = "",
    ) -> dict[str, Any]:
        """Ask; ``answer`` and ``conversation`` of the reply are ids.

        Args:
            question: may begin with ``@name`` of an assistant.
            conversation_id: ``None`` for a new one.
            model: which is to answer.
            documents: ids of drafts that go with it.
            project: id of the one to which a new conversation belongs.
            assistant: id of the one that a new conversation has.
        """
        form = {"question": question, "conversation": conversation_id or "", "model": model}
        homes = {"project": project, "assistant": assistant} if conversation_id is None else {}
        return await self._post("/ui/answers", {**form, **homes, "documents": " ".join(documents)})

    async def edit(self, message_id: str, question: str, *, model: str) -> dict[str, Any]:
        """Ask a question again in other words, as a branch."""
        return await self._post(f"/ui/messages/{message_id}/edit", {"question": question, "model": model})

    async def resume(self, answer_id: str) -> dict[str, Any]:
        """Go on with an answer that was cut or stopped."""
        return await self._post(f"/ui/messages/{answer_id}/continue", {})

    async def branches(self, conversation_id: str) -> list[dict[str, Any]]:
        """Where the conversation forks, along the branch that is shown: every message that stands there."""
        return await self._rows(f"/ui/conversations/{conversation_id}/branches", {})

    async def show(self, message_id: str) -> None:
        """Show the branch that goes through a message."""
        await self._post(f"/ui/messages/{message_id}/show", {})

    async def projects(self) -> list[dict[str, Any]]:
        """Every project, by name."""
        return await self._rows("/ui/projects", {})

    async def move(self, conversation_id: str, *, project_id: str) -> None:
        """Let a conversation belong to a project; empty for none."""
        path = f"/ui/conversations/{conversation_id}/move"
        await self._client.send("POST", path, data={"project": project_id})

    async def assistants(self) -> list[dict[str, Any]]:
        """Every assistant, by name."""
        return await self._rows("/ui/assistants", {})

    async def give(self, conversation_id: str, *, assistant_id: str) -> None:
        """Let a conversation have an assistant; empty for none."""
        path = f"/ui/conversations/{conversation_id}/assistant"
        await self._client.send("POST", path, data={"assistant": assistant_id})

    async def hand_in(self, content: bytes, *, name: str) -> dict[str, Any]:
        """Attach a file to the next question; ``id`` of the reply names it."""
        reply = await self._client.send("POST", "/ui/documents", params={"name": name}, content=content)
        document: dict[str, Any] = reply.json()
        return document

    async def documents(self, conversation_id: str) -> list[dict[str, Any]]:
        """The documents of a conversation."""
        return await self._rows("/ui/documents", {"conversation": conversation_id})

    async def passage(self, answer_id: str, n: int) -> dict[str, Any]:
        """What ``[n]`` of an answer stands on."""
        passage: dict[str, Any] = (await self._get(f"/ui/passages/{answer_id}/{n}")).json()
        return passage

    async def regenerate(self, answer_id: str, *, model: str) -> dict[str, Any]:
        """Ask for another answer, as a branch."""
        return await self._post(f"/ui/messages/{answer_id}/regenerate", {"model": model})

    async def words(self, answer_id: str) -> AsyncIterator[str | ToolUse]:
        """The answer as Markdown, as it is written, and what becomes of the tools it calls."""
        event = ""
        async with self._client.stream("GET", f"/ui/answers/{answer_id}/words") as response:
            async for line in event_lines(response):
                if line.startswith("event:"):
                    event = line[6:].strip()
                elif line.startswith("data:"):
                    facts = json.loads(line[5:])
                    yield ToolUse.from_facts(facts) if event == "tool" else str(facts.get("text", ""))

    async def decide(self, answer_id: str, use_id: str, decision: Decision) -> None:
        """Answer a tool that asks."""
        path = f"/ui/answers/{answer_id}/tools/{use_id}"
        await self._client.send("POST", path, data={"decision": decision.value})

    async def stop(self, answer_id: str) -> None:
        """Stop an answer; what is written stays."""
        await self._client.send("POST", f"/ui/answers/{answer_id}/stop")

    async def history(self, *, limit: int = 20) -> list[dict[str, Any]]:
        """The latest conversations."""
        return await self._rows("/ui/history", {"limit": str(limit)})

    async def search(self, query: str) -> list[dict[str, Any]]:
        """The conversations that hold every word."""
        return await self._rows("/ui/search", {"q": query})

    async def open(self, conversation_id: str) -> dict[str, Any]:
        """A conversation with the messages of the branch that is shown."""
        path = f"/ui/conversations/{conversation_id}/turns"
        document: dict[str, Any] = (await self._get(path)).json()
        return document

    async def export(self, conversation_id: str, *, kind: str) -> str:
        """A conversation as ``md``, ``html`` or ``json``."""
        path = f"/ui/conversations/{conversation_id}/export"
        return (await self._get(path, {"format": kind})).text

    async def _rows(self, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self._get(path, query)).json()["data"]
        return rows

    async def _get(self, path: str, query: dict[str, str] | None = None) -> httpx.Response:
        return await self._client.send("GET", path, params=query or {})

    async def _post(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        document: dict[str, Any] = (await self._client.send("POST", path, data=form)).json()
        return document
