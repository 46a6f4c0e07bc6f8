"""Tool servers of the Model Context Protocol, from the configuration alone.

Nothing a page or a model says adds one. Each lives in a task of its own: a session must end where it began.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from galerne.chat.tools.records import Run, Tool
from galerne.errors import ToolFailed

if TYPE_CHECKING:
    from mcp import Client

_START_S = 20.0
_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 64

Asked: TypeAlias = "Callable[[Client], Awaitable[Any]]"


@dataclass(frozen=True, kw_only=True, slots=True)
class McpSettings:
    """One server.

    Attributes:
        name: prefix of its tools.
        command: program and arguments of a local server; empty for one that has an address.
        environment: what the program sees beside the usual.
        url: of a running server.
        trusted: its tools run without asking.
    """

    name: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    trusted: bool = False


class McpServer:
    """A server's session, opened when its tools are first asked for, and again after it broke."""

    def __init__(self, settings: McpSettings) -> None:
        self._settings = settings
        self.problem = ""
        self._asked: asyncio.Queue[tuple[Asked, asyncio.Future[Any]] | None] = asyncio.Queue()
        self._session: asyncio.Task[None] | None = None
        self._tools: tuple[Tool, ...] | None = None

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self._settings.name

    async def tools(self) -> tuple[Tool, ...]:
        """Its tools; none while it does not start, and ``problem`` says why."""
        if self._tools is None:
            try:
                async with asyncio.timeout(_START_S):
                    listed = await self._ask(lambda client: client.list_tools())
            except TimeoutError:
                self.problem = f"no reply within {_START_S:g} s"
                return ()
            except ToolFailed as error:
                self.problem = error.problem
                return ()
            self.problem = ""
            self._tools = tuple(self._tool(row) for row in listed.tools)
        return self._tools

    async def close(self) -> None:
        """End the session and its program."""
        if self._session is not None:
            self._asked.put_nowait(None)
            await asyncio.gather(self._session, return_exceptions=True)

    def _tool(self, row: Any) -> Tool:
        return Tool(
            name=_NAME.sub("_", f"{self.name}__{row.name}")[:_LONGEST_NAME],
            description=row.description or "",
            parameters=row.input_schema,
            run=self._run(row.name),
            asks=not self._settings.trusted,
            origin=self.name,
        )

    def _run(self, name: str) -> Run:
        async def call(arguments: Mapping[str, Any]) -> str:
            result = await self._ask(lambda client: client.call_tool(name, dict(arguments)))
            text = "\n".join(getattr(part, "text", f"[{part.type}]") for part in result.content)
            if result.is_error:
                raise ToolFailed(tool=name, problem=text[:500])
            return text

        return call

    async def _ask(self, asked: Asked) -> Any:
        if self._session is None or self._session.done():
            self._session = asyncio.create_task(self._serve(), name=f"galerne-mcp-{self.name}")
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.put_nowait((asked, reply))
        waited = asyncio.ensure_future(reply)
        await asyncio.wait({waited, self._session}, return_when=asyncio.FIRST_COMPLETED)
        if not waited.done():
            waited.cancel()
            self._tools = None
            raise ToolFailed(tool=self.name, problem=_cause(self._session))
        return waited.result()

    async def _serve(self) -> None:
        from mcp import Client  # noqa: PLC0415  # half a second, for those who configure a server

        async with Client(self._transport()) as client:
            while (taken := await self._asked.get()) is not None:
                asked, reply = taken
                try:
                    result = await asked(client)
                except Exception as error:  # noqa: BLE001  # whatever a stranger's server does, the caller is told
                    if not reply.done():
                        reply.set_exception(ToolFailed(tool=self.name, problem=str(error)[:500]))
                else:
                    if not reply.done():
                        reply.set_result(result)

    def _transport(self) -> Any:
        from mcp import StdioServerParameters  # noqa: PLC0415

        if self._settings.url:
            return self._settings.url
        program, *arguments = self._settings.command
        environment = dict(self._settings.environment)
        return StdioServerParameters(command=program, args=arguments, env=environment)


def _cause(session: asyncio.Task[None]) -> str:
    error = None if session.cancelled() else session.exception()
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)[:500] if error else "the server ended"
