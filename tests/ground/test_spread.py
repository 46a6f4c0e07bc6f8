import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galerne.spread import Spread, propagate, sample

N_SAMPLES = 200_000
NAN = float("nan")


def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)


@pytest.mark.parametrize(
    "spread",
    [
        Spread(best=10.0, low=5.0, high=20.0),
        Spread(best=10.0, low=9.0, high=10.0),
        Spread(best=-3.0, low=-8.0, high=4.0),
    ],
    ids=["skewed", "one-sided", "around-zero"],
)
def test_samples_have_the_quantiles_of_their_spread(spread):
    low, best, high = np.quantile(sample(spread, rng(), N_SAMPLES), [0.05, 0.5, 0.95])
    width = spread.high - spread.low
    assert [low, best, high] == pytest.approx([spread.low, spread.best, spread.high], abs=0.02 * width)


def test_a_certain_value_is_sampled_as_itself():
    certain = Spread(best=2.0, low=2.0, high=2.0)
    assert sample(certain, rng(), 10).tolist() == [2.0] * 10


def test_the_same_seed_gives_the_same_samples():
    spread = Spread(best=1.0, low=0.5, high=2.0)
    assert sample(spread, rng(), 5).tolist() == sample(spread, rng(), 5).tolist()


def test_a_linear_formula_has_the_spread_that_theory_gives():
    one = Spread(best=100.0, low=90.0, high=110.0)
    other = Spread(best=50.0, low=30.0, high=70.0)
    total = propagate(
        lambda one, other: one + other, {"one": one, "other": other}, rng=rng(), n_samples=N_SAMPLES
    )
    half_width = np.hypot(10.0, 20.0)
    assert total.best == 150.0
    assert [total.low, total.high] == pytest.approx([150.0 - half_width, 150.0 + half_width], abs=0.5)


def test_a_scaled_input_keeps_its_relative_spread():
    power = Spread.within(40.0, 0.5, 2.0)
    energy = propagate(lambda power_w: 3600.0 * power_w, {"power_w": power}, rng=rng(), n_samples=N_SAMPLES)
    assert energy.best == 144_000.0
    assert energy.relative == pytest.approx((0.5, 2.0), rel=0.02)


@settings(max_examples=30)
@given(
    st.floats(min_value=-100, max_value=100),
    st.floats(min_value=0, max_value=50),
    st.floats(min_value=0, max_value=50),
)
def test_the_best_value_lies_within_whatever_the_formula(best, below, above):
    spread = Spread(best=best, low=best - below, high=best + above)
    result = propagate(lambda x: np.abs(x) - x**2, {"x": spread}, rng=rng(), n_samples=50)
    assert result.low <= result.best <= result.high


@pytest.mark.parametrize(
    ("low", "best", "high"),
    [(2.0, 1.0, 3.0), (0.5, 1.0, 0.9), (0.0, NAN, 1.0), (NAN, 1.0, 2.0), (0.0, 1.0, NAN)],
)
def test_a_best_value_outside_its_limits_is_refused(low, best, high):
    with pytest.raises(ValueError, match="low <= best <= high"):
        Spread(best=best, low=low, high=high)


def test_relative_limits_are_multiples_of_the_best():
    assert Spread.within(8.0, 0.5, 1.5) == Spread(best=8.0, low=4.0, high=12.0)
    assert Spread(best=8.0, low=4.0, high=12.0).relative == (0.5, 1.5)
    assert Spread(best=0.0, low=-1.0, high=1.0).relative == (1.0, 1.0)
