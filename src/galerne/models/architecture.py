"""What a GGUF header says about the model: its architecture in the catalogue's words."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import NoReturn

from galerne.catalog.weights import ModelSpec, WeightFormat
from galerne.errors import InvalidModelFile
from galerne.models.gguf import GgufHeader, LongArray

SOURCE = "gguf-header"
"""Source key of numbers read from the file itself."""
_FLOATS = {"F64", "F32", "F16", "BF16"}
"""Formats that are multiplied as they are; the others through 8-bit integers."""


def architecture(header: GgufHeader, *, model_id: str) -> ModelSpec:
    """The architecture of the model in a file, with the keys of the catalogue.

    Raises:
        InvalidModelFile: a number that every language model has is absent or impossible.
    """
    numbers = _Numbers(header)
    n_heads = numbers.layered("attention.head_count")
    dim = numbers.required("embedding_length")
    n_experts = numbers.optional("expert_count")
    n_experts_per_token = numbers.optional("expert_used_count")
    n_parameters = sum(tensor.n_parameters for tensor in header.tensors)
    in_experts = sum(tensor.n_parameters for tensor in header.tensors if "_exps." in tensor.name)
    idle_ratio = 1 - n_experts_per_token / n_experts if n_experts else 0.0
    spec = ModelSpec(
        id=model_id,
        name=_text(header, "general.name") or model_id,
        repository="",
        released="",
        licence=_text(header, "general.license"),
        # A file does not say who may use it for what; the catalogue does.
        commercial_use=False,
        n_parameters=n_parameters,
        n_active_parameters=n_parameters - round(in_experts * idle_ratio),
        context_tokens=numbers.required("context_length"),
        dim=dim,
        n_layers=numbers.required("block_count"),
        head_dim=numbers.optional("attention.key_length") or dim // n_heads,
        hidden_dim=numbers.layered("feed_forward_length"),
        n_heads=n_heads,
        n_kv_heads=numbers.layered("attention.head_count_kv", default=n_heads),
        vocab_size=_vocabulary(header),
        tied_embeddings=not any(tensor.name == "output.weight" for tensor in header.tensors),
        sliding_window=numbers.optional("attention.sliding_window"),
        n_experts=n_experts,
        n_experts_per_token=n_experts_per_token,
        n_shared_experts=numbers.optional("expert_shared_count"),
        n_dense_layers=numbers.optional("leading_dense_block_count"),
        expert_hidden_dim=numbers.optional("expert_feed_forward_length"),
        sources={"default": SOURCE},
    )
    return _with_latent_attention(spec, numbers)


def weights_bytes(header: GgufHeader) -> int:
    """Bytes of all tensors: what the engine reads into memory."""
    return sum(tensor.size_bytes for tensor in header.tensors)


def weight_format(header: GgufHeader) -> WeightFormat:
    """How the weights are stored: named after most of the bytes, with the mean width over the whole file.

    Raises:
        InvalidModelFile: there are no weights.
    """
    held = Counter[str]()
    for tensor in header.tensors:
        held[tensor.type_name] += tensor.size_bytes
    if not held:
        _refuse(header, "it holds no weights")
    name = held.most_common(1)[0][0]
    n_parameters = sum(tensor.n_parameters for tensor in header.tensors)
    return WeightFormat(
        id=name.lower(),
        name=f"GGUF {name}",
        bytes_per_weight=weights_bytes(header) / n_parameters,
        compute="fp16" if name in _FLOATS else "int8",
        sources={"default": SOURCE},
    )


def has_chat_template(header: GgufHeader) -> bool:
    """Whether the file says how a conversation is written."""
    return bool(_text(header, "tokenizer.chat_template"))


def _with_latent_attention(spec: ModelSpec, numbers: _Numbers) -> ModelSpec:
    """Add the ranks of multi-head latent attention, where the model has it."""
    kv_lora_rank = numbers.optional("attention.kv_lora_rank")
    if not kv_lora_rank:
        return spec
    rope_dim = numbers.optional("rope.dimension_count")
    return replace(
        spec,
        kv_lora_rank=kv_lora_rank,
        q_lora_rank=numbers.optional("attention.q_lora_rank"),
        qk_rope_head_dim=rope_dim,
        qk_nope_head_dim=max(0, numbers.optional("attention.key_length_mla") - rope_dim),
        v_head_dim=numbers.optional("attention.value_length_mla"),
    )


class _Numbers:
    """Reads ``<architecture>.<key>`` numbers, and says which is missing."""

    def __init__(self, header: GgufHeader) -> None:
        self._header = header
        self._prefix = _text(header, "general.architecture")
        if not self._prefix:
            _refuse(header, "general.architecture is missing")

    def optional(self, key: str) -> int:
        value = self._header.metadata.get(f"{self._prefix}.{key}", 0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            _refuse(self._header, f"{self._prefix}.{key} is not a whole number")
        return value

    def required(self, key: str) -> int:
        value = self.optional(key)
        if not value:
            _refuse(self._header, f"{self._prefix}.{key} is missing or zero")
        return value

    def layered(self, key: str, *, default: int = 0) -> int:
        """A number that may be given layer by layer; then the largest."""
        value = self._header.metadata.get(f"{self._prefix}.{key}")
        if isinstance(value, tuple) and value and all(type(number) is int for number in value):
            most = int(max(value))
            if most >= 1:
                return most
        return self.required(key) if value is not None or not default else default


def _vocabulary(header: GgufHeader) -> int:
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    if isinstance(tokens, LongArray) and tokens.n_items:
        return tokens.n_items
    embedding = next((t for t in header.tensors if t.name == "token_embd.weight"), None)
    if embedding is None or len(embedding.shape) != 2:
        _refuse(header, "it has neither a vocabulary nor a token embedding")
    return embedding.shape[1]


def _text(header: GgufHeader, key: str) -> str:
    value = header.metadata.get(key, "")
    return value if isinstance(value, str) else ""


def _refuse(header: GgufHeader, problem: str) -> NoReturn:
    raise InvalidModelFile(path=str(header.path), problem=problem)
