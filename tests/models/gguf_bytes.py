"""A GGUF writer for tests: small, by hand, so that a test can also write what no exporter would."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

ALIGNMENT = 32
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY, _UINT64 = 4, 5, 6, 7, 8, 9, 10


def string(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(raw)) + raw


def value(item: Any) -> bytes:
    """One metadata value with its type in front."""
    kind, body = _typed(item)
    return struct.pack("<I", kind) + body


def _typed(item: Any) -> tuple[int, bytes]:
    match item:
        case bool():
            return _BOOL, struct.pack("<?", item)
        case int():
            return (_UINT32, struct.pack("<I", item)) if item < 2**32 else (_UINT64, struct.pack("<Q", item))
        case float():
            return _FLOAT32, struct.pack("<f", item)
        case str():
            return _STRING, string(item)
        case list() if item and isinstance(item[0], float):
            return _ARRAY, struct.pack(f"<IQ{len(item)}f", _FLOAT32, len(item), *item)
        case list():
            parts = [
                _typed(each) if isinstance(each, str) else (_INT32, struct.pack("<i", each)) for each in item
            ]
            kind = parts[0][0] if parts else _STRING
            return _ARRAY, struct.pack("<IQ", kind, len(parts)) + b"".join(body for _, body in parts)
    raise TypeError(type(item))


def gguf(
    metadata: Mapping[str, Any],
    tensors: Mapping[str, np.ndarray],
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    n_tensors: int | None = None,
    n_pairs: int | None = None,
) -> bytes:
    """A whole file; the counts may be lied about."""
    n_tensors = len(tensors) if n_tensors is None else n_tensors
    n_pairs = len(metadata) if n_pairs is None else n_pairs
    head = magic + struct.pack("<IQQ", version, n_tensors, n_pairs)
    head += b"".join(string(key) + value(item) for key, item in metadata.items())
    body = b""
    for name, array in tensors.items():
        body += b"\0" * (-len(body) % ALIGNMENT)
        dimensions = array.shape[::-1]
        head += string(name) + struct.pack("<I", len(dimensions))
        head += struct.pack(f"<{len(dimensions)}Q", *dimensions) + struct.pack("<IQ", 0, len(body))
        body += array.astype("<f4").tobytes()
    return head + b"\0" * (-len(head) % ALIGNMENT) + body


def byte_letters() -> list[str]:
    """The printable letter that byte-level tokenizers use for each of the 256 bytes."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in shown}
    hidden = [byte for byte in range(256) if byte not in letters]
    letters.update({byte: chr(256 + place) for place, byte in enumerate(hidden)})
    return [letters[byte] for byte in range(256)]


def tiny_metadata(*, context_tokens: int = 512, **changes: Any) -> dict[str, Any]:
    """Metadata of a Mistral-shaped model of 2 layers whose tokens are single bytes."""
    tokens = ["<unk>", "<s>", "</s>", *byte_letters()]
    metadata: dict[str, Any] = {
        "general.architecture": "llama",
        "general.name": "tiny",
        "general.file_type": 0,
        "llama.context_length": context_tokens,
        "llama.embedding_length": 64,
        "llama.block_count": 2,
        "llama.feed_forward_length": 128,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": 16,
        "llama.rope.freq_base": 10000.0,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "tekken",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3, 3, 3, *([1] * 256)],
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.chat_template": "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}",
    }
    return {**metadata, **changes}


