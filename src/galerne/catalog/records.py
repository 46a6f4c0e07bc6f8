"""The rows of the catalogue: facts of the trade, each number with its source.

A row is a frozen record. ``sources`` names the source of each number by field (``default`` for the others);
``spread`` holds the low and high of those given as a range. Field names carry units as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from galerne.spread import Spread


class Row(Protocol):
    """What every catalogue record has."""

    @property
    def id(self) -> str: ...  # noqa: D102  # the key of the row
    @property
    def sources(self) -> Mapping[str, str]: ...  # noqa: D102  # source key by field
    @property
    def spread(self) -> Mapping[str, Spread]: ...  # noqa: D102  # low and high by field


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where a number comes from.

    Attributes:
        quality: ``measured``, ``published``, ``derived`` or ``estimated``.
    """

    key: str
    title: str
    publisher: str
    url: str
    date: str
    quality: str
    licence: str = ""


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
class ModelSpec:
    """An open-weight model by its architecture; keys as in Mistral's ``params.json``.

    Mixture of experts: ``n_experts`` > 0. Multi-head latent attention: ``kv_lora_rank`` > 0.

    Attributes:
        n_parameters: all weights, text part, as published.
        n_active_parameters: weights a token passes through.
        context_tokens: longest context it was made for.
        sliding_window: context that windowed attention sees; with ``n_windowed_layers`` and 0, those layers
            keep no growing context at all (linear attention).
        n_windowed_layers: layers whose attention does not see the whole context.
        n_dense_layers: leading layers without experts, in a mixture.
        n_extra_layer_kernels: kernels that a layer runs, on average, besides those of the plain form
            (``perf.kernels``): two for norms of queries and keys, others for linear or sparse attention.
        purpose: ``general``, or what it was trained for: ``code``, ``reasoning``, ``audio``, ...
    """

    id: str
    name: str
    repository: str
    released: str
    licence: str
    commercial_use: bool
    n_parameters: float
    n_active_parameters: float
    context_tokens: int
    dim: int
    n_layers: int
    head_dim: int
    hidden_dim: int
    n_heads: int
    n_kv_heads: int
    vocab_size: int
    tied_embeddings: bool = False
    sliding_window: int = 0
    n_windowed_layers: int = 0
    n_experts: int = 0
    n_experts_per_token: int = 0
    n_shared_experts: int = 0
    n_dense_layers: int = 0
    expert_hidden_dim: int = 0
    q_lora_rank: int = 0
    kv_lora_rank: int = 0
    qk_nope_head_dim: int = 0
    qk_rope_head_dim: int = 0
    v_head_dim: int = 0
    n_extra_layer_kernels: float = 0.0
    purpose: str = "general"
    sources: Mapping[str, str] = field(default_factory=dict)
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedModel:
    """An open-weight model that is known by name only: without a sourced architecture nothing is predicted.

    Attributes:
        why: what is missing.
    """

    id: str
    name: str
    repository: str
    released: str
    licence: str
    commercial_use: bool
    n_parameters: float
    purpose: str
    why: str
    sources: Mapping[str, str]
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightFormat:
    """How weights are stored.

    Attributes:
        bytes_per_weight: mean over the file, scales included.
        compute: number format of the matrix units that multiply it, a key of ``peak_flop_per_s``.
    """

    id: str
    name: str
    bytes_per_weight: float
    compute: str
    sources: Mapping[str, str]
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFileSpec:
    """A model file known on a public hub."""

    id: str
    model_id: str
    format_id: str
    repository: str
    filename: str
    size_bytes: int
    sha256: str
    sources: Mapping[str, str]
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRepository:
    """Where GGUF files of a model are published, their sizes and hashes being the hub's to say.

    Attributes:
        id: of the model.
    """

    id: str
    repository: str
    sources: Mapping[str, str]
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ZoneFactor:
    """A grid zone's yearly factors.

    Attributes:
        g_per_kwh: life-cycle CO2e of electricity, location-based, mean of ``year``.
        l_per_kwh: water consumed by its power stations.
        eur_per_kwh: industrial price without tax; 0 < only where known.
    """

    id: str
    name: str
    iso3: str
    year: int
    g_per_kwh: float
    l_per_kwh: float
    eur_per_kwh: float | None
    sources: Mapping[str, str]
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class CoolingPlant:
    """A way to carry heat out of a building.

    Attributes:
        supply_c: temperature of the water or air given to the machines.
        approach_k: by how much the outside must be colder than the supply for free cooling.
        adiabatic_ratio: how far evaporation brings dry bulb towards wet bulb; 0 for a dry plant.
        fan_ratio: fan power per unit of heat at design air flow.
        pump_ratio: pump power per unit of heat.
        air_side_ratio: share of the heat that stays in room air, cooled apart.
        air_side_cop: heat moved per unit of power on that air side.
        chiller_cop: coefficient of performance of mechanical cooling at 35 C outside; 0 where there is none.
        evaporated_ratio: share of the heat that towers give away as vapour in any weather; 0 where water only
            wets the air that needs it.
        mixing_flow_ratio: air flow that the machines themselves ask for at full load, over full flow, however
            cold it is; 0 where coolers outside turn as slowly as the weather allows.
    """

    id: str
    name: str
    supply_c: float
    approach_k: float
    adiabatic_ratio: float
    fan_ratio: float
    pump_ratio: float
    air_side_ratio: float
    air_side_cop: float
    chiller_cop: float
    sources: Mapping[str, str]
    evaporated_ratio: float = 0.0
    mixing_flow_ratio: float = 0.0
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerStage:
    """One stage of a power chain: loss = fixed + linear x load + square x load^2, as ratios of its rating."""

    id: str
    name: str
    fixed_ratio: float
    linear_ratio: float
    square_ratio: float
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """A single figure that belongs to no row: an exchange rate, a lifetime, a price."""

    id: str
    name: str
    value: float
    unit: str
    sources: Mapping[str, str]
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What somebody asks for a model over their API, by a dated list.

    Attributes:
        model_id: the open-weight model of the catalogue that it is; empty where none is.
        status: of the offer when the list was read.
    """

    id: str
    name: str
    model_id: str
    status: str
    input_usd_per_million: float
    input_eur_per_million: float
    output_usd_per_million: float
    output_eur_per_million: float
    sources: Mapping[str, str]
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClimatePlace:
    """A place with hourly climate normals.

    Attributes:
        normals: file of its month-by-hour normals, below ``data/climates``.
        altitude_m: height for which the normals hold.
        build_cost_id: fact with the build cost of its market, or of the nearest one.
    """

    id: str
    name: str
    zone_id: str
    latitude: float
    longitude: float
    altitude_m: float
    normals: str
    build_cost_id: str
    sources: Mapping[str, str]
    spread: Mapping[str, Spread] = field(default_factory=dict)
