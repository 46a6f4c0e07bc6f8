import dataclasses

import numpy as np
import pytest

from galerne.catalog import Calibration, default_catalog
from galerne.perf import BatchShape, predict_step
from galerne.perf.checks import sample_ratios
from galerne.perf.step import POWER_TERMS
from galerne.perf.terms import TERMS, coefficients, step_terms
from tests.perf.factories import MIXTRAL_8X7B, plan

CATALOG = default_catalog()
BOOKKEEPING = {"id", "target", "engine", "sources", "spread", "error_ratio", "base_power_ratio"}


def test_every_coefficient_of_a_calibration_multiplies_something():
    fields = {field.name for field in dataclasses.fields(Calibration)}
    assert fields - BOOKKEEPING == {*TERMS, *POWER_TERMS, "quantised_power_ratio"}


@pytest.mark.parametrize("calibration", CATALOG.calibrations.rows.values(), ids=lambda row: row.id)
def test_no_coefficient_is_negative(calibration):
    assert np.all(coefficients(calibration) >= 0.0)
    assert all(getattr(calibration, name) >= 0.0 for name in (*POWER_TERMS, "base_power_ratio"))


@pytest.mark.parametrize("engine", ["any", "vllm", "sglang", "trtllm"])
def test_nothing_is_faster_than_its_datasheet(engine):
    calibration = CATALOG.calibrations[f"{engine}-accelerator"]
    ratios = [name for name in TERMS if name.endswith("_ratio") and name != "prefill_wide_flop_ratio"]
    assert min(getattr(calibration, name) for name in ratios) >= 1.0


def test_the_duration_is_terms_times_coefficients():
    for calibration in CATALOG.calibrations.rows.values():
        layout = plan(MIXTRAL_8X7B, calibration=calibration, tensor_parallel=2)
        batch = BatchShape(n_sequences=np.array([1.0, 40.0]), context_tokens=700.0)
        terms = step_terms(layout, batch)
        assert terms.shape == (len(TERMS), 2)
        np.testing.assert_allclose(coefficients(calibration) @ terms, predict_step(layout, batch).duration_s)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_measured_runs_are_found_within_the_stated_error(engine):
    ratios = np.array(sample_ratios(CATALOG, engine=engine))
    stated = CATALOG.calibrations[f"{engine}-accelerator"].error_ratio
    assert len(ratios) == 30
    assert np.abs(ratios - 1.0).mean() <= 1.5 * stated
    assert np.median(ratios) == pytest.approx(1.0, abs=stated)


def test_each_doubling_of_the_devices_that_share_a_layer_costs_the_same_again():
    row, one = TERMS.index("parallel_layer_s"), BatchShape(n_sequences=1.0)
    costs = [float(step_terms(plan(tensor_parallel=degree), one)[row]) for degree in (1, 2, 4, 8)]
    assert costs == pytest.approx([0.0, costs[1], 2 * costs[1], 3 * costs[1]])
    assert costs[1] > 0
