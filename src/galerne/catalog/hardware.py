"""Rows and records of machines: accelerators, hosts, systems, and how far each stays from its datasheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from galerne.spread import Spread


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceleratorSpec:
    """A GPU or its like, from its datasheet.

    Attributes:
        peak_flop_per_s: dense peak by number format (``fp16``, ``fp8``, ``fp4``).
        link_bytes_per_s: fastest link to its neighbours, both directions together.
        idle_w: power with a model loaded and nothing to do.
        embodied_g: CO2e of its manufacture.
        reached_peak_ratio: share of its peak that matrix products reach over long, over the share that they
            reach on the accelerators of the calibration. 1 where nobody measured both.
    """

    id: str
    name: str
    memory_bytes: float
    memory_bytes_per_s: float
    peak_flop_per_s: Mapping[str, float]
    link_bytes_per_s: float
    power_limit_w: float
    idle_w: float
    embodied_g: float
    sources: Mapping[str, str]
    reached_peak_ratio: float = 1.0
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class HostSpec:
    """A kind of processor, per core, so that a slice of a server is accounted like a whole laptop.

    Attributes:
        match: regular expression on the processor's own name; the first row that matches serves.
        busy_core_w: what one more busy core adds, at the machine's plug.
        idle_core_w: a core's share of the machine's idle power.
        embodied_core_g: a core's share of the CO2e of the machine's manufacture.
        life_years: years over which manufacture is spread.
    """

    id: str
    name: str
    match: str
    busy_core_w: float
    idle_core_w: float
    embodied_core_g: float
    life_years: float
    sources: Mapping[str, str]
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemSpec:
    """A machine one can buy for a data centre: accelerators in a host, a node or a whole rack.

    Attributes:
        host_idle_w: everything but the accelerators, at rest.
        host_busy_w: everything but the accelerators, at full load.
        n_racks: racks it fills (a fraction for a node).
        price_usd: dated list or reported price.
        embodied_host_g: CO2e of its manufacture without the accelerators.
    """

    id: str
    name: str
    accelerator_id: str
    n_accelerators: int
    host_idle_w: float
    host_busy_w: float
    n_racks: float
    price_usd: float
    embodied_host_g: float
    sources: Mapping[str, str]
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """How far an engine on a kind of hardware stays from the datasheet's roofline, fitted on measurements.

    Each ``*_traffic_ratio`` and ``*_flop_ratio`` multiplies an ideal time (bytes over bandwidth, operations
    over peak); ``kernel_s`` is a time per kernel. ``perf.terms`` says what they multiply.

    Attributes:
        target: ``accelerator`` or ``host``.
        engine: engine family it was fitted on; ``any`` for all of them together.
        weight_traffic_ratio: time of reading dense weights, over ideal.
        expert_traffic_ratio: time of reading experts, over ideal.
        kv_traffic_ratio: time of reading keys and values, over ideal.
        logits_traffic_ratio: time that each sequence takes besides, sampling among it, over reading its
            scores of the whole vocabulary once.
        route_traffic_ratio: time of bringing each token to its experts within a device, over reading it once.
        decode_flop_ratio: time of decode arithmetic without experts, over ideal.
        prefill_flop_ratio: time of the dense products of prompts, over ideal in the format of the weights.
        prefill_wide_flop_ratio: the same over ideal in 16 bits: what a narrow format does not speed up.
        attention_flop_ratio: time of the attention of prompts, over ideal.
        expert_flop_ratio: time of the products with routed experts, of prompts and decoding, over ideal.
        reduce_traffic_ratio: time of the sums of tensor parallelism, over the link's ideal.
        exchange_traffic_ratio: time of the exchange of tokens among experts, over the link's ideal.
        kernel_s: fixed time of each kernel that waits for the one before.
        base_power_ratio: power while stepping, before any traffic or arithmetic, over the power limit.
        quantised_power_ratio: power added while stepping where dense weights have less than 16 bits.
        traffic_power_ratio: power added at full memory bandwidth, over the power limit.
        flop_power_ratio: power added at peak arithmetic, over the power limit (capped by it).
        sequence_power_s: energy that each sequence of a step adds on each device, over the power limit.
        kernel_power_s: energy that each kernel of a step adds on each device, over the power limit.
        error_ratio: mean relative error of a predicted duration.
        duration_ratio: measured duration over predicted one, for intervals: 1, with p5 and p95 of runs whose
            model, GPU or engine was held out.
    """

    id: str
    target: str
    engine: str
    weight_traffic_ratio: float
    expert_traffic_ratio: float
    kv_traffic_ratio: float
    logits_traffic_ratio: float
    route_traffic_ratio: float
    decode_flop_ratio: float
    prefill_flop_ratio: float
    prefill_wide_flop_ratio: float
    attention_flop_ratio: float
    expert_flop_ratio: float
    reduce_traffic_ratio: float
    exchange_traffic_ratio: float
    kernel_s: float
    base_power_ratio: float
    traffic_power_ratio: float
    flop_power_ratio: float
    sequence_power_s: float
    kernel_power_s: float
    error_ratio: float
    duration_ratio: float
    sources: Mapping[str, str]
    quantised_power_ratio: float = 0.0
    spread: Mapping[str, Spread] = field(default_factory=dict)

    @property
    def duration(self) -> Spread:
        """Measured duration over predicted one."""
        return self.spread.get("duration_ratio", Spread.within(self.duration_ratio, 1.0, 1.0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """A computer as the shared model sees it: found by the probe, or assembled from rows by a planner.

    Attributes:
        n_cores: cores this process may use.
        memory_bytes: memory this process may use, as its container sees it.
        memory_bytes_per_s: bandwidth of the host's memory.
        peak_flop_per_s: arithmetic of the host's cores together, single precision.
        accelerators: one entry per device; empty on a machine without.
        accelerator_host_w: what the host draws while its accelerators work; 0 on a machine without.
        methods: how each number was had (``measured``, ``derived``, ``modelled``), by field.
    """

    name: str
    host: HostSpec
    n_cores: int
    memory_bytes: int
    memory_bytes_per_s: float
    peak_flop_per_s: float
    accelerators: tuple[AcceleratorSpec, ...] = ()
    accelerator_host_w: float = 0.0
    os: str = ""
    fingerprint: str = ""
    methods: Mapping[str, str] = field(default_factory=dict)

    @property
    def idle_w(self) -> float:
        """Power of this machine (or of our slice of it) at rest."""
        return self.n_cores * self.host.idle_core_w + sum(device.idle_w for device in self.accelerators)

    @property
    def embodied_g(self) -> float:
        """CO2e of the manufacture of this machine, or of our slice of it."""
        return self.n_cores * self.host.embodied_core_g + sum(d.embodied_g for d in self.accelerators)
