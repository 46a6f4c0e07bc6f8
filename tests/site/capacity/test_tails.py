import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.catalog import default_catalog
from galerne.errors import Infeasible
from galerne.language import Language
from galerne.site import plan_notices, plan_to_json, read_scenario, search_configurations
from galerne.site.capacity.tails import in_service, queue_wait_s
from tests.site.factories import ESSONNE, plan_of


def asking(percentile: float, text: str = ESSONNE) -> str:
    return text.replace("[objective]\n", f"[objective]\npercentile_ratio = {percentile}\n")


@given(n=st.floats(1, 1e5), low=st.floats(0.5, 0.9), more=st.floats(0.0, 0.09))
def test_a_higher_percentile_has_more_in_service_and_waits_no_less(n, low, more):
    assert in_service(n, percentile_ratio=low + more) >= in_service(n, percentile_ratio=low)
    waits = [float(queue_wait_s(0.7, 0.1, percentile_ratio=p)) for p in (low, low + more)]
    assert waits[0] <= waits[1]


def test_the_wait_is_that_of_simulated_prompts():
    rng = np.random.default_rng(5)
    gaps, wait, waits = rng.exponential(1.0 / 0.8, 200_000), 0.0, []
    for gap in gaps:
        waits.append(wait)
        wait = max(0.0, wait + 1.0 - gap)
    for percentile in (0.9, 0.95, 0.99):
        expected = float(np.quantile(waits, percentile))
        assert queue_wait_s(0.8, 1.0, percentile_ratio=percentile) == pytest.approx(expected, rel=0.15)


def test_a_plan_for_the_slowest_carries_less_and_keeps_the_objective():
    mean, tail = plan_of(), plan_of(asking(0.99))
    assert tail.capacity.output_tokens_per_s <= mean.capacity.output_tokens_per_s
    assert tail.capacity.tail_token_interval_s <= tail.scenario.objective.token_interval_s
    assert tail.capacity.tail_ratio == 0.99
    assert not plan_notices(tail, language=Language.ENGLISH)


def test_a_plan_on_the_mean_says_when_its_percentile_fails():
    plan = plan_of()
    slower = dataclasses.replace(plan.capacity, tail_token_interval_s=0.05)
    notices = plan_notices(dataclasses.replace(plan, capacity=slower), language=Language.ENGLISH)
    assert len(notices) == 1
    assert "95th" in notices[0]
    assert "50" in notices[0]
    assert plan_to_json(dataclasses.replace(plan, capacity=slower))["objective"]["keeps_tail"] is False


def test_what_cannot_be_kept_names_the_percentile_and_by_how_much():
    text = asking(0.95).replace("token_interval_s = 0.033", "token_interval_s = 0.0005")
    with pytest.raises(Infeasible) as caught:
        plan_of(text)
    assert "95th percentile" in caught.value.binding_constraint
    assert caught.value.needed > caught.value.available == 0.0005


def test_configurations_keep_the_percentile_too():
    catalog = default_catalog()
    found = search_configurations(read_scenario(asking(0.95)), catalog=catalog, n_accelerators=72)
    limit_s = read_scenario(ESSONNE).objective.token_interval_s
    assert all(point.tail_token_interval_s <= limit_s for point in found.front)
