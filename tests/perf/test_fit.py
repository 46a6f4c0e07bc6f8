import pytest

from galerne.perf import fit_plan, kv_bytes_per_token, weights_bytes
from tests.perf.factories import BF16, LAPTOP, MISTRAL_7B, plan


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
