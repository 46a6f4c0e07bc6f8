"""What does our API cost over the bare engine, and what does it gain over the engine's defaults?

All serve the same file, in one run, taking turns, asked by the same client with the same questions and
seeds. The built-in model makes a token in about a millisecond, so that any cost per token shows at its
worst; the one of 200 million random weights is as a small real model.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from benchmarks import random_model
from benchmarks.fingerprint import bandwidth_bytes_per_s
from benchmarks.servers import Server, bare_engine, default_engine, our_daemon, tuned
from galerne.models import BUILTIN_MODEL_ID, builtin_model_path

N_STREAMS = (1, 8)
N_ASKED = 40
"""Answers, one after the other, over which processor time is counted."""
PATH = "/v1/chat/completions"
_CONTENT = re.compile(rb'"content":\s*"(?!")')
_COMPLETION_TOKENS = re.compile(rb'"completion_tokens":\s*(\d+)')
_PROMPT_TOKENS = re.compile(rb'"prompt_tokens":\s*(\d+)')
_LONG = {"temperature": 2.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}
"""Flat sampling: neither model soon finds its end."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One answer, as its client saw it."""

    first_token_s: float
    total_s: float
    n_tokens: int
    prompt_tokens: int


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model to compare with: how long its prompts and answers are."""

    model_id: str
    path: Path
    n_tokens: int
    prompt_characters: int
    n_rounds: int


def subjects(n_rounds: int) -> list[Subject]:
    """The two models."""
    mini = Subject(
        model_id=BUILTIN_MODEL_ID,
        path=builtin_model_path(),
        n_tokens=200,
        prompt_characters=96,
        n_rounds=n_rounds,
    )
    path = random_model.random_model()
    large = Subject(
        model_id=random_model.MODEL_ID,
        path=path,
        n_tokens=48,
        prompt_characters=96,
        n_rounds=max(1, n_rounds // 3),
    )
    return [mini, large]


async def ask(server: Server, subject: Subject, number: int) -> Timing:
    """Stream one answer over a connection of its own, and read as little of it as will do.

    No HTTP library: one would compute as long for a token as what is measured, on the same cores.
    """
    question = {
        "model": subject.model_id,
        "messages": [{"role": "user", "content": f"{number} " + "é" * subject.prompt_characters}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": subject.n_tokens,
        "seed": number,
        **_LONG,
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
        first_token_s=(first_s or ended_s) - started_s,
        total_s=ended_s - started_s,
        n_tokens=int(_COMPLETION_TOKENS.findall(tail)[-1]),
        prompt_tokens=int(_PROMPT_TOKENS.findall(tail)[-1]),
    )


def measure_overhead(*, n_rounds: int) -> dict[str, Any]:
    """Every comparison, by model and number of streams."""
    return {subject.model_id: _measure(subject) for subject in subjects(n_rounds)}


def _measure(subject: Subject) -> dict[str, Any]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        more = {"GALERNE_MODEL": subject.model_id, "GALERNE_MODELS": str(subject.path.parent)}
        settings = tuned(home, subject.model_id, **more)
        ours = stack.enter_context(our_daemon(home, **more))
        asyncio.run(_round(ours, subject, [0]))
        context_tokens = httpx.get(f"{ours.address}/v1/models").json()["data"][0]["max_context_length"]
        others = [
            stack.enter_context(bare_engine(subject.path, context_tokens, settings)),
            stack.enter_context(default_engine(subject.path)),
        ]
        weights_bytes = subject.path.stat().st_size
        per_answer_s, per_token_s = _processor_costs(ours, subject)
        streams = {str(n): _compare([ours, *others], subject, n_streams=n) for n in N_STREAMS}
    bandwidth = bandwidth_bytes_per_s()
    alone = streams["1"]["decode_tokens_per_s"]["galerne"]
    return {
        "settings": settings,
        "weights_bytes": weights_bytes,
        "streams": streams,
        "api_processor_s_per_answer": per_answer_s,
        "api_processor_s_per_token": per_token_s,
        "memory_bytes_per_s": bandwidth,
        "bandwidth_ratio": alone * weights_bytes / bandwidth,
    }


def _processor_costs(server: Server, subject: Subject) -> tuple[float, float]:
    """What an answer of one token takes of the API's processor time, and what each further token adds."""
    took_s, n_tokens = [], []
    for number, subject_of in enumerate((replace(subject, n_tokens=1), subject)):
        before_s = _processor_s(server)
        answers = [asyncio.run(ask(server, subject_of, 10_000 * (number + 1) + n)) for n in range(N_ASKED)]
        took_s.append((_processor_s(server) - before_s) / N_ASKED)
        n_tokens.append(sum(answer.n_tokens for answer in answers) / N_ASKED)
    return took_s[0], (took_s[1] - took_s[0]) / (n_tokens[1] - n_tokens[0])


