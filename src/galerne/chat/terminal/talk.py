"""A conversation in the terminal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import HTML
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from rich.console import Console
from rich.text import Text

from galerne.chat.client import ApiClient
from galerne.chat.receipt_view import PACKAGE
from galerne.chat.terminal.answer import TerminalAnswer, settled_receipt, show_answer, show_receipt_line
from galerne.chat.terminal.chain import chain_screen
from galerne.chat.terminal.sheets import print_receipt, print_usage
from galerne.errors import AnswerRefused, GalerneError
from galerne.language import Language, phrases

_FENCE = '"""'


async def run_chat(
    client: ApiClient, *, language: Language, console: Console, model: str | None = None
) -> None:
    """Talk until Ctrl-D or ``/quit``.

    Args:
        client: the API, entered.
        language: of our own words.
        console: where to print.
        model: its id; ``None`` takes the first of the server.

    Raises:
        ServerUnreachable: nobody answers at the start.
    """
    talk = _Talk(client=client, language=language, console=console)
    talk.model = model or (await client.models())[0]["id"]
    talk.say("terminal_model", model=talk.model)
    talk.say("terminal_welcome")
    session: PromptSession[str] = PromptSession(history=InMemoryHistory(), key_bindings=_bindings())
    while True:
        try:
            text = await _read(session)
        except KeyboardInterrupt:
            continue
        except EOFError:
            break
        if text in {"/quit", "/exit"}:
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
    turns: list[dict[str, str]] = field(default_factory=list)
    last: TerminalAnswer | None = None

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
        turns = [*self.turns, {"role": "user", "content": question}]
        self.console.print()
        answer = await show_answer(
            self.client, turns, language=self.language, console=self.console, model=self.model
        )
        if answer.text:
            self.turns = [*turns, {"role": "assistant", "content": answer.text}]
        self.last = answer
        await show_receipt_line(self.client, answer, language=self.language, console=self.console)
        self.console.print()

    async def _command(self, text: str) -> None:
        name, _, argument = text[1:].partition(" ")
        commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "help": self._help,
            "new": self._new,
            "model": self._model,
            "receipt": self._receipt,
            "usage": self._usage,
            "chain": self._chain,
        }
        command = commands.get(name)
        if command is None:
            self.say("terminal_unknown", command=f"/{name}")
            return
        await command(argument.strip())

    async def _help(self, _: str) -> None:
        self.say("terminal_help")

    async def _new(self, _: str) -> None:
        self.turns, self.last = [], None
        self.say("terminal_new")

    async def _model(self, chosen: str) -> None:
        known = [str(entry["id"]) for entry in await self.client.models()]
        if chosen in known:
            self.model = chosen
        self.say("terminal_model", model=self.model)
        if not chosen or chosen not in known:
            self.say("terminal_models", models=", ".join(known))

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

    def _tell(self, error: GalerneError) -> None:
        say = phrases(PACKAGE, self.language)
        code = error.problem_code if isinstance(error, AnswerRefused) else error.code
        advice = say.get(f"advice_{code}", say["advice_other"])
        detail = error.hint if isinstance(error, AnswerRefused) and error.hint else str(error)
        self.console.print(Text(detail, style="red"))
        self.console.print(Text(advice, style="dim"))


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
