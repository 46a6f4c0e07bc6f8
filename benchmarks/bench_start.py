"""How long until something is on the screen, and how much memory does the API hold?"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Any, cast

from benchmarks.servers import COMMAND, environment, our_daemon
from galerne.models import BUILTIN_MODEL_ID

N_HELP, N_COLD = 7, 5


def measure_start() -> dict[str, Any]:
    """Medians, on a machine that has been probed before."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cold:
        with our_daemon(Path(folder)) as ours:
            time.sleep(2.0)
            idle_bytes = ours.front.memory_info().rss
        shutil.copy(Path(folder) / "machine.json", cold)
        return {
            "help_s": statistics.median(_help_s(Path(cold)) for _ in range(N_HELP)),
            "cold_first_token_s": statistics.median(_cold_first_token_s(Path(cold)) for _ in range(N_COLD)),
            "api_idle_bytes": idle_bytes,
        }


def _help_s(home: Path) -> float:
    started_s = time.perf_counter()
    subprocess.run([*COMMAND, "--help"], env=environment(home), stdout=subprocess.DEVNULL, check=True)
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
