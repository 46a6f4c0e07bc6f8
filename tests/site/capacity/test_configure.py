import functools
import json

import pytest

from galerne.catalog import default_catalog
from galerne.errors import Infeasible
from galerne.site import read_scenario, search_configurations, search_to_json
from tests.site.factories import changed

DENSE = changed(system='"dgx-h200"', model='"mistral-small-3.2-24b"', weight_format='"fp8"')
COLUMNS = {"output_tokens_per_s": -1, "token_interval_s": 1, "output_eur": 1, "j_per_token": 1}


@functools.cache
def search(text=DENSE, n_accelerators=32):
    return search_configurations(
        read_scenario(text), catalog=default_catalog(), n_accelerators=n_accelerators
    )


def worth(point):
    return [sign * getattr(point, name) for name, sign in COLUMNS.items()]


def test_none_of_the_front_beats_another_in_everything():
    points = [worth(point) for point in search().front]
    assert len(points) > 1
    for one in points:
        for other in points:
            if one is not other:
                assert not all(a <= b for a, b in zip(other, one, strict=True))


def test_the_best_keep_the_objective_and_the_accelerators():
    objective = search().scenario.objective
    for point in (*search().best.values(), *search().front):
        assert point.token_interval_s <= objective.token_interval_s
        assert point.first_token_s <= objective.first_token_s
        used = point.tensor_parallel * point.pipeline_parallel * point.data_parallel * point.n_replicas
        assert used <= 32


def test_each_best_is_best_in_its_own():
    best = search().best
    for point in best.values():
        assert best["throughput"].output_tokens_per_s >= point.output_tokens_per_s
        assert best["latency"].token_interval_s <= point.token_interval_s
        assert best["cost"].output_eur <= point.output_eur
        assert best["energy"].j_per_token <= point.j_per_token


def test_twice_the_accelerators_give_twice_the_tokens():
    half, whole = (search(n_accelerators=n).best["throughput"] for n in (16, 32))
    assert whole.output_tokens_per_s == pytest.approx(2 * half.output_tokens_per_s, rel=0.01)


def test_copies_of_attention_are_for_experts_only():
    assert all(point.data_parallel == 1 for point in search().front)
    moe = search(changed(), n_accelerators=72)
    assert any(point.data_parallel > 1 for point in moe.front)


def test_too_few_accelerators_say_how_many():
    with pytest.raises(Infeasible) as caught:
        search(changed(), n_accelerators=1)
    assert caught.value.binding_constraint == "accelerators of one replica"
    assert caught.value.needed > caught.value.available == 1


def test_too_fast_a_wish_is_named():
    with pytest.raises(Infeasible) as caught:
        search(DENSE.replace("token_interval_s = 0.033", "token_interval_s = 0.0002"))
    assert caught.value.binding_constraint == "time per output token"


def test_the_json_is_plain():
    wire = json.loads(json.dumps(search_to_json(search()), allow_nan=False))
    assert set(wire["best"]) == {"throughput", "latency", "cost", "energy"}
