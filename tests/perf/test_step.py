from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.perf import BatchShape, predict_step, step_weights, weights_bytes
from galerne.perf.step import LEAST_CAP_RATIO
from galerne.perf.work import plan_work
from tests.perf.factories import (
    BF16,
    H100,
    IDEAL,
    LAPTOP,
    MISTRAL_7B,
    MIXTRAL_8X7B,
    NODE,
    SMALL_4,
    plan,
)

batches = st.floats(min_value=1, max_value=1024)
contexts = st.floats(min_value=0, max_value=100_000)


def test_a_lone_decode_step_reads_the_weights_at_full_bandwidth():
    step = predict_step(plan(), BatchShape(n_sequences=1.0))
    input_table_bytes = MISTRAL_7B.vocab_size * MISTRAL_7B.dim * 2
    ideal_s = (weights_bytes(MISTRAL_7B, BF16) - input_table_bytes) / H100.memory_bytes_per_s
    assert step.duration_s == pytest.approx(ideal_s, rel=0.01)
    assert step.bound == "memory"


def test_a_long_prefill_is_bound_by_arithmetic_at_two_operations_per_weight():
    step = predict_step(plan(), BatchShape(n_sequences=8.0, prompt_tokens=4096.0))
    assert step.bound == "compute"
    assert step.flop == pytest.approx(8 * 4096 * 2 * 7.25e9, rel=0.15)


def test_cached_prompt_tokens_cost_almost_nothing():
    cold = predict_step(plan(), BatchShape(n_sequences=1.0, prompt_tokens=4096.0))
    warm = predict_step(plan(), BatchShape(n_sequences=1.0, prompt_tokens=4096.0, cached_tokens=4095.0))
    assert warm.duration_s < cold.duration_s / 10


def test_arrays_give_what_floats_give():
    sizes = np.array([1.0, 7.0, 300.0])
    steps = predict_step(plan(MIXTRAL_8X7B), BatchShape(n_sequences=sizes, context_tokens=500.0))
    single = [
        predict_step(plan(MIXTRAL_8X7B), BatchShape(n_sequences=n, context_tokens=500.0)) for n in sizes
    ]
    np.testing.assert_allclose(steps.duration_s, [step.duration_s for step in single])
    np.testing.assert_allclose(steps.it_j, [step.it_j for step in single])
    assert list(steps.bound) == [step.bound for step in single]


@pytest.mark.parametrize(
    "layout",
    [{}, {"tensor_parallel": 4}, {"pipeline_parallel": 4}, {"data_parallel": 8, "expert_parallel": 8}],
    ids=str,
)
def test_arrays_of_mixed_steps_give_what_floats_give(layout):
    columns = {
        "n_sequences": [1.0, 2.0, 64.0],
        "prompt_tokens": [0.0, 512.0, 0.0],
        "cached_tokens": [0.0, 100.0, 0.0],
        "context_tokens": [300.0, 50.0, 4000.0],
        "n_decoding": [0.0, 30.0, 0.0],
        "decoding_context_tokens": [0.0, 700.0, 0.0],
    }
    divided = plan(SMALL_4, **layout)
    together = predict_step(divided, BatchShape(**{name: np.array(v) for name, v in columns.items()}))
    for row in range(3):
        alone = predict_step(divided, BatchShape(**{name: v[row] for name, v in columns.items()}))
        assert together.duration_s[row] == pytest.approx(alone.duration_s)
        assert together.it_j[row] == pytest.approx(alone.it_j)
        assert together.flop[row] == pytest.approx(alone.flop)


@given(n=batches, context_tokens=contexts)
def test_more_bandwidth_never_slows_a_step(n, context_tokens):
    batch = BatchShape(n_sequences=n, context_tokens=context_tokens)
    faster = replace(NODE, accelerators=(replace(H100, memory_bytes_per_s=2 * H100.memory_bytes_per_s),) * 8)
    assert predict_step(plan(machine=faster), batch).duration_s <= predict_step(plan(), batch).duration_s


@given(n=batches, more=st.floats(min_value=0, max_value=512), context_tokens=contexts)
def test_a_larger_batch_never_takes_less_time_nor_more_time_per_sequence(n, more, context_tokens):
    small = predict_step(plan(MIXTRAL_8X7B), BatchShape(n_sequences=n, context_tokens=context_tokens))
    large = predict_step(plan(MIXTRAL_8X7B), BatchShape(n_sequences=n + more, context_tokens=context_tokens))
    assert large.duration_s >= small.duration_s
    assert large.duration_s / (n + more) <= small.duration_s / n * (1 + 1e-12)


@given(n=batches, context_tokens=contexts)
def test_power_stays_between_idle_and_the_limit(n, context_tokens):
    step = predict_step(plan(tensor_parallel=4), BatchShape(n_sequences=n, context_tokens=context_tokens))
    accelerator_w = step.accelerator_j / step.duration_s
    assert 4 * H100.idle_w <= accelerator_w <= 4 * H100.power_limit_w * (1 + 1e-12)
    assert step.host_j / step.duration_s == pytest.approx(NODE.accelerator_host_w / 2)


