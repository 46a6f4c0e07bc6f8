import asyncio
import contextlib
import subprocess
import sys

import pytest

from galerne.cli.pages import on_demand

LOADED = "import sys, {modules}; print(*sorted(set(sys.modules) & set({looked_for!r})))"


def loaded(modules: str, *looked_for: str) -> list[str]:
    script = LOADED.format(modules=modules, looked_for=looked_for)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_help_loads_nothing_of_what_commands_do():
    heavy = (
        "numpy",
        "sqlalchemy",
        "fastapi",
        "pydantic",
        "httpx",
        "rich",
        "galerne.catalog",
        "galerne.storage",
    )
    assert loaded("galerne.cli.app", *heavy) == []


def test_a_command_that_finds_a_daemon_loads_nothing_of_one():
    heavy = ("numpy", "sqlalchemy", "fastapi", "uvicorn", "galerne.engines", "galerne.ledger", "galerne.perf")
    assert loaded("galerne.cli.commands.run", *heavy) == []


def test_one_question_loads_neither_pages_nor_a_conversation_nor_another_database():
    needed = "galerne.cli.commands.run, galerne.cli.serving, galerne.cli.front, galerne.chat.terminal.answer"
    unneeded = (
        "galerne.chat.web",
        "galerne.chat.history.store",
        "galerne.chat.terminal.talk",
        "galerne.site",
        "jinja2",
        "markdown_it",
        "prompt_toolkit",
        "sqlalchemy.dialects.postgresql",
    )
    assert loaded(needed, *unneeded) == []


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Opening:
    def __init__(self, failure: Exception | None = None) -> None:
        self.n_opened = self.n_closed = 0
        self.failure = failure

    @contextlib.asynccontextmanager
    async def __call__(self):
        self.n_opened += 1
        opener = asyncio.current_task()
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure

        async def application(scope, receive, send):
            await send(scope["path"])

        yield application
        assert asyncio.current_task() is opener
        self.n_closed += 1


async def asked(application, path: str) -> list[str]:
    sent = []

    async def send(message):
        sent.append(message)

    await application({"path": path}, None, send)
    return sent


@pytest.mark.anyio
async def test_what_nobody_asks_for_is_never_opened():
    opening = Opening()
    async with on_demand(opening):
        pass
    assert (opening.n_opened, opening.n_closed) == (0, 0)


@pytest.mark.anyio
async def test_the_first_requests_open_it_once_and_the_end_closes_it():
    opening = Opening()
    async with on_demand(opening) as application:
        assert await asyncio.gather(asked(application, "/a"), asked(application, "/b")) == [["/a"], ["/b"]]
        assert await asked(application, "/c") == ["/c"]
        assert (opening.n_opened, opening.n_closed) == (1, 0)
    assert opening.n_closed == 1


@pytest.mark.anyio
async def test_what_does_not_open_is_told_to_each_who_asks():
    async with on_demand(Opening(ValueError("no"))) as application:
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                await asked(application, "/")
