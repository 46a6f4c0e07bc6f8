"""What does a gateway add to an answer: ours, with keys, quotas, ledger and meter on, beside LiteLLM's proxy?

The upstream is a mock (``mock_upstream``) that answers at once; both are asked for the same, in one run, over
kept connections, by a client in a process of its own. LiteLLM's proxy runs from an environment that this
makes in ``benchmarks/.work``, with a key and without its database: that needs a query engine which is
downloaded at its first start. So it keeps no account of anything, and we do.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.load import Load, Outcome, run_load
from benchmarks.random_model import WORK
from benchmarks.servers import COMMAND, announced, environment, spawned
from galerne.models import BUILTIN_MODEL_ID

N_TOKENS = 16
QUIET_PER_S = 100.0
"""A rate that every gateway should hold; the other is the caller's."""
KEY = "sk-benchmark"
_CONFIG = """
model_list:
  - model_name: {model}
    litellm_params: {{model: openai/mock-model, api_base: "{upstream}/v1", api_key: none}}
general_settings: {{master_key: {key}}}
litellm_settings: {{telemetry: false}}
"""


def measure_gateway(*, per_s: float, duration_s: float, with_litellm: bool = True) -> dict[str, Any]:
    """Added latency at two steady rates, the highest rate, and processor time."""
    with ExitStack() as stack:
        upstream = announced(stack.enter_context(spawned([sys.executable, "-m", "benchmarks.mock_upstream"])))
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours, process = stack.enter_context(_our_gateway(home, upstream))
        subjects = {"mock": (upstream, {}, None), "galerne": (ours, _our_key(home), process)}
        problem = ""
        if with_litellm:
            try:
                address, proxy = stack.enter_context(_litellm(upstream))
                subjects["litellm"] = (address, {"Authorization": f"Bearer {KEY}"}, proxy)
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                problem = f"{type(error).__name__}: {error}"[:300]
        result: dict[str, Any] = {
            "per_s": per_s,
            "n_tokens": N_TOKENS,
            "litellm_problem": problem,
            "kinds": {},
        }
        for stream in (False, True):
            result["kinds"]["stream" if stream else "whole"] = {
                name: _measure(*subject, stream=stream, per_s=per_s, duration_s=duration_s)
                for name, subject in subjects.items()
            }
    return result


def _measure(
    address: str,
    headers: dict[str, str],
    process: psutil.Process | None,
    *,
    stream: bool,
    per_s: float,
    duration_s: float,
) -> dict[str, Any]:
    body = {
        "model": BUILTIN_MODEL_ID,
        "messages": [{"role": "user", "content": "Where does the wind come from?"}],
        "max_tokens": N_TOKENS,
        "stream": stream,
    }
    base = {"address": address, "headers": headers, "body": body}
    run_load(Load(**base, duration_s=1.0, n_together=4))  # warm
    before_s = _processor_s(process)
    most = run_load(Load(**base, duration_s=duration_s, n_together=32))
    processor_s = (_processor_s(process) - before_s) / max(1, len(most.took_s))
    # Beyond what it can do only its queue would be measured.
    rates = [min(rate, 0.6 * most.per_s) for rate in (QUIET_PER_S, per_s)]
    steady = [run_load(Load(**base, duration_s=duration_s, per_s=rate)) for rate in rates]
    return {
        "most_per_s": most.per_s,
        "processor_s_per_answer": processor_s,
        "steady": [{"rate": rate, **_latency(outcome)} for rate, outcome in zip(rates, steady, strict=True)],
        "n_failed": most.n_failed + sum(outcome.n_failed for outcome in steady),
        "problem": most.problem or next((one.problem for one in steady if one.problem), ""),
        "rss_bytes": process.memory_info().rss if process else 0,
    }


def _latency(outcome: Outcome) -> dict[str, float]:
    if not outcome.took_s:
        return {"p50_s": 0.0, "p99_s": 0.0}
    return {"p50_s": outcome.quantile_s(0.5), "p99_s": outcome.quantile_s(0.99)}


def _processor_s(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _our_gateway(home: Path, upstream: str) -> Iterator[tuple[str, psutil.Process]]:
    command = [sys.executable, "-m", "benchmarks.mocked_daemon", upstream]
    with spawned(command, env=environment(home)) as process:
        yield announced(process), psutil.Process(process.pid)


def _our_key(home: Path) -> dict[str, str]:
    """A key with limits that hold for each request and never refuse one."""
    made = _galerne(home, "key", "create", "benchmark", "--json")
    limits = ("--requests-per-minute", "1000000", "--tokens-per-day", "1000000000")
    _galerne(home, "key", "limit", "benchmark", *limits)
    told = json.loads(made)
    return {"Authorization": f"Bearer {told.get('secret') or told.get('key')}"}


def _galerne(home: Path, *arguments: str) -> str:
    told = subprocess.run(
        [*COMMAND, *arguments], env=environment(home), capture_output=True, text=True, check=True
    )
    return told.stdout


@contextmanager
def _litellm(upstream: str) -> Iterator[tuple[str, psutil.Process]]:
    python = WORK / "litellm" / "bin" / "python"
    if not python.with_name("litellm").exists():
        subprocess.run([sys.executable, "-m", "venv", str(WORK / "litellm")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "litellm[proxy]"], check=True, timeout=300)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = WORK / "litellm.yaml"
    config.write_text(_CONFIG.format(model=BUILTIN_MODEL_ID, upstream=upstream, key=KEY))
    command = [
        str(python.with_name("litellm")),
        "--config",
        str(config),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    quiet = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with spawned(command, env={**kept, **quiet}) as process:
        _await_answer(f"http://127.0.0.1:{port}/health/liveliness", process)
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)


def _await_answer(url: str, process: subprocess.Popen[str], *, patience_s: float = 120.0) -> None:
    ends_s = time.monotonic() + patience_s
    while time.monotonic() < ends_s and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310  # ours, on loopback
                return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError("the proxy did not start")
