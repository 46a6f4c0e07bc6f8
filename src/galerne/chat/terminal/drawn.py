"""An answer drawn as Markdown while it comes, on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from rich.spinner import Spinner
from rich.text import Text

from galerne.chat.bill.receipt import PACKAGE
from galerne.chat.blocks import BlockStream, provisional
from galerne.chat.terminal.answer import OnText, TerminalAnswer
from galerne.chat.terminal.interrupt import until_interrupted
from galerne.language import Language, phrases

_CODE_THEME = "ansi_dark"


async def draw_answer(
    answer: TerminalAnswer,
    work: Callable[[OnText], Coroutine[Any, Any, None]],
    *,
    language: Language,
    console: Console,
) -> None:
    """Draw each block once it is finished, and the one being written live; Ctrl-C stops the answer."""
    answer.stream = stream = BlockStream()
    screen = _Screen(answer=answer, stream=stream, waiting=phrases(PACKAGE, language)["waiting"])
    with Live(screen, console=console, refresh_per_second=12, transient=True) as live:
        answer.paused = lambda: _paused(live)

        def on_text(_: str, n_sealed: int) -> None:
            print_blocks(live.console, stream.sealed[len(stream.sealed) - n_sealed :])

        answer.complete = await until_interrupted(work(on_text))
        n_before = len(stream.sealed)
        print_blocks(live.console, stream.finish()[n_before:])


@contextmanager
def _paused(live: Live) -> Iterator[None]:
    live.stop()
    try:
        yield
    finally:
        live.start()


def print_blocks(console: Console, blocks: Iterable[str]) -> None:
    """Draw finished blocks of Markdown."""
    for block in blocks:
        console.print(Markdown(block, code_theme=_CODE_THEME))
        console.print()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Screen:
    """The block still being written, or a sign that nothing came yet; never taller than the terminal."""

    answer: TerminalAnswer
    stream: BlockStream
    waiting: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.answer.text:
            yield Spinner("dots", text=Text(self.waiting, style="dim"))
            return
        tail = Markdown(provisional(self.stream.tail), code_theme=_CODE_THEME)
        lines = console.render_lines(tail, options.update(height=None), pad=False)
        for line in lines[-max(1, console.height - 2) :]:
            yield from line
            yield Segment.line()
