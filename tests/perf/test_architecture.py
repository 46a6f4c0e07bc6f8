from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.perf import active_parameter_count, kv_bytes_per_token, parameter_count, weights_bytes
from galerne.perf.architecture import experts_touched, kv_bytes
from tests.perf.factories import BF16, MISTRAL_7B, MIXTRAL_8X7B, SMALL_4


@pytest.mark.parametrize(
    ("model", "total", "active"),
    [(MISTRAL_7B, 7.25e9, 7.25e9), (MIXTRAL_8X7B, 46.7e9, 12.9e9), (SMALL_4, 119e9, 6.5e9)],
    ids=lambda value: getattr(value, "id", None),
)
def test_parameter_counts_agree_with_what_is_published(model, total, active):
    assert parameter_count(model) == pytest.approx(total, rel=0.01)
    # Published counts of active weights include the input table, which is looked up, not multiplied.
    input_table = model.vocab_size * model.dim
    assert active_parameter_count(model) + input_table == pytest.approx(active, rel=0.03)


@pytest.mark.parametrize(("model", "expected"), [(MISTRAL_7B, 131_072), (SMALL_4, 23_040)])
def test_kv_bytes_per_token_agree_with_the_configurations(model, expected):
    assert kv_bytes_per_token(model) == expected


def test_weights_fill_parameters_times_width():
    assert weights_bytes(MISTRAL_7B, BF16) == 2 * parameter_count(MISTRAL_7B)


def test_one_token_touches_its_own_experts_and_a_large_batch_all():
    assert experts_touched(MIXTRAL_8X7B, 1.0) == pytest.approx(2.0)
    assert experts_touched(MIXTRAL_8X7B, 1000.0) == pytest.approx(8.0)


@given(n_tokens=st.floats(min_value=0, max_value=1e6))
def test_no_step_touches_more_experts_than_there_are_nor_than_its_tokens_choose(n_tokens):
    for model in (MIXTRAL_8X7B, SMALL_4):
        touched = experts_touched(model, n_tokens)
        assert 0.0 <= touched <= model.n_experts
        assert touched <= model.n_experts_per_token * max(n_tokens, 1.0) * (1 + 1e-9)


def test_windowed_layers_keep_no_more_than_their_window():
    windowed = replace(MISTRAL_7B, sliding_window=128, n_windowed_layers=16)
    assert kv_bytes(windowed, 100.0) == kv_bytes(MISTRAL_7B, 100.0)
    assert kv_bytes(windowed, 1128.0) - kv_bytes(windowed, 128.0) == 1000 * kv_bytes_per_token(windowed)
    assert kv_bytes_per_token(windowed) == kv_bytes_per_token(MISTRAL_7B) / 2


def test_experts_may_have_a_format_of_their_own():
    half = replace(BF16, bytes_per_weight=1.0)
    whole = weights_bytes(MIXTRAL_8X7B, BF16)
    assert weights_bytes(MIXTRAL_8X7B, half) < weights_bytes(MIXTRAL_8X7B, BF16, half) < whole
