"""What runs on this machine teach: measured times beside predicted ones, and the correction they make.

A run that had the machine to itself is kept as it was measured. The ratio to the prediction is taken when it
is needed, so that a better formula needs no new runs. The median of a few runs corrects: another program may
have been in the way of one.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from galerne.perf.records import BatchShape, Fit, ServingPlan
from galerne.perf.step import predict_step

LEAST_NEW_TOKENS = 16
"""Shorter answers say too little about the pace of writing."""
LEAST_PROMPT_TOKENS = 32
"""Shorter prompts, less what was in the cache, say too little about the pace of reading."""
LEAST_ERROR_RATIO = 0.05
FIRST_ERROR_RATIO = 0.1
"""After one or two runs, whose spread is not known."""
N_FIRST = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One answer that had the machine to itself, as it was measured.

    Attributes:
        prefill_s: from the start of its work to its first token.
        decode_s: from its first token to its last.
        at: when it ended.
    """

    prompt_tokens: int
    cached_tokens: int
    new_tokens: int
    prefill_s: float
    decode_s: float
    at: float

    @property
    def reads(self) -> bool:
        """Whether it says something about the pace of reading."""
        return self.prompt_tokens - self.cached_tokens >= LEAST_PROMPT_TOKENS and self.prefill_s > 0

    @property
    def writes(self) -> bool:
        """Whether it says something about the pace of writing."""
        return self.new_tokens >= LEAST_NEW_TOKENS and self.decode_s > 0

    @property
    def tokens_per_s(self) -> float:
        """Measured pace of writing, from the first token on."""
        return (self.new_tokens - 1) / self.decode_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """How much longer, or shorter, things take here than predicted: factors on times.

    Attributes:
        error_ratio: typical relative error that is left.
    """

    prefill_ratio: float
    decode_ratio: float
    n_runs: int
    error_ratio: float


def predicted_tokens_per_s(plan: ServingPlan, run: Run) -> float:
    """Pace of writing that the shared model predicts for a run."""
    middle = run.prompt_tokens + run.new_tokens / 2.0
    step = predict_step(plan, BatchShape(n_sequences=1.0, context_tokens=middle))
    return 1.0 / float(step.duration_s)


def predicted_prefill_s(plan: ServingPlan, run: Run) -> float:
    """Time to first token that the shared model predicts for a run."""
    batch = BatchShape(
        n_sequences=1.0,
        prompt_tokens=float(run.prompt_tokens),
        cached_tokens=float(run.cached_tokens),
    )
    return float(predict_step(plan, batch).duration_s)


def correct(plan: ServingPlan, runs: Sequence[Run]) -> Correction | None:
    """What these runs of this plan's model teach; None where they teach nothing."""
    writing = [predicted_tokens_per_s(plan, run) / run.tokens_per_s for run in runs if run.writes]
    if not writing:
        return None
    reading = [run.prefill_s / predicted_prefill_s(plan, run) for run in runs if run.reads]
    decode_ratio = statistics.median(writing)
    return Correction(
        prefill_ratio=statistics.median(reading) if reading else 1.0,
        decode_ratio=decode_ratio,
        n_runs=len(writing),
        error_ratio=_left_over_ratio(writing, decode_ratio),
    )


def _left_over_ratio(ratios: Sequence[float], middle_ratio: float) -> float:
    if len(ratios) < N_FIRST:
        return FIRST_ERROR_RATIO
    return max(LEAST_ERROR_RATIO, statistics.mean(abs(ratio / middle_ratio - 1.0) for ratio in ratios))


def with_correction(fit: Fit, correction: Correction | None) -> Fit:
    """A fit whose times and energy are those that runs here have taught."""
    if correction is None:
        return fit
    return replace(
        fit,
        first_token_s=fit.first_token_s * correction.prefill_ratio,
        tokens_per_s=fit.tokens_per_s / correction.decode_ratio,
        # The power is the same, and for longer.
        j_per_token=fit.j_per_token * correction.decode_ratio,
        error_ratio=correction.error_ratio,
        n_runs=correction.n_runs,
    )


Lessons = Callable[[str, str], Sequence[Run]]
"""The runs of a model in a format on this machine."""


def no_lessons(_model_id: str, _format_id: str) -> Sequence[Run]:
    """Of a machine on which nothing has run."""
    return ()
