from dataclasses import replace

import pytest

from galerne.catalog import default_catalog
from galerne.perf import advise
from galerne.perf.advice import COMFORTABLE_TOKENS_PER_S
from tests.perf.factories import LAPTOP


def test_more_memory_never_recommends_a_smaller_model():
    catalog = default_catalog()
    fast = replace(LAPTOP, memory_bytes_per_s=400e9, peak_flop_per_s=10e12)
    sizes = []
    for free_bytes in (4e9, 8e9, 16e9, 32e9, 128e9):
        recommended = advise(catalog, fast, free_bytes=free_bytes).recommended
        sizes.append(recommended.plan.model.n_parameters if recommended else 0)
    assert sizes == sorted(sizes)
    assert sizes[-1] > 20e9


def test_what_is_recommended_fits_and_writes_as_fast_as_one_reads():
    advice = advise(default_catalog(), LAPTOP, free_bytes=14e9)
    assert advice.recommended is not None
    assert advice.recommended.fits
    assert advice.recommended.tokens_per_s >= COMFORTABLE_TOKENS_PER_S


def test_the_next_larger_model_says_how_much_memory_is_missing():
    advice = advise(default_catalog(), LAPTOP, free_bytes=14e9)
    assert advice.next_larger is not None
    missing_bytes = -advice.next_larger.headroom_bytes
    again = advise(default_catalog(), LAPTOP, free_bytes=14e9 + missing_bytes)
    fitting = {fit.plan.model.id for fit in again.fits if fit.fits}
    assert advice.next_larger.plan.model.id in fitting


def test_nothing_fits_a_watch():
    advice = advise(default_catalog(), LAPTOP, free_bytes=100e6)
    assert advice.recommended is None
    assert not any(fit.fits for fit in advice.fits)
    assert advice.next_larger is not None


@pytest.mark.parametrize("context_tokens", [1024, 8192])
def test_a_longer_context_needs_its_keys_and_values(context_tokens):
    fits = advise(default_catalog(), LAPTOP, free_bytes=64e9, context_tokens=context_tokens).fits
    for fit in fits:
        reserved = min(context_tokens, fit.plan.model.context_tokens) * fit.kv_bytes_per_token
        assert fit.needed_bytes >= fit.weights_bytes + reserved
