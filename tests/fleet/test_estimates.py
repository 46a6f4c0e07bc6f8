from hypothesis import given, settings
from hypothesis import strategies as st

from galerne.fleet.estimates import step_cost
from galerne.perf import BatchShape, predict_step
from tests.perf.factories import plan

PLAN = plan()
TOKENS = st.floats(min_value=1.0, max_value=1e6)


@settings(max_examples=50)
@given(prompt_tokens=TOKENS)
def test_what_is_remembered_is_the_model_s_own_estimate_or_a_little_more(prompt_tokens):
    exact = predict_step(PLAN, BatchShape(n_sequences=1.0, prompt_tokens=prompt_tokens))
    told = step_cost(PLAN, prompt_tokens=prompt_tokens)
    more = predict_step(PLAN, BatchShape(n_sequences=1.0, prompt_tokens=1.025 * prompt_tokens))
    assert exact.duration_s * (1 - 1e-9) <= told.duration_s <= more.duration_s


def test_near_shapes_share_an_estimate_and_plans_do_not():
    assert step_cost(PLAN, context_tokens=1000.0) is step_cost(PLAN, context_tokens=1000.1)
    assert step_cost(PLAN, context_tokens=1000.0) is not step_cost(plan(), context_tokens=1000.0)
