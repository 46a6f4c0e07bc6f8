import pytest

from galerne.perf import device_memory_bytes, fit_plan, kv_bytes_per_token, weights_bytes
from tests.perf.factories import BF16, LAPTOP, MISTRAL_7B, MIXTRAL_8X7B, SMALL_4, plan


def test_what_is_needed_is_weights_and_context_and_buffers():
    laptop = plan(machine=LAPTOP, context_tokens=2048, max_sequences=2)
    fit = fit_plan(laptop, free_bytes=16e9, overhead_bytes=1e8)
    expected = weights_bytes(MISTRAL_7B, BF16) + 2 * 2048 * kv_bytes_per_token(MISTRAL_7B) + 1e8
    assert fit.needed_bytes == pytest.approx(expected)
    assert fit.headroom_bytes == pytest.approx(16e9 - expected)
    assert fit.fits


def test_a_model_larger_than_memory_does_not_fit_and_says_by_how_much():
    fit = fit_plan(plan(machine=LAPTOP), free_bytes=8e9)
    assert not fit.fits
    assert fit.headroom_bytes < 0


def test_more_memory_never_makes_a_fit_fail():
    fits = [fit_plan(plan(machine=LAPTOP), free_bytes=free).fits for free in (1e9, 10e9, 15.5e9, 100e9)]
    assert fits == sorted(fits)


@pytest.mark.parametrize("model", [MISTRAL_7B, MIXTRAL_8X7B, SMALL_4], ids=lambda model: model.id)
@pytest.mark.parametrize("degree", ["tensor_parallel", "pipeline_parallel", "data_parallel"])
def test_more_devices_never_need_more_memory_each(model, degree):
    needed = [device_memory_bytes(plan(model, max_sequences=32, **{degree: n})) for n in (1, 2, 4, 8, 16)]
    assert needed == sorted(needed, reverse=True)


def test_the_devices_of_a_group_hold_the_model_between_them():
    eight = plan(tensor_parallel=8, max_sequences=4, context_tokens=1000)
    whole = weights_bytes(MISTRAL_7B, BF16) + 4 * 1000 * kv_bytes_per_token(MISTRAL_7B)
    assert 8 * device_memory_bytes(eight) == pytest.approx(whole)
