"""Asks many questions of a server at once, and notes how long each took: a client that computes little.

Run as a process of its own (``python -m benchmarks.load``, its plan as JSON on standard input): in the
process that waits for the results it would be measured together with whatever else that does.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

PATH = "/v1/chat/completions"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is asked.

    Attributes:
        per_s: questions a second, at random instants; 0 for as many as ``n_together`` clients can ask one
            after the other.
    """

    address: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    duration_s: float
    per_s: float = 0.0
    n_together: int = 32
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How it went: seconds of each answer, from when it was due; and of its first piece."""

    wall_s: float
    n_failed: int
    took_s: list[float]
    problem: str = ""

    @property
    def per_s(self) -> float:
        """Good answers a second."""
        return len(self.took_s) / self.wall_s

    def quantile_s(self, ratio: float) -> float:
        """So much or less for this part of the answers."""
        return sorted(self.took_s)[min(len(self.took_s) - 1, int(ratio * len(self.took_s)))]


def run_load(load: Load) -> Outcome:
    """In a process of its own."""
    command = [sys.executable, "-m", "benchmarks.load"]
    told = subprocess.run(
        command, input=json.dumps(asdict(load)), capture_output=True, text=True, check=False
    )
    if told.returncode:
        raise RuntimeError(told.stderr)
    return Outcome(**json.loads(told.stdout))


class _Client:
    def __init__(self, load: Load) -> None:
        host, _, port = load.address.removeprefix("http://").partition(":")
        self._host, self._port = host, int(port)
        body = json.dumps(load.body).encode()
        fields = {"Host": load.address[7:], "Content-Type": "application/json", **load.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._question = f"POST {PATH} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.took_s: list[float] = []
        self.n_failed = 0
        self.problem = ""

    async def ask(self, due_s: float) -> None:
        try:
            reader, writer = (
                self._free.pop() if self._free else await asyncio.open_connection(self._host, self._port)
            )
            writer.write(self._question)
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if length:
                rest = await reader.readexactly(int(length[1]))
            else:
                rest = await reader.readuntil(b"\r\n0\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            self.n_failed += 1
            self.problem = repr(error)
            return
        if b" 200 " in head[:20]:
            self.took_s.append(time.perf_counter() - due_s)
        else:
            self.n_failed += 1
            self.problem = (head[:20] + rest[:300]).decode(errors="replace")
        self._free.append((reader, writer))


async def _run(load: Load) -> Outcome:
    client, draw = _Client(load), random.Random(load.seed)  # noqa: S311  # arrivals, not secrets
    began_s = time.perf_counter()
    if load.per_s:
        asking, due_s = [], began_s
        while (due_s := due_s + draw.expovariate(load.per_s)) < began_s + load.duration_s:
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            asking.append(asyncio.create_task(client.ask(due_s)))
        await asyncio.gather(*asking)
    else:

        async def keep_asking() -> None:
            while time.perf_counter() < began_s + load.duration_s:
                await client.ask(time.perf_counter())

        await asyncio.gather(*(keep_asking() for _ in range(load.n_together)))
    return Outcome(
        wall_s=time.perf_counter() - began_s,
        n_failed=client.n_failed,
        took_s=client.took_s,
        problem=client.problem,
    )


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_run(Load(**json.load(sys.stdin)))))))
