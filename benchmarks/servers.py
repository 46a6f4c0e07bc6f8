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
from typing import IO, Any, cast

import psutil

from galerne.engines import LlamaEngine, LlamaSettings, llama_child

COMMAND = [sys.executable, "-m", "galerne.cli"]
BUSY = 4
"""How a command ends that other programs are in the way of."""
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
    """``galerne serve``, which measures nothing meanwhile."""
    env = environment(home, GALERNE_TUNE="off", **more)
    with spawned([*COMMAND, "serve", "--port", "0"], env=env) as process:
        address = announced(process)
        yield Server(name="galerne", address=address, headers={}, front=psutil.Process(process.pid))


def tuned(home: Path, model_id: str, **more: str) -> dict[str, Any]:
    """What ``galerne tune`` finds, kept for the daemon of this folder; the defaults on a busy machine."""
    command = [*COMMAND, "tune", model_id, "--json"]
    done = subprocess.run(
        command, env=environment(home, **more), capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode == BUSY:
        command = [*COMMAND, "show", model_id, "--json"]
        done = subprocess.run(
            command, env=environment(home, **more), capture_output=True, text=True, check=True, timeout=60
        )
        return dict(json.loads(done.stdout)["tuning"]["settings"])
    done.check_returncode()
    return dict(json.loads(done.stdout)["settings"])


@contextmanager
def bare_engine(path: Path, context_tokens: int, told_settings: Mapping[str, str]) -> Iterator[Server]:
    """The engine's own server, told the same threads, slots, batch and caches as our daemon tells its own."""
    settings = LlamaSettings(
        model_id="bare",
        model_path=path,
        context_tokens=context_tokens,
        n_slots=int(told_settings["slots"]),
        n_threads=int(told_settings["threads"]),
        n_batch_threads=int(told_settings["batch_threads"]),
        batch_tokens=int(told_settings["batch_tokens"]),
        flash_attention={"auto": None, "on": True, "off": False}[told_settings["flash_attention"]],
        kv_type=told_settings["kv_type"],
        looks_up=told_settings["look_up"] == "on",
    )
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
