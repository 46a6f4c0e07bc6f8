"""What does our API cost over the bare engine, in speed, latency and memory?

Both serve the built-in model with the same threads and slots, in one run, taking turns, asked by the same
client with the same questions at temperature 0. The built-in model makes a token in about a millisecond, so
that any cost per token shows at its worst: with a larger model it is diluted.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import httpx

from benchmarks.servers import COMMAND, Server, bare_engine, environment, our_daemon
from galerne.models import BUILTIN_MODEL_ID

N_TOKENS = 200
N_STREAMS = (1, 8)
PATH = "/v1/chat/completions"
_CONTENT = re.compile(rb'"content":\s*"(?!")')
_COMPLETION_TOKENS = re.compile(rb'"completion_tokens":\s*(\d+)')


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One answer, as its client saw it."""

    first_token_s: float
    total_s: float
    n_tokens: int

    @property
    def decode_tokens_per_s(self) -> float:
        """Speed after the first token."""
        return (self.n_tokens - 1) / (self.total_s - self.first_token_s)


def question_text(number: int) -> str:
    """A text after which the built-in model runs on to the limit; different each time, so never cached."""
    return f"{number} " + "é" * 96


async def ask(server: Server, number: int) -> Timing:
    """Stream one answer over a connection of its own, and read as little of it as will do.

    No HTTP library: one would compute as long for a token as what is measured, on the same cores.
    """
    question = {
        "model": BUILTIN_MODEL_ID,
        "messages": [{"role": "user", "content": question_text(number)}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.0,
        "max_tokens": N_TOKENS,
    }
    body = json.dumps(question).encode()
    host, _, port = server.address.removeprefix("http://").partition(":")
    fields = {"Host": host, "Connection": "close", "Content-Type": "application/json", **server.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    started_s = time.perf_counter()
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {PATH} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    status = await reader.readline()
    if b" 200 " not in status:
        raise RuntimeError(f"{server.name} refused: {status!r}")
    first_s, tail = 0.0, b""
    while piece := await reader.read(1 << 16):
        tail = (tail + piece)[-4096:]
        if not first_s and _CONTENT.search(tail):
            first_s = time.perf_counter()
    ended_s = time.perf_counter()
    writer.close()
    return Timing(
        first_token_s=first_s - started_s,
        total_s=ended_s - started_s,
        n_tokens=int(_COMPLETION_TOKENS.findall(tail)[-1]),
    )


async def _round(server: Server, numbers: Sequence[int]) -> tuple[list[Timing], float]:
    started_s = time.perf_counter()
    timings = await asyncio.gather(*(ask(server, number) for number in numbers))
    return list(timings), time.perf_counter() - started_s


def measure_overhead(*, n_rounds: int) -> dict[str, Any]:
    """Every comparison, interleaved."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = stack.enter_context(our_daemon(home))
        idle_rss_bytes = ours.front.memory_info().rss
        context_tokens = httpx.get(f"{ours.address}/v1/models").json()["data"][0]["max_context_length"]
        bare = stack.enter_context(bare_engine(context_tokens))
        result: dict[str, Any] = {"streams": {}}
        for n_streams in N_STREAMS:
            result["streams"][str(n_streams)] = _compare(ours, bare, n_streams=n_streams, n_rounds=n_rounds)
        result["api_rss_bytes"] = {
            "idle": idle_rss_bytes,
            "after": ours.front.memory_info().rss,
        }
        result["engine_rss_bytes"] = ours.engine.memory_info().rss
        machine = home / "machine.json"
        cold = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        shutil.copy(machine, cold)
        result["help_s"] = statistics.median(_time_s("--help", home=cold) for _ in range(7))
        result["cold_first_token_s"] = statistics.median(_cold_first_token_s(cold) for _ in range(5))
    return result


def _compare(ours: Server, bare: Server, *, n_streams: int, n_rounds: int) -> dict[str, Any]:
    timings: dict[str, list[Timing]] = {ours.name: [], bare.name: []}
    rates: dict[str, list[float]] = {ours.name: [], bare.name: []}
    number = 1000 * n_streams
    api_s = 0.0
    for turn in range(n_rounds + 2):
        numbers = range(number, number + n_streams)
        number += n_streams
        pair = (ours, bare) if turn % 2 else (bare, ours)
        for server in pair:
            before_s = _processor_s(ours)
            answered, wall_s = asyncio.run(_round(server, numbers))
            if turn < 2:  # both are warm after that
                continue
            if server is ours:
                api_s += _processor_s(ours) - before_s
            timings[server.name] += answered
            rates[server.name].append(sum(timing.n_tokens for timing in answered) / wall_s)
    n_tokens = sum(timing.n_tokens for timing in timings[ours.name])
    return {
        "n_answers": len(timings[ours.name]),
        "n_tokens": n_tokens,
        "tokens_per_s": _both(rates, statistics.median),
        "tokens_per_s_ratio": _ratio(rates),
        "decode_tokens_per_s": _both(_speeds(timings), statistics.median),
        "decode_ratio": _ratio(_speeds(timings)),
        "first_token_s": _both(_firsts(timings), statistics.median),
        "first_token_p99_s": _both(_firsts(timings), _p99),
        "added_first_token_s": _added(_firsts(timings)),
        "api_processor_s_per_token": api_s / n_tokens,
    }


def _speeds(timings: dict[str, list[Timing]]) -> dict[str, list[float]]:
    return {name: [timing.decode_tokens_per_s for timing in listed] for name, listed in timings.items()}


def _firsts(timings: dict[str, list[Timing]]) -> dict[str, list[float]]:
    return {name: [timing.first_token_s for timing in listed] for name, listed in timings.items()}


def _both(values: dict[str, list[float]], of: Any) -> dict[str, float]:
    return {name: of(listed) for name, listed in values.items()}


def _ratio(values: dict[str, list[float]]) -> float:
    """Median of the ratios of neighbours in time: what slows both down slows neither in it."""
    ours, bare = values.values()
    return statistics.median(one / other for one, other in zip(ours, bare, strict=True))


def _added(values: dict[str, list[float]]) -> float:
    ours, bare = values.values()
    return statistics.median(one - other for one, other in zip(ours, bare, strict=True))


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.99 * len(values)))]


def _processor_s(server: Server) -> float:
    """Time that the API's own process has computed, its engine not counted."""
    times = server.front.cpu_times()
    return float(times.user + times.system)


def _time_s(*arguments: str, home: Path) -> float:
    started_s = time.perf_counter()
    subprocess.run([*COMMAND, *arguments], env=environment(home), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started_s


def _cold_first_token_s(home: Path) -> float:
    """From the start of ``galerne run`` to the first byte of the answer; no daemon runs."""
    started_s = time.perf_counter()
    process = subprocess.Popen(
        [*COMMAND, "run", BUILTIN_MODEL_ID, "What is a joule?"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment(home),
    )
    cast(IO[bytes], process.stdout).read(1)
    first_s = time.perf_counter() - started_s
    process.communicate()
    return first_s
