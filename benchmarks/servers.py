"""The two things compared: our daemon, and the bare engine with the same settings."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import psutil

from galerne.cli.nodes import N_SLOTS
from galerne.engines import LlamaEngine, LlamaSettings, llama_child
from galerne.models import BUILTIN_MODEL_ID, builtin_model_path

COMMAND = [sys.executable, "-m", "galerne.cli"]


@dataclass(frozen=True, kw_only=True)
class Server:
    """Somewhere that answers ``/v1/chat/completions``.

    Attributes:
        front: the process that answers.
        engine: the process that computes; for the bare engine the same.
    """

    name: str
    address: str
    headers: Mapping[str, str]
    front: psutil.Process
    engine: psutil.Process


def environment(home: Path) -> dict[str, str]:
    """Ours with nothing set but the data folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GALERNE_")}
    return {**kept, "GALERNE_HOME": str(home)}


@contextmanager
def our_daemon(home: Path) -> Iterator[Server]:
    """``galerne serve`` with the built-in model."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(home),
    )
    try:
        printed = cast(IO[str], process.stdout)
        address = next(line.split()[-1] for line in printed if "http://" in line)
        front = psutil.Process(process.pid)
        (engine,) = front.children()
        yield Server(name="galerne", address=address, headers={}, front=front, engine=engine)
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def bare_engine(context_tokens: int) -> Iterator[Server]:
    """The engine's own server, told the same threads, slots, batch and caches as our daemon tells its own."""
    settings = LlamaSettings(
        model_id=BUILTIN_MODEL_ID,
        model_path=builtin_model_path(),
        context_tokens=context_tokens,
        n_slots=N_SLOTS,
    )
    key = secrets.token_urlsafe()
    told = LlamaEngine(settings)._child_settings(key, embeds=False)
    process = subprocess.Popen(
        [sys.executable, "-P", str(llama_child.__file__)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        stdin, stdout = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
        stdin.write(json.dumps(told) + "\n")
        stdin.flush()
        report = json.loads(stdout.readline())
        alone = psutil.Process(process.pid)
        headers = {"Authorization": f"Bearer {key}"}
        yield Server(
            name="bare engine", address=report["address"], headers=headers, front=alone, engine=alone
        )
    finally:
        process.terminate()
        process.communicate()