def _compare(servers: Sequence[Server], subject: Subject, *, n_streams: int) -> dict[str, Any]:
    timings: dict[str, list[list[Timing]]] = {server.name: [] for server in servers}
    walls: dict[str, list[float]] = {server.name: [] for server in servers}
    number = 1000 * n_streams
    for turn in range(subject.n_rounds + 1):
        numbers = range(number, number + n_streams)
        number += n_streams
        for server in servers[turn % len(servers) :] + servers[: turn % len(servers)]:
            answered, wall_s = asyncio.run(_round(server, subject, numbers))
            if turn == 0:  # all are warm after that
                continue
            timings[server.name].append(answered)
            walls[server.name].append(wall_s)
    decode = {name: [_decode(answers) for answers in turns] for name, turns in timings.items()}
    rates = {
        name: [
            sum(t.n_tokens for t in answers) / wall for answers, wall in zip(turns, walls[name], strict=True)
        ]
        for name, turns in timings.items()
    }
    firsts = {name: [t.first_token_s for turn in turns for t in turn] for name, turns in timings.items()}
    prefill = {
        name: [statistics.median(t.prompt_tokens / t.first_token_s for t in turn) for turn in turns]
        for name, turns in timings.items()
    }
    return {
        "tokens_per_s": _medians(rates),
        "tokens_per_s_ratio": _ratios(rates),
        "decode_tokens_per_s": _medians(decode),
        "decode_ratio": _ratios(decode),
        "prefill_tokens_per_s": _medians(prefill),
        "prefill_ratio": _ratios(prefill),
        "first_token_s": _medians(firsts),
        "added_first_token_s": _added(firsts),
    }


async def _round(server: Server, subject: Subject, numbers: Sequence[int]) -> tuple[list[Timing], float]:
    started_s = time.perf_counter()
    timings = await asyncio.gather(*(ask(server, subject, number) for number in numbers))
    return list(timings), time.perf_counter() - started_s


def _decode(answers: Sequence[Timing]) -> float:
    speeds = [(t.n_tokens - 1) / (t.total_s - t.first_token_s) for t in answers if t.n_tokens > 1]
    return statistics.median(speeds) if speeds else 0.0


def _medians(values: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(listed) for name, listed in values.items()}


def _ratios(values: dict[str, list[float]]) -> dict[str, float]:
    """Median of the ratios of neighbours in time: what slows both down slows neither in it."""
    ours = values["galerne"]
    return {
        name: statistics.median(one / other for one, other in zip(ours, listed, strict=True) if other)
        for name, listed in values.items()
        if name != "galerne"
    }


def _added(values: dict[str, list[float]]) -> float:
    return statistics.median(
        one - other for one, other in zip(values["galerne"], values["bare engine"], strict=True)
    )


def _processor_s(server: Server) -> float:
    """Time that the answering process has computed, children not counted."""
    times = server.front.cpu_times()
    return float(times.user + times.system)
