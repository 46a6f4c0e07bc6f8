"""The recipe that holds our shares against a GPU's meter, here against a simulated one."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from recipes.attribution import measured
from recipes.attribution.coalitions import coalitions, left_out_j, measured_shapley_j, rounds
from tests.machine.nvml import PlayedNvml

from galerne.perf import StepWeights

WEIGHTS = StepWeights(fixed_j=3.0, per_sequence_j=0.5, per_prompt_token_j=0.01, per_context_token_j=0.0)


def test_the_shares_of_an_affine_batch_are_a_over_n_and_b_and_add_up():
    energy_j = {group: 12.0 + 2.0 * len(group) for group in coalitions(4)}
    assert measured_shapley_j(energy_j, 4) == pytest.approx([5.0] * 4)
    assert left_out_j(energy_j, 4) == pytest.approx([2.0] * 4)  # nobody pays for the fixed part
    unequal_j = {group: float(sum(10**one for one in group)) for group in coalitions(3)}
    assert measured_shapley_j(unequal_j, 3) == pytest.approx([1.0, 10.0, 100.0])


def test_every_group_runs_once_a_round_in_an_order_of_its_own():
    listed = rounds(3, 2, shuffle=range(9))
    assert (
        sorted(map(sorted, listed[:7]))
        == sorted(map(sorted, listed[7:]))
        == sorted(map(sorted, coalitions(3)))
    )
    assert listed[:7] != listed[7:]


def test_it_measures_a_batch_through_a_server_and_says_who_was_how_far_off(monkeypatch):
    for name, seconds in (("REST_S", 0.01), ("PAUSE_S", 0.0), ("SETTLE_S", 0.0)):
        monkeypatch.setattr(measured, name, seconds)
    nvml = PlayedNvml()

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        n_new = body["max_tokens"]
        nvml.energy_j += 0.01 * len(body["prompt"].split()) + 0.02 * n_new
        lines = [f"data: {json.dumps({'choices': [{'text': ' a'}]})}\n\n"] * n_new
        return httpx.Response(200, text="".join([*lines, "data: [DONE]\n\n"]))

    result = asyncio.run(
        measured.measure(
            WEIGHTS, nvml, url="http://gpu", served="m", n_rounds=1, transport=httpx.MockTransport(answer)
        )
    )
    assert sum(result["fair_j"]) == pytest.approx(result["whole_batch_j"][0])
    assert all(
        sum(shares) == pytest.approx(result["whole_batch_j"][0], rel=1e-3)
        for shares in result["shares_j"].values()
    )
    assert result["fair_j"][0] == pytest.approx(0.01 * 201 + 0.02 * 150, rel=0.02)
    assert set(result["misplaced_ratio"]) == set(result["shares_j"])
