from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.energy import FacilityFactors
from galerne.engines import EngineState
from galerne.errors import NoNode, UnknownModel
from galerne.fleet import POLICIES, Expectation, Router
from tests.fleet.stand import GRID, HOME, FakeEngine, ask, expected, make_node
from tests.perf.factories import HOST, LAPTOP, NODE, plan

LOADS = st.integers(min_value=0, max_value=200)


def choose(nodes, *, policy="fastest", model_id="mini"):
    return Router(policy=policy).choose(ask(model_id=model_id), nodes, grid=GRID, facility=HOME)


def laptop_and_node():
    frugal = replace(LAPTOP, host=replace(HOST, busy_core_w=0.5, idle_core_w=0.1))
    slow_and_frugal = make_node("laptop", serving_plan=plan(machine=frugal))
    fast_and_hungry = make_node("node", serving_plan=plan(machine=NODE, tensor_parallel=8))
    return [slow_and_frugal, fast_and_hungry]


def test_the_fastest_is_the_node_and_the_most_frugal_the_laptop():
    nodes = laptop_and_node()
    assert choose(nodes).node.node_id == "node"
    assert choose(nodes, policy="frugal").node.node_id == "laptop"


@pytest.mark.parametrize("policy", POLICIES)
def test_the_chosen_node_has_the_least_merit_and_says_under_which_policy(policy):
    nodes = laptop_and_node()
    decision = choose(nodes, policy=policy)
    merit = POLICIES[policy]
    assert merit(decision.expectation) == min(merit(expected(node)) for node in nodes)
    assert decision.policy == policy
    assert decision.rejected == {}


def test_a_policy_that_is_not_is_refused():
    with pytest.raises(KeyError, match="luckiest"):
        Router(policy="luckiest")


def test_a_tie_goes_to_the_same_node_whatever_the_order():
    nodes = [make_node("b"), make_node("a"), make_node("c")]
    assert {choose(order).node.node_id for order in (nodes, nodes[::-1])} == {"a"}


def test_nodes_that_cannot_serve_are_rejected_with_the_reason():
    nodes = [
        make_node("ready"),
        make_node("loading", engine=FakeEngine(state=EngineState.STARTING)),
        make_node("down", engine=FakeEngine(state=EngineState.CRASHED)),
        make_node("other", model_id="large"),
    ]
    decision = choose(nodes)
    assert decision.node.node_id == "ready"
    assert decision.rejected == {
        "loading": "the engine is starting",
        "down": "the engine is crashed",
        "other": "serves large",
    }


def test_no_ready_node_says_why_for_each():
    nodes = [make_node("a", engine=FakeEngine(state=EngineState.STARTING)), make_node("b", model_id="large")]
    with pytest.raises(NoNode) as caught:
        choose(nodes)
    assert caught.value.rejected == {"a": "the engine is starting", "b": "serves large"}


def test_a_request_waits_for_the_restart_of_a_crashed_engine_where_none_is_ready():
    down = make_node("a", engine=FakeEngine(state=EngineState.CRASHED))
    loading = make_node("b", engine=FakeEngine(state=EngineState.STARTING))
    decision = choose([down, loading])
    assert decision.node is down
    assert decision.rejected == {"b": "the engine is starting"}


@pytest.mark.parametrize(
    ("asked", "nearest"), [("minii", "mini"), ("ministral", "mini"), ("defaut", "default"), ("zzz", None)]
)
def test_an_unknown_model_names_the_nearest_even_when_nothing_is_ready(asked, nearest):
    engine = FakeEngine(state=EngineState.STARTING)
    with pytest.raises(UnknownModel) as caught:
        choose([make_node(engine=engine, aliases=("default",))], model_id=asked)
    assert (caught.value.model, caught.value.nearest) == (asked, nearest)


def test_without_nodes_every_model_is_unknown():
    with pytest.raises(UnknownModel):
        choose([])


def test_an_alias_is_the_model():
    assert choose([make_node(aliases=("default",))], model_id="default").node.node_id == "here"


@given(LOADS, LOADS, st.integers(min_value=1, max_value=16))
def test_expected_times_grow_with_load_and_energy_does_not(n_others, n_more, n_slots):
    quiet, busy = (
        expected(
            make_node(
                engine=FakeEngine(n_active=min(n, n_slots), n_waiting=max(0, n - n_slots), n_slots=n_slots)
            )
        )
        for n in (n_others, n_others + n_more)
    )
    assert busy.first_token_s >= quiet.first_token_s
    assert busy.total_s >= quiet.total_s
    assert busy.tokens_per_s <= quiet.tokens_per_s
    assert busy.it_j <= quiet.it_j * (1 + 1e-12)


def test_a_queue_is_waited_for():
    full = expected(make_node(engine=FakeEngine(n_active=4, n_slots=4)))
    queued = expected(make_node(engine=FakeEngine(n_active=4, n_waiting=8, n_slots=4)))
    assert queued.total_s > 2 * full.total_s


def test_load_moves_a_request_to_the_idle_twin():
    busy, idle = make_node("a", engine=FakeEngine(n_active=3)), make_node("b")
    assert choose([busy, idle]).node.node_id == "b"


@given(
    st.floats(min_value=0, max_value=1500),
    st.floats(min_value=0, max_value=1500),
    st.floats(min_value=1, max_value=3),
)
def test_a_greener_grid_never_raises_grams_nor_changes_joules(one_g_per_kwh, other_g_per_kwh, pue_ratio):
    green, brown = sorted((one_g_per_kwh, other_g_per_kwh))
    on_green, on_brown = (
        Router().choose(
            ask(),
            [make_node()],
            grid=replace(GRID, g_per_kwh=g_per_kwh),
            facility=FacilityFactors(pue_ratio=pue_ratio),
        )
        for g_per_kwh in (green, brown)
    )
    assert on_green.expectation.co2_g <= on_brown.expectation.co2_g
    assert on_green.expectation.it_j == on_brown.expectation.it_j


def test_a_node_learns_how_long_prompts_and_answers_are():
    node, request = make_node(), ask(text="x" * 400)
    first = expected(node, request)
    node.learn_prompt(n_characters=400, prompt_tokens=200)
    node.learn_answer(new_tokens=20)
    learned = expected(node, request)
    assert (node.expected_prompt_tokens(100), node.expected_new_tokens(None)) == (50.0, 20.0)
    assert learned.first_token_s > first.first_token_s
    assert learned.total_s < first.total_s


def test_a_limit_bounds_the_expected_answer():
    node = make_node()
    assert node.expected_new_tokens(5) == 5.0
    assert expected(node, ask(max_new_tokens=5)).total_s < expected(node).total_s


def test_an_empty_question_is_expected_to_take_some_time():
    expectation = expected(make_node(), ask(text=""))
    assert isinstance(expectation, Expectation)
    assert 0 < expectation.first_token_s < expectation.total_s
    assert expectation.it_j > 0