def tiny_tensors(*, seed: int = 7, dim: int = 64, vocab: int = 259) -> dict[str, np.ndarray]:
    """Random weights of that shape; the output is tied to the embedding."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, Sequence[int]] = {"token_embd.weight": (vocab, dim)}
    for layer in range(2):
        shapes |= {
            f"blk.{layer}.attn_norm.weight": (dim,),
            f"blk.{layer}.attn_q.weight": (64, dim),
            f"blk.{layer}.attn_k.weight": (32, dim),
            f"blk.{layer}.attn_v.weight": (32, dim),
            f"blk.{layer}.attn_output.weight": (dim, 64),
            f"blk.{layer}.ffn_norm.weight": (dim,),
            f"blk.{layer}.ffn_gate.weight": (128, dim),
            f"blk.{layer}.ffn_up.weight": (128, dim),
            f"blk.{layer}.ffn_down.weight": (dim, 128),
        }
    shapes["output_norm.weight"] = (dim,)
    return {name: rng.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}


def tiny_gguf(**changes: Any) -> bytes:
    """A small model that the engine really runs."""
    return gguf(tiny_metadata(**changes), tiny_tensors())


def tiny_projector(*, kind: str = "pixtral", dim: int = 64, **changes: Any) -> bytes:
    """Eyes for a model of that width: one layer of random weights that the engine really runs.

    A token stands for 16 x 16 pixels: patches of 8, four of them merged.
    """
    rng = np.random.default_rng(3)
    wide = 32
    metadata: dict[str, Any] = {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "general.file_type": 0,
        "clip.has_vision_encoder": True,
        "clip.projector_type": kind,
        "clip.use_silu": True,
        "clip.vision.projection_dim": dim,
        "clip.vision.image_size": 64,
        "clip.vision.patch_size": 8,
        "clip.vision.embedding_length": wide,
        "clip.vision.feed_forward_length": 64,
        "clip.vision.block_count": 1,
        "clip.vision.attention.head_count": 2,
        "clip.vision.attention.layer_norm_epsilon": 1e-5,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.25, 0.25, 0.25],
        "clip.vision.spatial_merge_size": 2,
        **changes,
    }
    shapes: dict[str, Sequence[int]] = {
        "v.patch_embd.weight": (wide, 3, 8, 8),
        "v.pre_ln.weight": (wide,),
        "v.blk.0.ln1.weight": (wide,),
        "v.blk.0.ln2.weight": (wide,),
        **{f"v.blk.0.attn_{part}.weight": (wide, wide) for part in ("q", "k", "v", "out")},
        "v.blk.0.ffn_gate.weight": (64, wide),
        "v.blk.0.ffn_up.weight": (64, wide),
        "v.blk.0.ffn_down.weight": (wide, 64),
        "mm.input_norm.weight": (wide,),
        "mm.patch_merger.weight": (wide, 4 * wide),
        "mm.1.weight": (dim, wide),
        "mm.1.bias": (dim,),
        "mm.2.weight": (dim, dim),
        "mm.2.bias": (dim,),
        "v.token_embd.img_break": (dim,),
    }
    weights = {name: rng.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
    return gguf(metadata, weights)


def reciting_gguf(text: str, *, after: str) -> bytes:
    """A model that answers any prompt ending in ``after`` with ``text``, byte by byte, and then ends.

    Attention and feed-forward parts write nothing, so each token alone chooses the next: no byte of the
    chain may occur twice.
    """
    chain = [byte + 3 for byte in (after + text).encode()] + [2]
    if len(set(chain)) != len(chain):
        raise ValueError(f"a byte occurs twice in {after + text!r}")
    return gguf(tiny_metadata(), _chain_tensors(chain))


def _chain_tensors(chain: Sequence[int], *, vocab: int = 259) -> dict[str, np.ndarray]:
    """Weights with which each token of the chain is followed by the next."""
    tensors = tiny_tensors(vocab=vocab)
    for name in tensors:
        if "attn_output" in name or "ffn_down" in name:
            tensors[name] = np.zeros_like(tensors[name])
        if "norm" in name:
            tensors[name] = np.ones_like(tensors[name])
    embedding = tensors["token_embd.weight"]
    tensors["output.weight"] = np.zeros_like(embedding)
    for token, following in itertools.pairwise(chain):
        tensors["output.weight"][following] = embedding[token]
    return tensors


def saying_gguf(pieces: Sequence[str], *, after: str = "?", **changes: Any) -> bytes:
    """A model that answers any prompt ending in the byte ``after`` with these pieces, each one token.

    The pieces are tokens of their own in its vocabulary, so that an answer may be long, hold the marks of a
    tool call, and be known in advance.
    """
    metadata = tiny_metadata(**changes)
    metadata["tokenizer.ggml.tokens"] = [*metadata["tokenizer.ggml.tokens"], *pieces]
    # User-defined tokens are written as they are, never split and never hidden.
    metadata["tokenizer.ggml.token_type"] = [*metadata["tokenizer.ggml.token_type"], *([4] * len(pieces))]
    metadata["llama.vocab_size"] = n_tokens = 259 + len(pieces)
    chain = [ord(after) + 3, *range(259, n_tokens), 2]
    return gguf(metadata, _chain_tensors(chain, vocab=n_tokens))
