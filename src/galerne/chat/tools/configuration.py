"""The file that names tool servers: ``tools.toml`` in the data folder."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from galerne.chat.tools.mcp_servers import McpSettings
from galerne.errors import InvalidToolFile

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")
_KEYS = {"command", "environment", "url", "trusted"}


def read_tool_file(path: Path) -> tuple[McpSettings, ...]:
    """The servers of a file; none where there is no file.

    Raises:
        InvalidToolFile: names the entry and what is wrong with it.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidToolFile(path=str(path), problem=str(error)) from error
    if unknown := document.keys() - {"server"}:
        raise InvalidToolFile(
            path=str(path), problem=f"unknown section [{min(unknown)}]; [server.NAME] is known"
        )
    servers = document.get("server", {})
    if not isinstance(servers, dict):
        raise InvalidToolFile(path=str(path), problem="[server.NAME] is a table of its own for each server")
    return tuple(_settings(name, entry, path=path) for name, entry in servers.items())


def _settings(name: str, entry: Any, *, path: Path) -> McpSettings:
    def wrong(problem: str) -> InvalidToolFile:
        return InvalidToolFile(path=str(path), problem=f"[server.{name}] {problem}")

    if not _NAME.fullmatch(name):
        raise wrong("a name has lower-case letters, digits and dashes, at most 20")
    if not isinstance(entry, dict) or (unknown := entry.keys() - _KEYS):
        raise wrong(f"unknown key {min(unknown)}" if isinstance(entry, dict) else "is not a table")
    command, url = entry.get("command", []), entry.get("url", "")
    if not _is_texts(command) or not isinstance(url, str) or bool(command) == bool(url):
        raise wrong("needs either command = [program, argument…] or url")
    environment, trusted = entry.get("environment", {}), entry.get("trusted", False)
    if not isinstance(environment, Mapping) or not _is_texts(list(environment.values())):
        raise wrong("environment is a table of texts")
    if not isinstance(trusted, bool):
        raise wrong("trusted is true or false")
    return McpSettings(name=name, command=tuple(command), environment=environment, url=url, trusted=trusted)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)
