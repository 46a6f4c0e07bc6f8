"""Rows of models: their architecture, the formats and files of their weights, what they cost elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from galerne.spread import Spread


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
