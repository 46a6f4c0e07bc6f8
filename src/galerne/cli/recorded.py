"""What ``python -m validation.this_machine`` has kept: prediction and measurement on one machine and day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from galerne.cli.runs import RunComparison

RECORDED = Path(__file__).with_name("recorded_runs.json")
CALM_CORES = 0.1
"""Other programs that used more of the machine than this have spoilt the measurement."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedRuns:
    """One recorded comparison.

    Attributes:
        others_cores: cores that other programs kept busy meanwhile.
    """

    date: str
    processor: str
    n_cores: int
    others_cores: float
    rows: tuple[RunComparison, ...]

    @property
    def is_calm(self) -> bool:
        """Whether the machine did nothing else."""
        return self.others_cores <= CALM_CORES


def recorded_runs(path: Path = RECORDED) -> RecordedRuns | None:
    """The last one kept; None where there is none."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return None
    return RecordedRuns(
        date=kept["date"],
        processor=kept["machine"]["processor"],
        n_cores=kept["machine"]["n_cores"],
        others_cores=kept["others_cores"],
        rows=tuple(RunComparison(**row) for row in kept["rows"]),
    )
