import numpy as np
import pytest

from galerne.errors import Infeasible
from galerne.site.capacity.serving import systems_within
from tests.site.factories import changed, plan_of


def test_the_plan_meets_its_objective():
    plan = plan_of()
    assert plan.capacity.first_token_s <= plan.scenario.objective.first_token_s
    assert plan.capacity.token_interval_s <= plan.scenario.objective.token_interval_s


def test_a_laxer_objective_never_serves_less():
    strict = plan_of(changed(token_interval_s="0.015"))
    lax = plan_of(changed(token_interval_s="0.1"))
    assert lax.capacity.output_tokens_per_s >= strict.capacity.output_tokens_per_s


def test_longer_prompts_leave_less_for_answers():
    longer = plan_of(changed(prompt_tokens="20000"))
    assert longer.capacity.output_tokens_per_s < plan_of().capacity.output_tokens_per_s
    assert longer.capacity.prefill_ratio > plan_of().capacity.prefill_ratio


def test_more_load_takes_more_power_and_less_than_the_limit():
    capacity = plan_of().capacity
    power_w = capacity.accelerators_w(np.linspace(0, 1, 50))
    assert (np.diff(power_w) >= -1e-6).all()
    limit_w = capacity.plan.machine.accelerators[0].power_limit_w * 72
    assert power_w[-1] <= limit_w


@pytest.mark.parametrize(
    ("text", "constraint"),
    [
        (changed(token_interval_s="0.001"), "time per output token"),
        (changed(first_token_s="0.002"), "time to first token"),
        (changed(contracted_w="50e3"), "contracted power of one system"),
        (changed(system='"dgx-h100"', weight_format='"bf16"'), "accelerator memory of one system"),
    ],
)
def test_the_impossible_names_what_binds(text, constraint):
    with pytest.raises(Infeasible) as caught:
        plan_of(text)
    assert caught.value.binding_constraint == constraint
    assert caught.value.needed > caught.value.available


def test_a_first_token_too_slow_at_the_wanted_pace_is_named():
    with pytest.raises(Infeasible) as caught:
        plan_of(
            changed(
                first_token_s="0.004", token_interval_s="0.033", prompt_tokens="60000", cached_ratio="0.0"
            )
        )
    assert caught.value.binding_constraint.startswith("time to first token")


def test_whole_systems_only():
    assert systems_within(10.0, system_w=3.0) == 3
    assert systems_within(1.0, system_w=3.0) == 1  # the plan then refuses the connection
    np.testing.assert_array_equal(systems_within(10.0, system_w=np.array([3.0, 5.0])), [3, 2])
