"""A model of about 200 million random weights, Q8_0: it says nothing, at the speed of one that would.

Made once and kept in ``benchmarks/.work``; needs no library of GGUF and no network.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from tests.models.gguf_bytes import ALIGNMENT, byte_letters, string, value

WORK = Path(__file__).parent / ".work"
MODEL_ID = "random-200m"
N_LAYERS, WIDTH, KV_WIDTH, HIDDEN, VOCABULARY = 14, 1024, 512, 2816, 32_768
_F32, _Q8_0, _BLOCK = 0, 8, 32
_SCALE = np.float16(0.02 / 73)  # bytes drawn evenly from -127 to 127 have a deviation of 73


def random_model() -> Path:
    """The file; made where missing."""
    path = WORK / "models" / f"{MODEL_ID}.gguf"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as out:
            _write(out)
        unfinished.rename(path)
    return path


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (VOCABULARY, WIDTH)}
    for layer in range(N_LAYERS):
        shapes |= {
            f"blk.{layer}.attn_norm.weight": (WIDTH,),
            f"blk.{layer}.attn_q.weight": (WIDTH, WIDTH),
            f"blk.{layer}.attn_k.weight": (KV_WIDTH, WIDTH),
            f"blk.{layer}.attn_v.weight": (KV_WIDTH, WIDTH),
            f"blk.{layer}.attn_output.weight": (WIDTH, WIDTH),
            f"blk.{layer}.ffn_norm.weight": (WIDTH,),
            f"blk.{layer}.ffn_gate.weight": (HIDDEN, WIDTH),
            f"blk.{layer}.ffn_up.weight": (HIDDEN, WIDTH),
            f"blk.{layer}.ffn_down.weight": (WIDTH, HIDDEN),
        }
    return {**shapes, "output_norm.weight": (WIDTH,)}


def _metadata() -> dict[str, object]:
    letters = byte_letters()
    tokens = ["<unk>", "<s>", "</s>", *letters]
    tokens += [f"w{number}" for number in range(VOCABULARY - len(tokens))]
    return {
        "general.architecture": "llama",
        "general.name": MODEL_ID,
        "general.file_type": 7,
        "llama.context_length": 4096,
        "llama.embedding_length": WIDTH,
        "llama.block_count": N_LAYERS,
        "llama.feed_forward_length": HIDDEN,
        "llama.attention.head_count": 16,
        "llama.attention.head_count_kv": 8,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": 64,
        "llama.rope.freq_base": 10000.0,
        "llama.vocab_size": VOCABULARY,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "tekken",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3, 3, 3, *([1] * (VOCABULARY - 3))],
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}",
    }


def _write(out: BinaryIO) -> None:
    metadata, shapes = _metadata(), _shapes()
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(metadata))
    head += b"".join(string(key) + value(item) for key, item in metadata.items())
    place = 0
    for name, shape in shapes.items():
        kind = _F32 if len(shape) == 1 else _Q8_0
        n_bytes = shape[0] * 4 if kind == _F32 else int(np.prod(shape)) // _BLOCK * (2 + _BLOCK)
        head += string(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape[::-1])
        head += struct.pack("<IQ", kind, place)
        place += n_bytes + -n_bytes % ALIGNMENT
    out.write(head + b"\0" * (-len(head) % ALIGNMENT))
    draw = np.random.default_rng(7)
    for shape in shapes.values():
        body = np.ones(shape, "<f4").tobytes() if len(shape) == 1 else _blocks(draw, int(np.prod(shape)))
        out.write(body + b"\0" * (-len(body) % ALIGNMENT))


def _blocks(draw: np.random.Generator, n_weights: int) -> bytes:
    blocks = np.empty(n_weights // _BLOCK, dtype=[("scale", "<f2"), ("values", "i1", _BLOCK)])
    blocks["scale"] = _SCALE
    blocks["values"] = draw.integers(-127, 128, (len(blocks), _BLOCK), dtype=np.int8)
    return blocks.tobytes()


if __name__ == "__main__":
    print(random_model())
