"""What the shared model is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galerne.catalog import Calibration, Machine, ModelSpec, WeightFormat
from galerne.spread import Spread
from galerne.units import Numeric


@dataclass(frozen=True, kw_only=True, slots=True)
class ServingPlan:
    """A model in a format on a machine: one replica and how it is divided.

    The weights of routed experts are always divided over all devices of a stage, whole experts over
    ``expert_parallel`` groups and slices of them within a group; the rest over ``tensor_parallel`` devices.

    Attributes:
        format: of the dense weights, and of the experts where ``expert_format`` is None.
        tensor_parallel: accelerators that share each layer; 1 on a machine without accelerators.
        pipeline_parallel: stages, each with its share of the layers.
        expert_parallel: groups of devices with experts of their own; 1 where each device has a slice of all.
        data_parallel: copies of attention and dense layers, each with its share of the sequences.
        context_tokens: tokens of context reserved per sequence.
        max_sequences: sequences served at once.
        kv_bytes_per_value: width of a stored key or value.
        power_cap_w: limit set on each accelerator below its own; None for none.
    """

    model: ModelSpec
    format: WeightFormat
    machine: Machine
    calibration: Calibration
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    data_parallel: int = 1
    expert_parallel: int = 1
    context_tokens: int = 4096
    max_sequences: int = 1
    kv_bytes_per_value: float = 2.0
    expert_format: WeightFormat | None = None
    power_cap_w: float | None = None

    @property
    def n_devices(self) -> int:
        """Accelerators of the replica."""
        return self.tensor_parallel * self.pipeline_parallel * self.data_parallel

    @property
    def duration(self) -> Spread:
        """Measured duration over predicted one: what held-out runs say, and how sure the peak is.

        The peak counts in full, as if arithmetic were all of the step: at most that much.
        """
        runs = self.calibration.duration
        for device in self.machine.accelerators[:1]:
            if (peak := device.spread.get("reached_peak_ratio")) is not None:
                low, high = peak.best / peak.high, peak.best / peak.low
                return Spread(best=runs.best, low=min(runs.low, low), high=max(runs.high, high))
        return runs

    @property
    def expert_format_or_format(self) -> WeightFormat:
        """Format of the routed experts."""
        return self.expert_format or self.format


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchShape:
    """One step of an engine. Numbers or arrays that broadcast.

    ``n_sequences`` either all decode one token (``prompt_tokens`` 0) or all read a piece of their prompt;
    ``n_decoding`` further ones decode in the same step (chunked prefill).

    Attributes:
        n_sequences: sequences in the step.
        prompt_tokens: prompt tokens per sequence processed in this step; 0 in a pure decode step.
        cached_tokens: how many of those are already in the cache and cost nothing.
        context_tokens: tokens already in each sequence before this step.
        n_decoding: sequences that decode beside those that read.
        decoding_context_tokens: tokens already in each of these.
    """

    n_sequences: Numeric
    prompt_tokens: Numeric = 0.0
    cached_tokens: Numeric = 0.0
    context_tokens: Numeric = 0.0
    n_decoding: Numeric = 0.0
    decoding_context_tokens: Numeric = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class StepCost:
    """Time, energy and work of one step; arrays where the batch was arrays.

    Attributes:
        memory_s: part of the duration spent on memory traffic; likewise ``compute_s``, and ``overhead_s`` for
            links and for kernels to start.
        accelerator_j: energy of the accelerators during the step, their idle power included.
        host_j: energy of the host during the step, its idle power included.
    """

    duration_s: Numeric
    memory_s: Numeric
    compute_s: Numeric
    overhead_s: Numeric
    accelerator_j: Numeric
    host_j: Numeric
    moved_bytes: Numeric
    flop: Numeric

    @property
    def it_j(self) -> Numeric:
        """Energy of the machine during the step."""
        return self.accelerator_j + self.host_j

    @property
    def bound(self) -> npt.NDArray[np.str_] | str:
        """What the step waits for most: ``memory``, ``compute`` or ``overhead``."""
        times_s = np.stack(np.broadcast_arrays(self.memory_s, self.compute_s, self.overhead_s))
        names = np.array(["memory", "compute", "overhead"])[np.argmax(times_s, axis=0)]
        return str(names) if names.ndim == 0 else names


@dataclass(frozen=True, kw_only=True, slots=True)
class StepWeights:
    """How a batch's measured energy is shared: only the ratios matter.

    A decode step of n sequences costs ``fixed_j + n · per_sequence_j`` plus its context; its fair (Shapley)
    share is ``fixed_j / n + per_sequence_j`` each.
    """

    fixed_j: float
    per_sequence_j: float
    per_prompt_token_j: float
    per_context_token_j: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """Whether a plan fits a memory, and what to expect of it, alone on the machine.

    Attributes:
        needed_bytes: weights, keys and values of the whole reserved context, and the engine's own buffers.
        headroom_bytes: what stays free; negative where it does not fit.
        first_token_s: time to first token of a prompt of ``prompt_tokens``.
        j_per_token: energy of the machine per generated token, idle power included.
        error_ratio: typical relative error of the times, from calibration or from runs.
        n_runs: runs on this machine that corrected the times; 0 for the calibration alone.
    """

    plan: ServingPlan
    fits: bool
    weights_bytes: float
    kv_bytes_per_token: float
    needed_bytes: float
    headroom_bytes: float
    prompt_tokens: int
    first_token_s: float
    tokens_per_s: float
    j_per_token: float
    error_ratio: float
    n_runs: int = 0
