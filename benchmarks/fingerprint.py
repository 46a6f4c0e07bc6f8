"""What the figures were measured on, without a name that is nobody's business."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from galerne.clock import SystemClock
from galerne.machine.host import read_host
from galerne.machine.speed import measure_speed


def fingerprint() -> dict[str, Any]:
    """Processor, cores, memory, system, versions, and how busy the machine was."""
    host = read_host(Path("/"))
    return {
        "processor": host.processor,
        "n_cores": host.n_cores,
        "memory_bytes": host.memory_bytes,
        "os": host.os,
        "python": platform.python_version(),
        "galerne": metadata.version("galerne"),
        "commit": _commit(),
        "engine": f"xllamacpp {metadata.version('xllamacpp')}",
        "load_1_min": round(os.getloadavg()[0], 2),
        "n_processes_busy": sum(
            process.info["status"] == psutil.STATUS_RUNNING for process in psutil.process_iter(["status"])
        ),
    }


def _commit() -> str:
    commit = _git("describe", "--always").stdout.strip() or "an unknown commit"
    # Results that are kept change the tree too, and nothing of what is measured.
    changed = _git("diff", "--quiet", "HEAD", "--", ":/src", ":/requirements", "*.py").returncode
    return f"{commit}, changed" if changed else commit


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    folder = Path(__file__).parent
    command = ["git", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def bandwidth_bytes_per_s() -> float:
    """How fast this machine reads its memory, as ``galerne`` measures it for its predictions."""
    n_threads = psutil.cpu_count(logical=False) or 1
    free_bytes = psutil.virtual_memory().available
    return measure_speed(n_threads=n_threads, free_bytes=free_bytes, clock=SystemClock()).memory_bytes_per_s
