from __future__ import annotations

import pytest

from galerne.ledger.attribution import apportion, attribute_window, decode_weight_j, prompt_weight_j
from galerne.perf import StepWeights

WEIGHTS = StepWeights(fixed_j=6.0, per_sequence_j=2.0, per_prompt_token_j=0.5, per_context_token_j=0.01)


def test_a_step_is_cheaper_for_each_the_more_step_together():
    alone = decode_weight_j(WEIGHTS, n_sequences=1, context_tokens=0)
    among_three = decode_weight_j(WEIGHTS, n_sequences=3, context_tokens=0)
    assert (alone, among_three) == (8.0, 4.0)


def test_a_long_context_costs_more():
    assert decode_weight_j(WEIGHTS, n_sequences=1, context_tokens=100) == pytest.approx(9.0)


@pytest.mark.parametrize(("cached_tokens", "weight_j"), [(0, 5.0), (4, 3.0), (10, 0.0), (12, 0.0)])
def test_cached_prompt_tokens_are_free(cached_tokens, weight_j):
    assert prompt_weight_j(WEIGHTS, prompt_tokens=10, cached_tokens=cached_tokens) == weight_j


def test_the_largest_remainders_round_up_and_ties_go_by_name():
    assert apportion(10, {"c": 1.0, "b": 1.0, "a": 1.0}) == {"a": 4, "b": 3, "c": 3}
    assert apportion(10, {"a": 1.0, "b": 2.0, "c": 4.0}) == {"a": 1, "b": 3, "c": 6}
    assert apportion(1, {"a": 1.0, "b": 1.0}) == {"a": 1, "b": 0}


def test_nothing_is_divided_among_nobody():
    assert apportion(10, {}) == {}
    assert apportion(10, {"a": 0.0}) == {"a": 0}


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(ValueError, match="zero or more"):
        apportion(10, {"a": weight})


def test_idle_goes_by_presence_and_to_nobody_for_empty_time():
    shares = attribute_window(0, 1000, {}, {"a": 1.0, "b": 2.0}, duration_s=10.0)
    assert shares.idle_uj == {"a": 100, "b": 200}
    assert shares.vacant_idle_uj == 700


def test_active_energy_without_weights_goes_to_those_present():
    shares = attribute_window(900, 0, {}, {"a": 1.0, "b": 2.0}, duration_s=10.0)
    assert shares.active_uj == {"a": 300, "b": 600}
    assert shares.unattributed_uj == 0


def test_active_energy_of_an_empty_window_is_unattributed():
    shares = attribute_window(900, 100, {}, {}, duration_s=1.0)
    assert (shares.unattributed_uj, shares.vacant_idle_uj) == (900, 100)


def test_a_window_without_duration_keeps_its_energy():
    shares = attribute_window(900, 100, {"a": 1.0}, {"a": 0.0}, duration_s=0.0)
    assert (shares.active_uj["a"], shares.vacant_idle_uj) == (900, 100)
