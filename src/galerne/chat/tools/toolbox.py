"""The tools there are: our own, and those of the servers in the configuration."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Any, Self

from galerne.chat.tools.mcp_servers import McpServer
from galerne.chat.tools.records import Tool
from galerne.errors import ToolFailed

RUN_S = 60.0
"""Longest run of a tool."""
LONGEST_RESULT = 20_000
"""Characters of a result that the model is given."""


class Toolbox:
    """Offers tools and runs them; use as an async context manager where servers are configured.

    Args:
        tools: our own.
        servers: others, started when first asked for.
    """

    def __init__(self, tools: Sequence[Tool] = (), servers: Sequence[McpServer] = ()) -> None:
        self._own = tuple(tools)
        self._servers = tuple(servers)

    def asking(self, tools: Sequence[Tool]) -> Toolbox:
        """The same box for somebody else: its tools of these names are replaced, its servers are shared."""
        theirs = {tool.name: tool for tool in tools}
        return Toolbox([theirs.get(tool.name, tool) for tool in self._own], self._servers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(server.close() for server in self._servers))

    async def tools(self) -> tuple[Tool, ...]:
        """Every tool; those of a server that does not start are left out, and it is said in ``problems``."""
        offered = await asyncio.gather(*(server.tools() for server in self._servers))
        return (*self._own, *(tool for tools in offered for tool in tools))

    def problems(self) -> dict[str, str]:
        """Servers that could not be used, and why."""
        return {server.name: server.problem for server in self._servers if server.problem}

    async def chosen(self, names: Collection[str] | None) -> tuple[Tool, ...]:
        """The tools of these names; ``None`` for those that need no one's agreement."""
        tools = await self.tools() if names is None or set(names) - self._own_names() else self._own
        return tuple(tool for tool in tools if (not tool.asks if names is None else tool.name in names))

    def _own_names(self) -> set[str]:
        return {tool.name for tool in self._own}


async def run_tool(tool: Tool, arguments: str) -> str:
    """Check what a model wrote against the tool's schema and run it.

    Raises:
        ToolFailed: the arguments are not what the tool takes, or it failed; the reason is for the model too.
    """
    import jsonschema  # noqa: PLC0415  # only who calls a tool waits for it

    try:
        given: Any = json.loads(arguments or "{}")
        jsonschema.validate(given, dict(tool.parameters))
    except (ValueError, RecursionError):
        raise ToolFailed(tool=tool.name, problem="the arguments are not JSON") from None
    except jsonschema.ValidationError as error:
        raise ToolFailed(tool=tool.name, problem=_first_line(error.message)) from None
    except jsonschema.SchemaError:
        raise ToolFailed(tool=tool.name, problem="the tool's own schema is broken") from None
    try:
        async with asyncio.timeout(RUN_S):
            result = await tool.run(given)
    except TimeoutError:
        raise ToolFailed(tool=tool.name, problem=f"no reply within {RUN_S:g} s") from None
    return result if len(result) <= LONGEST_RESULT else result[:LONGEST_RESULT] + "\n[cut]"


def _first_line(text: str) -> str:
    return text.splitlines()[0][:200] if text else "invalid"
