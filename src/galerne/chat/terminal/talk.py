"""A conversation in the terminal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import HTML
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from rich.console import Console
from rich.text import Text

from galerne.chat.bill.receipt import PACKAGE
from galerne.chat.client.api import ApiClient
from galerne.chat.client.conversations import ConversationsClient
from galerne.chat.terminal.agreement import ask_decision
from galerne.chat.terminal.answer import (
    OnText,
    TerminalAnswer,
    settled_receipt,
    show_answer,
    show_receipt_line,
    take,
)
from galerne.chat.terminal.chain import chain_screen
from galerne.chat.terminal.completion import CommandCompleter, described
from galerne.chat.terminal.forks import Forks
from galerne.chat.terminal.homes import Homes
from galerne.chat.terminal.papers import Papers
from galerne.chat.terminal.sheets import print_conversations, print_receipt, print_thread, print_usage
from galerne.chat.tools.records import ToolUse, UseStatus
from galerne.errors import AnswerRefused, GalerneError
from galerne.language import Language, phrases

_NOT_FOUND = 404
_FENCE = '"""'
_LEAVE = frozenset({"/quit", "/exit", "/bye"})
_SAME = MappingProxyType({"?": "help", "clear": "new", "load": "model", "list": "model", "save": "export"})
"""Words of other programs for commands of ours."""
_ELSEWHERE = frozenset({"set", "show"})
"""Their commands that we do otherwise: ``terminal_habit_<command>`` says how."""


async def run_chat(
    client: ApiClient,
    *,
    language: Language,
    console: Console,
    model: str | None = None,
    files: Sequence[Path] = (),
) -> None:
    """Talk until Ctrl-D or ``/quit``.

    Args:
        client: the API, entered.
        language: of our own words.
        console: where to print.
        model: its id; ``None`` takes the first of the server.
        files: documents that go with the first question.

    Raises:
        ServerUnreachable: nobody answers at the start.
    """
    talk = _Talk(client=client, language=language, console=console)
    talk.models = [str(entry["id"]) for entry in await client.models()]
    talk.model = model or talk.models[0]
    talk.say("terminal_model", model=talk.model)
    talk.say("terminal_welcome")
    for path in files:
        await talk.papers.attach(str(path))
    session = await _session(talk)
    while True:
        try:
            text = await _read(session)
        except KeyboardInterrupt:
            continue
        except EOFError:
            break
        if text in _LEAVE:
            break
        if text:
            await talk.take(text)
    talk.say("terminal_bye")


