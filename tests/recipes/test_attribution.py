import numpy as np
import pytest
from numpy.random import default_rng
from recipes.attribution.__main__ import TRUTHS, errors, linear_j, wrong_weights
from recipes.attribution.shares import misplaced_ratio, naive_j, ours_j, shapley_j
from recipes.attribution.traffic import WORKLOADS, make_requests, serve

SIZE = {"n_requests": 14, "n_orders": 12, "n_drawn": 2}
OF_A_STRETCH = ("per request", "per time", "per token", "per output token")
OF_A_WINDOW = ("window, per time", "window, per output token")


@pytest.fixture(scope="module")
def found():
    return [errors(truth, workload, **SIZE) for truth in TRUTHS for workload in WORKLOADS[:2]]


def test_our_rule_is_closer_to_the_fair_shares_than_every_split_of_a_stretch(found):
    for case in found:
        for name in OF_A_STRETCH:
            assert case["ours"] < case[name], (name, case)


def test_our_rule_is_closer_on_the_whole_than_the_splits_of_a_window(found):
    for name in OF_A_WINDOW:
        assert np.mean([case["ours"] for case in found]) < np.mean([case[name] for case in found])


def test_every_rule_gives_away_the_same_energy():
    generator, cost_j = default_rng(1), TRUTHS["concave: n to the 0.6"]
    trace = serve(make_requests(WORKLOADS[0], 10, generator), cost_j, power_w=600.0)
    shares = [
        ours_j(trace, wrong_weights(generator)),
        shapley_j(trace, cost_j, n_orders=4, generator=generator),
        *naive_j(trace).values(),
    ]
    assert [share.sum() for share in shares] == pytest.approx([sum(trace.energy_j)] * len(shares), rel=1e-6)


def test_with_an_affine_truth_and_right_constants_only_the_windows_edges_are_misplaced():
    from recipes.attribution import __main__ as recipe

    generator = default_rng(2)

    def affine_j(n, contexts, prompts):
        return recipe.FIXED_J + linear_j(n, contexts, prompts)

    trace = serve(make_requests(WORKLOADS[0], 8, generator), affine_j, power_w=600.0)
    fair_j = shapley_j(trace, affine_j, n_orders=16, generator=generator)
    weights = recipe.wrong_weights(default_rng(3))
    right = type(weights)(
        fixed_j=recipe.FIXED_J,
        per_sequence_j=recipe.PER_SEQUENCE_J,
        per_prompt_token_j=recipe.PER_PROMPT_J,
        per_context_token_j=recipe.PER_CONTEXT_J,
    )
    assert misplaced_ratio(ours_j(trace, right), fair_j) < 0.01
