"""A llama.cpp server that runs by itself, on a port that survives its restarts: somebody else's, to us."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from galerne.engines import llama


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class LlamaServer:
    """One process; ends with ``close``."""

    key = "a-key-of-theirs"

    def __init__(self, path: Path, *, context_tokens: int = 512, n_slots: int = 2, **more: Any) -> None:
        self._settings = {
            "model_path": str(path),
            "context_tokens": context_tokens,
            "n_slots": n_slots,
            "n_threads": 1,
            "warm_up": False,
            "batch_tokens": 512,
            "embeds": False,
            "prompt_cache_bytes": 0,
            "api_key": self.key,
            "port": free_port(),
            **more,
        }
        self.address = f"http://127.0.0.1:{self._settings['port']}"
        self._process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-P", llama._CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(self._settings).encode() + b"\n")
        process.stdin.flush()
        report = json.loads(process.stdout.readline())
        assert report["state"] == "ready", report
        return process

    def crash_and_restart(self) -> None:
        self._end()
        self._process = self._spawn()

    def close(self) -> None:
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()
