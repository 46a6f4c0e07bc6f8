"""``galerne install-service``: the daemon as a service of this user, under systemd."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from galerne.cli.screen import make_console
from galerne.cli.settings import SETTINGS, read_settings
from galerne.errors import InvalidRequest
from galerne.language import phrases

UNIT_NAME = "galerne.service"
SECRET_ENDS = ("_KEY", "_LEDGER")
"""Settings that hold a secret, or a password in a URL: they do not go into a file that others may read."""


def install_service(*, only_print: bool) -> None:
    """Write the unit, or only print it.

    Raises:
        InvalidRequest: this is not Linux with systemd.
    """
    settings = read_settings(os.environ)
    words, console = phrases("galerne.cli", settings.language), make_console()
    text = unit_text(os.environ)
    if only_print:
        print(text, end="")
        return
    if not sys.platform.startswith("linux"):
        raise InvalidRequest(path="install-service", problem="systemd is Linux's; --print shows the unit")
    path = _unit_folder(os.environ) / UNIT_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    console.print(words["service_written"].format(path=path), markup=False, soft_wrap=True)
    left_out = list(_chosen(os.environ, secret=True))
    if left_out:
        console.print(
            words["service_secrets"].format(names=", ".join(left_out)), markup=False, soft_wrap=True
        )


def unit_text(environ: Mapping[str, str]) -> str:
    """The systemd unit that serves with the settings of this moment, secrets left out."""
    command = " ".join(shlex.quote(word) for word in (sys.executable, "-m", "galerne.cli", "serve"))
    chosen = [
        f'Environment="{name}={_escaped(value)}"' for name, value in _chosen(environ, secret=False).items()
    ]
    lines = [
        "[Unit]",
        "Description=Galerne: open-weight models on this machine, with their receipts",
        "Documentation=file:docs/how-to/serve-your-team.md",
        "",
        "[Service]",
        f"ExecStart={command.replace('%', '%%')}",
        *chosen,
        "Restart=on-failure",
        "RestartSec=5",
        "KillSignal=SIGTERM",
        "TimeoutStopSec=30",
        "NoNewPrivileges=true",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines) + "\n"


def _chosen(environ: Mapping[str, str], *, secret: bool) -> dict[str, str]:
    """The settings that are set, those that hold a secret apart."""
    named = [name for name in SETTINGS if environ.get(name)]
    return {name: environ[name] for name in named if name.endswith(SECRET_ENDS) == secret}


def _escaped(value: str) -> str:
    """As systemd reads a quoted value: its own marks doubled or escaped, and on one line."""
    plain = " ".join(value.splitlines())
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _unit_folder(environ: Mapping[str, str]) -> Path:
    home = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME") or "~").expanduser() / ".config")
    return Path(home) / "systemd" / "user"