def test_a_machine_without_accelerators_computes_on_its_host():
    step = predict_step(plan(machine=LAPTOP), BatchShape(n_sequences=1.0))
    assert step.accelerator_j == 0.0
    assert step.host_j > LAPTOP.idle_w * step.duration_s


def test_a_step_that_also_reads_prompts_takes_at_least_as_long():
    decode = predict_step(plan(), BatchShape(n_sequences=32.0, context_tokens=1000.0))
    mixed = predict_step(
        plan(),
        BatchShape(n_sequences=1.0, prompt_tokens=512.0, n_decoding=32.0, decoding_context_tokens=1000.0),
    )
    alone = predict_step(plan(), BatchShape(n_sequences=1.0, prompt_tokens=512.0))
    assert decode.duration_s <= mixed.duration_s <= decode.duration_s + alone.duration_s


@given(
    n=st.floats(min_value=2, max_value=1024),
    chunk_tokens=st.floats(min_value=1, max_value=8192),
    context_tokens=contexts,
)
def test_reading_a_prompt_in_the_same_step_never_shortens_it(n, chunk_tokens, context_tokens):
    decode = BatchShape(n_sequences=n, context_tokens=context_tokens)
    mixed = BatchShape(
        n_sequences=1.0, prompt_tokens=chunk_tokens, n_decoding=n, decoding_context_tokens=context_tokens
    )
    for shape in ({"tensor_parallel": 4}, {"data_parallel": 8}, {"pipeline_parallel": 2}):
        layout = plan(MIXTRAL_8X7B, **shape)
        assert predict_step(layout, mixed).duration_s >= predict_step(layout, decode).duration_s * (1 - 1e-12)


def test_a_prompt_in_chunks_moves_the_weights_once_per_chunk():
    whole = predict_step(plan(), BatchShape(n_sequences=1.0, prompt_tokens=2048.0))
    chunks = [
        predict_step(plan(), BatchShape(n_sequences=1.0, prompt_tokens=512.0, context_tokens=512.0 * i))
        for i in range(4)
    ]
    assert sum(chunk.flop for chunk in chunks) == pytest.approx(whole.flop)
    assert sum(chunk.moved_bytes for chunk in chunks) > 3.9 * whole.moved_bytes


@given(n=st.integers(min_value=8, max_value=512), context_tokens=contexts)
def test_the_work_of_a_model_does_not_depend_on_how_it_is_divided(n, context_tokens):
    batch = BatchShape(n_sequences=float(n), context_tokens=context_tokens)
    one = predict_step(plan(), batch)
    for shape in ({"tensor_parallel": 8}, {"pipeline_parallel": 4}, {"data_parallel": 4}):
        assert predict_step(plan(**shape), batch).flop == pytest.approx(one.flop)
    assert predict_step(plan(tensor_parallel=8), batch).moved_bytes == pytest.approx(one.moved_bytes)


def test_latent_keys_are_copied_on_every_device_of_a_group():
    one, eight = (plan_work(plan(SMALL_4, tensor_parallel=n)) for n in (1, 8))
    np.testing.assert_allclose(eight.kv_bytes, 8 * one.kv_bytes)


def test_four_bits_on_experts_alone_leave_the_dense_weights_as_they_were():
    four_bits = replace(BF16, id="four", bytes_per_weight=0.5)
    plain, mixed = (plan_work(plan(SMALL_4, expert_format=form)) for form in (None, four_bits))
    np.testing.assert_allclose(mixed.expert_bytes, plain.expert_bytes / 4)
    np.testing.assert_array_equal(mixed.weight_bytes, plain.weight_bytes)


@given(n=batches, share=st.floats(min_value=0.3, max_value=1.0), context_tokens=contexts)
def test_a_power_cap_slows_a_step_and_is_kept(n, share, context_tokens):
    batch = BatchShape(n_sequences=n, context_tokens=context_tokens)
    cap_w = share * H100.power_limit_w
    free, capped = predict_step(plan(), batch), predict_step(plan(power_cap_w=cap_w), batch)
    assert capped.duration_s >= free.duration_s * (1 - 1e-12)
    base_w = IDEAL.base_power_ratio * H100.power_limit_w
    least_w = base_w + LEAST_CAP_RATIO * H100.power_limit_w
    assert capped.accelerator_j / capped.duration_s <= max(cap_w, least_w) * (1 + 1e-9)


def test_weights_rebuild_the_energy_of_a_step():
    laptop = plan(machine=LAPTOP, max_sequences=8)
    weights = step_weights(laptop)
    for n in (1.0, 4.0, 8.0):
        energy_j = predict_step(laptop, BatchShape(n_sequences=n)).it_j
        assert weights.fixed_j + n * weights.per_sequence_j == pytest.approx(energy_j, rel=1e-6)
    assert weights.per_prompt_token_j < weights.fixed_j
    assert weights.per_context_token_j > 0
