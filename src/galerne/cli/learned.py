"""What this machine remembers of itself in the data folder: its runs, asked by ``fit``, and its rest."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galerne.catalog import Machine
from galerne.clock import Clock
from galerne.perf.learning import Run

if TYPE_CHECKING:
    from galerne.fleet import Node
    from galerne.generation import Usage
    from galerne.machine.meter import Samples

RUNS_NAME = "runs.json"
IDLE_NAME = "idle.json"
N_KEPT = 9
"""Runs of each model that are kept; the last ones."""
WRITE_EVERY_S = 60.0
"""Once enough runs are known, the file is not written at each."""


class RememberedRuns:
    """Runs by model and format on one machine.

    Args:
        folder: the data folder.
        machine: this computer; runs of another one are kept and not asked.
    """

    def __init__(self, folder: Path, machine: Machine) -> None:
        self._path = folder / RUNS_NAME
        self._prefix = f"{machine.fingerprint} "
        self._runs = _read(self._path)
        self._written_at = 0.0

    def of(self, model_id: str, format_id: str) -> Sequence[Run]:
        """The runs of a model in a format here, the oldest first."""
        return self._runs.get(f"{self._prefix}{model_id} {format_id}", ())

    def all_here(self) -> Mapping[tuple[str, str], Sequence[Run]]:
        """The runs of each model and format here."""
        here = {
            key.removeprefix(self._prefix): runs
            for key, runs in self._runs.items()
            if key.startswith(self._prefix)
        }
        return {(key.partition(" ")[0], key.partition(" ")[2]): runs for key, runs in here.items()}

    def note(self, model_id: str, format_id: str, run: Run) -> None:
        """Remember a run; a folder that cannot be written costs only the memory of it."""
        if not (run.reads or run.writes):
            return
        key = f"{self._prefix}{model_id} {format_id}"
        known = self._runs.get(key, ())
        self._runs[key] = [*known, run][-N_KEPT:]
        if len(known) < N_KEPT or run.at - self._written_at >= WRITE_EVERY_S:
            self._written_at = run.at
            _write(self._path, self._runs)


class LoneRuns:
    """Notes answers that had the machine to themselves, as the gateway finishes them."""

    def __init__(self, remembered: RememberedRuns, *, clock: Clock) -> None:
        self._remembered, self._clock = remembered, clock
        self._last_end_s = float("-inf")

    def note(self, node: Node, usage: Usage, n_others: int) -> None:
        """An answer has ended, with so many others in flight on this machine."""
        end_s = self._clock.monotonic_s()
        began_s = end_s - usage.prefill_s - usage.decode_s
        alone = n_others == 0 and self._last_end_s <= began_s
        self._last_end_s = end_s
        if alone:
            run = Run(
                prompt_tokens=usage.prompt_tokens,
                cached_tokens=usage.cached_tokens,
                new_tokens=usage.new_tokens,
                prefill_s=usage.prefill_s,
                decode_s=usage.decode_s,
                at=self._clock.now_at(),
            )
            self._remembered.note(node.plan.model.id, node.plan.format.id, run)


class RememberedIdle:
    """Quiet samples of this machine under one meter; another meter covers something else.

    Args:
        folder: the data folder.
        machine: this computer; samples of another one are kept and not used.
        covers: what the meter covers.
    """

    def __init__(self, folder: Path, machine: Machine, *, covers: str) -> None:
        self._path = folder / IDLE_NAME
        self._key = f"{machine.fingerprint} {covers}"

    @property
    def samples(self) -> Samples:
        """What was kept; nothing where the file is missing or damaged."""
        here = self._all().get(self._key)
        if not isinstance(here, dict):
            return {}
        return {name: kept for name, kept in here.items() if isinstance(kept, list)}

    def keep(self, samples: Samples) -> None:
        """Write the samples; a folder that cannot be written costs only the memory of them."""
        rounded = {name: [round(power_w, 3) for power_w in kept] for name, kept in samples.items()}
        _write_whole(self._path, {**self._all(), self._key: rounded})

    def _all(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}


def _read(path: Path) -> dict[str, Sequence[Run]]:
    """What is remembered; nothing where the file is missing or damaged."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {key: [Run(**run) for run in runs] for key, runs in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write(path: Path, runs: Mapping[str, Sequence[Run]]) -> None:
    _write_whole(path, {key: [asdict(run) for run in kept] for key, kept in runs.items()})


def _write_whole(path: Path, document: Mapping[str, Any]) -> None:
    unfinished = path.with_suffix(".unfinished")
    with contextlib.suppress(OSError):
        unfinished.write_text(json.dumps(document), encoding="utf-8")
        unfinished.replace(path)
