"""The settings that were measured on this machine, kept in the data folder by machine, model and engine."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from galerne.catalog import Machine
from galerne.engines import Tuning, default_threads
from galerne.engines.pace import Pace, TuningReport
from galerne.models import ModelFile

TUNED_NAME = "tuned.json"
PROCEDURE = 1
"""Number of the measuring procedure: what another one has found is measured again."""
ENGINE_PACKAGE = "xllamacpp"
_READ_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuned:
    """What a model runs with here, and why.

    Attributes:
        why: ``measured``, ``no_better`` where nothing beat the defaults, or ``not_measured``.
        gain_ratio: pace over that of the defaults, geometric mean of reading, writing and eight at once.
        noise_ratio: how far two measurements of the same settings lay apart.
        trials: each candidate with its pace, for people.
        at: when; UTC seconds.
    """

    tuning: Tuning = field(default_factory=Tuning)
    why: str = "not_measured"
    gain_ratio: float = 1.0
    noise_ratio: float = 0.0
    took_s: float = 0.0
    complete: bool = True
    at: float = 0.0
    trials: tuple[tuple[Tuning, Pace], ...] = ()


NEVER_TUNED = Tuned()


class RememberedTunings:
    """Measured settings; another machine, file or engine begins anew.

    Args:
        folder: the data folder.
        machine: this computer.
        engine_version: of the engine; looked up where not given.
    """

    def __init__(self, folder: Path, machine: Machine, *, engine_version: str | None = None) -> None:
        self._path = folder / TUNED_NAME
        self._machine = machine.fingerprint
        self._engine_version = _engine_version() if engine_version is None else engine_version

    def of(self, file: ModelFile) -> Tuned:
        """What is known of a file; ``NEVER_TUNED`` for nothing. Read anew: a command may have measured."""
        kept = _read(self._path).get(self._key(file))
        if kept is None:
            return NEVER_TUNED
        try:
            trials = tuple((Tuning(**tuning), Pace(**pace)) for tuning, pace in kept["trials"])
            return Tuned(**{**kept, "tuning": Tuning(**kept["tuning"]), "trials": trials})
        except (TypeError, KeyError, ValueError):
            return NEVER_TUNED

    def note(self, file: ModelFile, report: TuningReport, *, at: float) -> Tuned:
        """Keep what was found; a folder that cannot be written costs only the memory of it."""
        is_default = report.chosen == report.trials[0].tuning
        tuned = Tuned(
            tuning=report.chosen,
            why="no_better" if is_default else "measured",
            gain_ratio=report.gain_ratio,
            noise_ratio=report.noise_ratio,
            took_s=report.took_s,
            complete=report.complete,
            at=at,
            trials=tuple((trial.tuning, trial.pace) for trial in report.trials),
        )
        unfinished = self._path.with_suffix(".unfinished")
        with contextlib.suppress(OSError):
            known = {**_read(self._path), self._key(file): asdict(tuned)}
            self._path.parent.mkdir(parents=True, exist_ok=True)
            document = {"procedure": PROCEDURE, "tuned": known}
            unfinished.write_text(json.dumps(document, indent=1), encoding="utf-8")
            unfinished.replace(self._path)
        return tuned

    def _key(self, file: ModelFile) -> str:
        return f"{self._machine} {self._engine_version} {_digest(file)}"


def told_settings(tuned: Tuned, *, size_bytes: int) -> dict[str, str]:
    """Settings and their reason, as texts: for ``galerne ps --json`` and the like."""
    tuning = tuned.tuning
    n_threads = tuning.n_threads or default_threads(size_bytes)
    attention = {None: "auto", True: "on", False: "off"}[tuning.flash_attention]
    told = {
        "threads": str(n_threads),
        "batch_threads": str(tuning.n_batch_threads or n_threads),
        "slots": str(tuning.n_slots),
        "batch_tokens": str(tuning.batch_tokens),
        "flash_attention": attention,
        "kv_type": tuning.kv_type,
        "look_up": "on" if tuning.looks_up else "off",
        "why": tuned.why,
    }
    if tuned.why != "not_measured":
        told |= {"gain_ratio": f"{tuned.gain_ratio:.3f}", "noise_ratio": f"{tuned.noise_ratio:.3f}"}
    return told


def _engine_version() -> str:
    try:
        return metadata.version(ENGINE_PACKAGE)
    except metadata.PackageNotFoundError:
        return "none"


def _digest(file: ModelFile) -> str:
    states = tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in _pieces(file))
    return _digest_of(states)


def _pieces(file: ModelFile) -> tuple[Path, ...]:
    return tuple(path for path in file.pieces or (file.path,) if path.exists())


@functools.lru_cache(maxsize=256)
def _digest_of(states: tuple[tuple[Path, int, int], ...]) -> str:
    """Of the sizes, beginnings and ends of a model's files: all of a large one would take minutes to read."""
    digest = hashlib.sha256()
    for path, size_bytes, _ in states:
        digest.update(size_bytes.to_bytes(8, "little"))
        with path.open("rb") as data:
            digest.update(data.read(_READ_BYTES))
            data.seek(max(0, size_bytes - _READ_BYTES))
            digest.update(data.read(_READ_BYTES))
    return digest.hexdigest()[:32]


def _read(path: Path) -> dict[str, Any]:
    """What is kept; nothing where the file is missing, damaged or of another procedure."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return dict(kept["tuned"]) if kept["procedure"] == PROCEDURE else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
