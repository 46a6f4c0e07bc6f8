"""Writes the trained model as a GGUF file, the way llama.cpp stores Mistral models."""

import json
from pathlib import Path
from typing import Final

import gguf
import numpy as np
import torch
from recipes.builtin import shape, tokens
from transformers import MistralForCausalLM

ARCHITECTURE: Final = "llama"  # llama.cpp keeps the dense Mistral models under this name
DESCRIPTION: Final = (
    "The small guide built into Galerne: trained from scratch on text about Galerne, in English and French. "
    "Not a general assistant, and not made by Mistral AI."
)
LAYER_NAMES: Final = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
ROTATED_HEADS: Final = {"attn_q": shape.N_HEADS, "attn_k": shape.N_KV_HEADS}


def write_gguf(
    model: MistralForCausalLM,
    tokenizer_path: Path,
    path: Path,
    *,
    weight_format: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F16,
) -> None:
    """Write weights, tokenizer and chat template in one file."""
    writer = gguf.GGUFWriter(path, ARCHITECTURE)
    describe(writer, weight_format)
    write_vocabulary(writer, tokenizer_path)
    for name, weights in tensors(model).items():
        is_matrix = weights.ndim == 2
        kept = weight_format if is_matrix else gguf.GGMLQuantizationType.F32
        writer.add_tensor(name, gguf.quants.quantize(weights, kept), raw_dtype=kept)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def describe(writer: gguf.GGUFWriter, weight_format: gguf.GGMLQuantizationType) -> None:
    """Write what the model is and its shape."""
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(shape.NAME)
    writer.add_basename("galerne-mini")
    writer.add_author("The Galerne engineers")
    writer.add_description(DESCRIPTION)
    writer.add_license("apache-2.0")
    writer.add_languages(list(shape.LANGUAGES))
    writer.add_tags(["text-generation", "galerne"])
    writer.add_size_label(f"{shape.n_parameters() / 1e6:.1f}M")
    is_half = weight_format == gguf.GGMLQuantizationType.F16
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if is_half else gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(shape.VOCABULARY_SIZE)
    writer.add_context_length(shape.CONTEXT_TOKENS)
    writer.add_embedding_length(shape.HIDDEN_SIZE)
    writer.add_block_count(shape.N_LAYERS)
    writer.add_feed_forward_length(shape.FEED_FORWARD_SIZE)
    writer.add_head_count(shape.N_HEADS)
    writer.add_head_count_kv(shape.N_KV_HEADS)
    writer.add_key_length(shape.HEAD_SIZE)
    writer.add_value_length(shape.HEAD_SIZE)
    writer.add_rope_dimension_count(shape.HEAD_SIZE)
    writer.add_rope_freq_base(shape.ROPE_THETA)
    writer.add_layer_norm_rms_eps(shape.NORM_EPSILON)


def write_vocabulary(writer: gguf.GGUFWriter, tokenizer_path: Path) -> None:
    """Write tokens, merges, control tokens and the chat template."""
    model = json.loads(tokenizer_path.read_text(encoding="utf-8"))["model"]
    vocabulary = sorted(model["vocab"], key=model["vocab"].__getitem__)
    n_control = len(tokens.CONTROL_TOKENS)
    types = [gguf.TokenType.CONTROL] * n_control + [gguf.TokenType.NORMAL] * (len(vocabulary) - n_control)
    types[tokens.UNKNOWN] = gguf.TokenType.UNKNOWN
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("tekken")
    writer.add_token_list(vocabulary)
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_bos_token_id(tokens.BOS)
    writer.add_eos_token_id(tokens.EOS)
    writer.add_unk_token_id(tokens.UNKNOWN)
    writer.add_pad_token_id(tokens.PAD)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_chat_template(tokens.chat_template())


def tensors(model: MistralForCausalLM) -> dict[str, np.ndarray]:
    """Name the weights as llama.cpp does; the output layer is the embedding."""
    state = model.state_dict()
    named = {
        "token_embd.weight": as_array(state["model.embed_tokens.weight"]),
        "output_norm.weight": as_array(state["model.norm.weight"]),
    }
    for layer in range(shape.N_LAYERS):
        for theirs, ours in LAYER_NAMES.items():
            weights = as_array(state[f"model.layers.{layer}.{theirs}.weight"])
            if ours in ROTATED_HEADS:
                weights = interleave_halves(weights, ROTATED_HEADS[ours])
            named[f"blk.{layer}.{ours}.weight"] = weights
    return named


def interleave_halves(weights: np.ndarray, n_heads: int) -> np.ndarray:
    """Reorder rows: transformers rotates the two halves of a head, llama.cpp neighbouring pairs."""
    halves = weights.reshape(n_heads, 2, weights.shape[0] // n_heads // 2, weights.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weights.shape))


def as_array(weights: torch.Tensor) -> np.ndarray:
    """Give the weights as 32-bit floats."""
    return weights.detach().to(torch.float32).numpy()
