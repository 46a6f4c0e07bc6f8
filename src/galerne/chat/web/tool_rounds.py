"""Tools inside an answer: which the model may call, who agrees, and what becomes of each call."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence

from galerne.chat.client.answer import ToolCalled
from galerne.chat.client.api import ApiClient
from galerne.chat.documents.grounding import Found
from galerne.chat.documents.prompt import Source
from galerne.chat.documents.records import MOST_CITATIONS
from galerne.chat.history.records import Manner
from galerne.chat.history.temporary import Stores
from galerne.chat.tools.document_search import Cite, Find, bound_search
from galerne.chat.tools.records import Decision, Tool, ToolUse, UseStatus
from galerne.chat.tools.toolbox import Toolbox, run_tool
from galerne.chat.web.writing import WritingAnswer
from galerne.errors import ToolFailed


class ToolRounds:
    """Runs what models call, once a person agrees where one is asked.

    Args:
        client: the API, entered: which models call tools of their own accord.
        stores: where what becomes of each call is kept.
        toolbox: what models may call.
    """

    def __init__(self, client: ApiClient, stores: Stores, toolbox: Toolbox) -> None:
        self._client = client
        self._stores = stores
        self._toolbox = toolbox

    async def offered(
        self, answer: WritingAnswer, model: str | None, manner: Manner, *, find: Find | None
    ) -> tuple[Tool, ...]:
        """What the model may call; nothing where it does not call of its own accord.

        Args:
            answer: in which.
            model: which is to write it; ``None`` for the first of the server.
            manner: of its conversation.
            find: looks into the documents that it may read; ``None`` where there are none.
        """
        if manner.tools == ():
            return ()
        models = await self._client.models()
        chosen = next((entry for entry in models if entry["id"] == model), models[0] if models else {})
        if not chosen.get("capabilities", {}).get("function_calling"):
            return ()
        tools = await self._toolbox.chosen(manner.tools)
        if find is None:
            return tuple(tool for tool in tools if not tool.needs_documents)
        search = bound_search(find, cite=self._cite_in(answer))
        return tuple(
            dataclasses.replace(tool, run=search) if tool.needs_documents else tool for tool in tools
        )

    def _cite_in(self, answer: WritingAnswer) -> Cite:
        """Gives passages numbers in an answer: those it was given before keep theirs."""
        writing = asyncio.Lock()  # searches of one round run together

        async def cite(found: Found) -> dict[int, Source]:
            async with writing:
                known = list(answer.message.citations)
                known += [citation for citation, _ in found.sources if citation not in known]
                known = known[:MOST_CITATIONS]
                save = self._stores.of(answer.message.id).save_grounds
                answer.message = await asyncio.to_thread(
                    save, answer.message.id, known, quoted=False, receipts=found.receipts
                )
            return {known.index(source[0]) + 1: source for source in found.sources if source[0] in known}

        return cite

    async def use(self, answer: WritingAnswer, calls: Sequence[ToolCalled], tools: Sequence[Tool]) -> None:
        """Run what was called together, each as soon as it may."""
        by_name = {tool.name: tool for tool in tools}
        round_ = max((use.round for use in answer.uses), default=0) + 1
        uses = [
            ToolUse(
                id=call.id or f"{answer.message.id}-{round_}-{n}",
                name=call.name,
                arguments=call.arguments,
                at_characters=len(answer.text),
                round=round_,
            )
            for n, call in enumerate(calls)
        ]
        for use in uses:
            await answer.show_use(use)
        await asyncio.gather(*(self._use_one(answer, use, by_name.get(use.name)) for use in uses))

    async def _use_one(self, answer: WritingAnswer, use: ToolUse, tool: Tool | None) -> None:
        if tool is None:
            await self._note(answer, use, UseStatus.FAILED, "there is no such tool")
            return
        if tool.asks and not await self._is_agreed(answer, use):
            await self._note(answer, use, UseStatus.DENIED, "the user does not want this tool to be used")
            return
        await self._note(answer, use, UseStatus.RUNNING)
        try:
            result = await run_tool(tool, use.arguments)
        except ToolFailed as error:
            await self._note(answer, use, UseStatus.FAILED, error.problem)
        else:
            await self._note(answer, use, UseStatus.DONE, result)

    async def _is_agreed(self, answer: WritingAnswer, use: ToolUse) -> bool:
        store, conversation_id = self._stores.of(answer.message.id), answer.message.conversation_id
        if use.name in (await asyncio.to_thread(store.conversation, conversation_id)).allowed_tools:
            return True
        await self._note(answer, use, UseStatus.ASKED)
        decision = await answer.decision(use)
        if decision is Decision.CONVERSATION:
            await asyncio.to_thread(store.allow_tool, conversation_id, use.name)
        return decision is not Decision.DENY

    async def _note(self, answer: WritingAnswer, use: ToolUse, status: UseStatus, result: str = "") -> None:
        await answer.show_use(dataclasses.replace(use, status=status, result=result))
        store = self._stores.of(answer.message.id)
        await asyncio.to_thread(store.save_tool_uses, answer.message.id, answer.uses)

    def close(self, answer: WritingAnswer) -> None:
        """A tool that was still asked for or running when the answer ended is used no more."""
        for n, use in enumerate(answer.uses):
            if use.status in {UseStatus.ASKED, UseStatus.RUNNING}:
                answer.uses[n] = dataclasses.replace(use, status=UseStatus.DENIED, result="stopped")
        if answer.uses:
            self._stores.of(answer.message.id).save_tool_uses(answer.message.id, answer.uses)