@dataclass(kw_only=True, slots=True)
class _Talk:
    client: ApiClient
    language: Language
    console: Console
    model: str = ""
    models: list[str] = field(default_factory=list)
    conversation_id: str | None = None
    answer_id: str = ""
    last: TerminalAnswer | None = None
    last_question_id: str = ""
    listed: list[str] = field(default_factory=list)
    kept: ConversationsClient = field(init=False)
    papers: Papers = field(init=False)
    homes: Homes = field(init=False)
    forks: Forks = field(init=False)

    def __post_init__(self) -> None:
        self.kept = ConversationsClient(self.client)
        self.papers = Papers(kept=self.kept, language=self.language, console=self.console)
        self.homes = Homes(kept=self.kept, language=self.language, console=self.console)
        self.forks = Forks(kept=self.kept, language=self.language, console=self.console)

    def say(self, phrase: str, **facts: Any) -> None:
        text = phrases(PACKAGE, self.language)[phrase].format(**facts)
        self.console.print(Text(text, style="dim"))

    async def take(self, text: str) -> None:
        """Do a command or ask a question; a failure is told and the conversation goes on."""
        try:
            if text.startswith("/"):
                await self._command(text)
            else:
                await self._ask(text)
        except GalerneError as error:
            self._tell(error)

    async def _ask(self, question: str) -> None:
        asked = await self.kept.ask(
            question,
            conversation_id=self.conversation_id,
            model=self.model,
            documents=self.papers.sent(),
            **self.homes.ids(),
        )
        if asked.get("assistant"):  # it was named with @
            await self._assistant(str(asked["assistant"]["name"]))
        await self._follow(asked)

    async def _follow(self, asked: dict[str, Any]) -> None:
        """Show an answer that the daemon writes; it stays in the history, whoever looks."""
        self.conversation_id, self.answer_id = str(asked["conversation"]), str(asked["answer"])
        answer = TerminalAnswer()

        async def work(on_text: OnText) -> None:
            async for part in self.kept.words(self.answer_id):
                if isinstance(part, ToolUse):
                    await self._show_use(part, answer)
                else:
                    take(answer, part, on_text)

        self.console.print()
        await show_answer(answer, work, language=self.language, console=self.console)
        if not answer.complete:
            await self.kept.stop(self.answer_id)
        turns = (await self.kept.open(self.conversation_id))["data"]
        kept = next(turn for turn in turns if turn["id"] == self.answer_id)
        self.last_question_id = _last_question(turns)
        answer.receipt, answer.receipt_id = kept["receipt"], kept["receipt_id"]
        if kept["status"] == "failed":
            self._advise(str(kept["problem"]))
            return
        self.last = answer
        if kept["status"] == "cut":
            self.say("terminal_cut")
        self.papers.show_sources(kept)
        if kept["quoted"]:
            self.papers.say("quoted_text", model=self.model)
            return
        await show_receipt_line(self.client, answer, language=self.language, console=self.console)
        self.console.print()

    async def _show_use(self, use: ToolUse, answer: TerminalAnswer) -> None:
        """Say what a tool was asked and what became of it; ask the person where it asks."""
        if use.status is UseStatus.RUNNING:
            return
        say = phrases(PACKAGE, self.language)
        status = say[f"tool_is_{use.status.value}"]
        self.say("terminal_tool", name=use.name, arguments=use.arguments, status=status)
        if use.status is UseStatus.ASKED:
            with answer.paused():
                decision = await ask_decision(say["terminal_tool_ask"])
            await self.kept.decide(self.answer_id, use.id, decision)

    @property
    def commands(self) -> dict[str, Callable[[str], Awaitable[None]]]:
        """What may be typed after a slash; the help text tells the same."""
        return {
            "help": self._help,
            "new": self._new,
            "edit": self._edit,
            "regenerate": self._regenerate,
            "continue": self._continue,
            "branch": self._branch,
            "model": self._model,
            "assistant": self._assistant,
            "project": self._project,
            "attach": self.papers.attach,
            "image": self.papers.show_image,
            "documents": self._documents,
            "cite": self._cite,
            "history": self._history,
            "search": self._search,
            "open": self._open,
            "export": self._export,
            "receipt": self._receipt,
            "usage": self._usage,
            "chain": self._chain,
        }

    async def _command(self, text: str) -> None:
        name, _, argument = text[1:].partition(" ")
        command = self.commands.get(_SAME.get(name, name))
        if name in _ELSEWHERE:
            self.say(f"terminal_habit_{name}", model=self.model)
            return
        if command is None:
            self.say("terminal_unknown", command=f"/{name}")
            return
        await command(argument.strip())

    async def _help(self, _: str) -> None:
        self.say("terminal_help")

    async def _new(self, _: str) -> None:
        self.conversation_id, self.answer_id, self.last_question_id, self.last = None, "", "", None
        self.homes.project = self.homes.assistant = None
        self.say("terminal_new")

    async def _edit(self, question: str) -> None:
        if not question or not self.last_question_id:
            self.say("terminal_edit_how")
            return
        await self._follow(await self.kept.edit(self.last_question_id, question, model=self.model))

    async def _continue(self, _: str) -> None:
        if not self.answer_id:
            self.say("terminal_no_answer")
            return
        try:
            resumed = await self.kept.resume(self.answer_id)
        except AnswerRefused as error:
            if error.status != _NOT_FOUND:
                raise
            self.say("terminal_answer_whole")
            return
        await self._follow(resumed)

    async def _branch(self, number: str) -> None:
        if await self.forks.show(self.conversation_id, number):
            await self._show(str(self.conversation_id))

    async def _assistant(self, name: str) -> None:
        model = await self.homes.choose_assistant(name, conversation_id=self.conversation_id)
        if model and model != self.model:
            await self._model(model)

    async def _project(self, name: str) -> None:
        await self.homes.choose_project(name, conversation_id=self.conversation_id)

    async def _model(self, chosen: str) -> None:
        self.models = [str(entry["id"]) for entry in await self.client.models()]
        if chosen in self.models:
            self.model = chosen
        self.say("terminal_model", model=self.model)
        if chosen not in self.models:
            self.say("terminal_models", models=", ".join(self.models))

    async def _receipt(self, _: str) -> None:
        receipt = await settled_receipt(self.client, self.last) if self.last else None
        if receipt is None:
            self.say("terminal_no_receipt")
            return
        print_receipt(receipt, language=self.language, console=self.console)

    async def _usage(self, _: str) -> None:
        print_usage(await self.client.usage(), language=self.language, console=self.console)

    async def _chain(self, _: str) -> None:
        await chain_screen(self.client, language=self.language, console=self.console, once=True)

    async def _history(self, _: str) -> None:
        self._list(await self.kept.history())

    async def _search(self, query: str) -> None:
        self._list(await self.kept.search(query))

    def _list(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            self.say("terminal_nothing_found")
            return
        self.listed = [str(row["id"]) for row in rows]
        print_conversations(rows, console=self.console)
        self.say("terminal_open_hint")

    async def _open(self, number: str) -> None:
        if not number.isdecimal() or not 0 < int(number) <= len(self.listed):
            self.say("terminal_open_which")
            return
        await self._show(self.listed[int(number) - 1])

    async def _show(self, conversation_id: str) -> None:
        """Show a conversation and go on with it."""
        document = await self.kept.open(conversation_id)
        self.conversation_id, self.last = str(document["id"]), None
        self.answer_id = next((t["id"] for t in reversed(document["data"]) if t["role"] == "assistant"), "")
        self.last_question_id = _last_question(document["data"])
        self.homes.project, self.homes.assistant = document.get("project"), document.get("assistant")
        print_thread(document, language=self.language, console=self.console)

    async def _documents(self, _: str) -> None:
        await self.papers.show_list(self.conversation_id)

    async def _cite(self, number: str) -> None:
        await self.papers.cite(self.answer_id, number)

    async def _regenerate(self, _: str) -> None:
        if not self.answer_id:
            self.say("terminal_no_answer")
            return
        await self._follow(await self.kept.regenerate(self.answer_id, model=self.model))

    async def _export(self, argument: str) -> None:
        path = Path(argument).expanduser()
        kind = path.suffix[1:].lower()
        if self.conversation_id is None or kind not in {"md", "html", "json"}:
            self.say("terminal_export_how")
            return
        text = await self.kept.export(self.conversation_id, kind=kind)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            self.console.print(Text(f"{path}: {error.strerror}", style="red"))
            return
        self.say("terminal_exported", path=path)

    def _tell(self, error: GalerneError) -> None:
        code = error.problem_code if isinstance(error, AnswerRefused) else error.code
        detail = error.hint if isinstance(error, AnswerRefused) and error.hint else str(error)
        self.console.print(Text(detail, style="red"))
        self._advise(code)

    def _advise(self, code: str) -> None:
        say = phrases(PACKAGE, self.language)
        if f"advice_{code}" not in say:
            self.console.print(Text(code, style="red"))
        self.console.print(Text(say.get(f"advice_{code}", say["advice_other"]), style="dim"))


def _last_question(turns: Sequence[dict[str, Any]]) -> str:
    return next((str(turn["id"]) for turn in reversed(turns) if turn["role"] == "user"), "")


async def _session(talk: _Talk) -> PromptSession[str]:
    """Where a person types: history by the arrows, commands and names by Tab."""
    try:
        await talk.homes.load()
    except GalerneError:
        talk.homes.names.clear()  # typed in full, they work all the same
    names = talk.homes.names
    completer = CommandCompleter(
        described(phrases(PACKAGE, talk.language)["terminal_help"]),
        {
            "model": lambda: talk.models,
            "project": lambda: names.get("project", []),
            "assistant": lambda: names.get("assistant", []),
            "@": lambda: names.get("assistant", []),
        },
    )
    return PromptSession(
        history=InMemoryHistory(),
        key_bindings=_bindings(),
        completer=completer,
        complete_while_typing=False,
        reserve_space_for_menu=6,
    )


async def _read(session: PromptSession[str]) -> str:
    """One message; ``\"\"\"`` opens and closes a longer one."""
    text = str(await session.prompt_async(HTML("<b><ansicyan>≋ </ansicyan></b>")))
    while text.lstrip().startswith(_FENCE) and text.count(_FENCE) < 2:
        text += "\n" + str(await session.prompt_async("… "))
    return text.strip().removeprefix(_FENCE).removesuffix(_FENCE).strip()


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return bindings
