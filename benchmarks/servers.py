"""What is compared: our daemon, the bare engine with its best settings, and llama-server's defaults."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import psutil

from galerne.cli.shelf import N_SLOTS
from galerne.engines import LlamaEngine, LlamaSettings, llama_child

COMMAND = [sys.executable, "-m", "galerne.cli"]
_DEFAULTS = """
import json, sys, threading, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port, params.verbosity = sys.argv[1], 0, 0
server = xllamacpp.Server(params)
print(json.dumps({"address": server.listening_address}), flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, kw_only=True)
class Server:
    """Somewhere that answers ``/v1/chat/completions``.

    Attributes:
        front: the process that answers.
    """

    name: str
    address: str
    headers: Mapping[str, str]
    front: psutil.Process


def environment(home: Path, **more: str) -> dict[str, str]:
    """Ours with nothing set but the data folder, and what is named."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GALERNE_")}
    return {**kept, "GALERNE_HOME": str(home), "GALERNE_STORES": "none", **more}


@contextmanager
def spawned(
    command: Sequence[str], *, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A process of ours, ended with the block."""
    process = subprocess.Popen(
        [*command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=env,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def announced(process: subprocess.Popen[str]) -> str:
    """The address that a server prints."""
    printed = cast(IO[str], process.stdout)
    return next(line.split()[-1] for line in printed if "http://" in line)


@contextmanager
def our_daemon(home: Path, **more: str) -> Iterator[Server]:
    """``galerne serve``."""
    with spawned([*COMMAND, "serve", "--port", "0"], env=environment(home, **more)) as process:
        address = announced(process)
        yield Server(name="galerne", address=address, headers={}, front=psutil.Process(process.pid))


@contextmanager
def bare_engine(path: Path, context_tokens: int) -> Iterator[Server]:
    """The engine's own server, told the same threads, slots, batch and caches as our daemon tells its own."""
    settings = LlamaSettings(model_id="bare", model_path=path, context_tokens=context_tokens, n_slots=N_SLOTS)
    key = secrets.token_urlsafe()
    told = LlamaEngine(settings)._child_settings(key, embeds=False)
    with spawned([sys.executable, "-P", str(llama_child.__file__)]) as process:
        stdin, stdout = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
        stdin.write(json.dumps(told) + "\n")
        stdin.flush()
        address = json.loads(stdout.readline())["address"]
        headers = {"Authorization": f"Bearer {key}"}
        front = psutil.Process(process.pid)
        yield Server(name="bare engine", address=address, headers=headers, front=front)


@contextmanager
def default_engine(path: Path) -> Iterator[Server]:
    """The same engine as it comes: llama-server without a single option."""
    with spawned([sys.executable, "-c", _DEFAULTS, str(path)]) as process:
        address = json.loads(cast(IO[str], process.stdout).readline())["address"]
        front = psutil.Process(process.pid)
        yield Server(name="llama-server's defaults", address=address, headers={}, front=front)
