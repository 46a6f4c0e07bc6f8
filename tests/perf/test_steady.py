from dataclasses import replace

import numpy as np
import pytest

from galerne.perf import BatchShape, SteadyLoad, predict_step, steady_cost, token_interval_s
from tests.perf.factories import IDEAL, MIXTRAL_8X7B, plan


def test_without_prompts_of_others_a_token_takes_a_decode_step():
    load = SteadyLoad(n_sequences=1.0, prompt_tokens=1000.0, output_tokens=200.0)
    step = predict_step(plan(), BatchShape(n_sequences=1.0, context_tokens=1100.0))
    assert token_interval_s(plan(), load) == pytest.approx(step.duration_s)


def test_longer_prompts_of_others_disturb_more_and_cached_ones_less():
    short, long, cached = (
        token_interval_s(
            plan(),
            SteadyLoad(n_sequences=64.0, prompt_tokens=n, cached_tokens=hit, output_tokens=256.0),
        )
        for n, hit in ((100.0, 0.0), (4000.0, 0.0), (4000.0, 3900.0))
    )
    assert short < cached < long


def test_time_and_power_come_from_the_same_mean_step():
    some = replace(IDEAL, kernel_s=5e-6, logits_traffic_ratio=100.0)
    for layout in (plan(calibration=some), plan(MIXTRAL_8X7B, calibration=some, tensor_parallel=8)):
        load = SteadyLoad(n_sequences=np.array([1.0, 32.0]), prompt_tokens=800.0, output_tokens=200.0)
        cost = steady_cost(layout, load)
        np.testing.assert_allclose(cost.token_interval_s, token_interval_s(layout, load))
        np.testing.assert_allclose(cost.output_tokens_per_s, load.n_sequences / cost.token_interval_s)
        limit_w = layout.n_devices * layout.machine.accelerators[0].power_limit_w
        assert np.all(cost.accelerator_w <= limit_w * (1 + 1e-9))
        assert cost.accelerator_j[1] < cost.accelerator_j[0]
