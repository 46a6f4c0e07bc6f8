from pathlib import Path

import numpy as np
import pytest

from galerne.catalog.weights import ModelSpec
from galerne.errors import InvalidModelFile
from galerne.models import architecture, read_gguf_header, weight_format
from tests.models.gguf_bytes import gguf, tiny_metadata, tiny_tensors


def spec_of(tmp_path: Path, contents: bytes) -> ModelSpec:
    path = tmp_path / "model.gguf"
    path.write_bytes(contents)
    return architecture(read_gguf_header(path), model_id="model")


def test_a_dense_model_is_described_with_the_catalogue_keys(tmp_path):
    spec = spec_of(tmp_path, gguf(tiny_metadata(), tiny_tensors()))
    assert (spec.dim, spec.n_layers, spec.n_heads, spec.n_kv_heads, spec.head_dim) == (64, 2, 4, 2, 16)
    assert (spec.hidden_dim, spec.vocab_size, spec.context_tokens) == (128, 259, 512)
    assert spec.tied_embeddings
    assert spec.n_parameters == spec.n_active_parameters == sum(a.size for a in tiny_tensors().values())
    assert spec.sources


def test_an_output_matrix_means_embeddings_are_not_tied(tmp_path):
    tensors = tiny_tensors() | {"output.weight": np.zeros((259, 64))}
    assert not spec_of(tmp_path, gguf(tiny_metadata(), tensors)).tied_embeddings


def test_a_mixture_counts_only_the_experts_a_token_meets(tmp_path):
    tensors = tiny_tensors() | {"blk.0.ffn_up_exps.weight": np.zeros((8, 16, 64))}
    metadata = tiny_metadata() | {"llama.expert_count": 8, "llama.expert_used_count": 2}
    spec = spec_of(tmp_path, gguf(metadata, tensors))
    assert spec.n_parameters - spec.n_active_parameters == 6 * 16 * 64


def test_latent_attention_is_described_by_its_ranks(tmp_path):
    latent = {"kv_lora_rank": 512, "q_lora_rank": 1536, "key_length_mla": 192, "value_length_mla": 128}
    metadata = tiny_metadata() | {f"llama.attention.{key}": value for key, value in latent.items()}
    spec = spec_of(tmp_path, gguf(metadata | {"llama.rope.dimension_count": 64}, tiny_tensors()))
    assert (spec.kv_lora_rank, spec.q_lora_rank) == (512, 1536)
    assert (spec.qk_nope_head_dim, spec.qk_rope_head_dim, spec.v_head_dim) == (128, 64, 128)


def test_a_file_without_weights_is_refused(tmp_path):
    path = tmp_path / "empty.gguf"
    path.write_bytes(gguf(tiny_metadata(), {}))
    with pytest.raises(InvalidModelFile):
        weight_format(read_gguf_header(path))


def test_numbers_given_layer_by_layer_count_as_the_largest(tmp_path):
    metadata = tiny_metadata() | {"llama.attention.head_count_kv": [1, 2]}
    assert spec_of(tmp_path, gguf(metadata, tiny_tensors())).n_kv_heads == 2


def test_heads_without_their_own_count_of_keys_have_one_each(tmp_path):
    metadata = tiny_metadata()
    del metadata["llama.attention.head_count_kv"]
    assert spec_of(tmp_path, gguf(metadata, tiny_tensors())).n_kv_heads == 4


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("general.architecture", ""),
        ("llama.block_count", 0),
        ("llama.embedding_length", "wide"),
        ("llama.context_length", True),
        ("llama.attention.head_count", []),
        ("llama.attention.head_count", [0, 0]),
    ],
)
def test_a_number_that_must_be_there_is_named(tmp_path, key, value):
    with pytest.raises(InvalidModelFile) as caught:
        spec_of(tmp_path, gguf(tiny_metadata() | {key: value}, tiny_tensors()))
    assert key in caught.value.problem
