import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from galerne.catalog import Calibration, default_catalog
from galerne.perf import BatchShape, predict_step
from galerne.perf.checks import sample_ratios
from galerne.perf.step import POWER_TERMS
from galerne.perf.terms import COMPUTE, TERMS, coefficients, step_terms
from galerne.spread import Spread
from tests.perf.factories import H100, IDEAL, MIXTRAL_8X7B, NODE, plan

CATALOG = default_catalog()
BOOKKEEPING = {"id", "target", "engine", "sources", "spread", "error_ratio", "duration_ratio"}


def test_every_coefficient_of_a_calibration_multiplies_something():
    fields = {field.name for field in dataclasses.fields(Calibration)}
    assert fields - BOOKKEEPING == {*TERMS, *POWER_TERMS, "base_power_ratio", "quantised_power_ratio"}


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


def test_sampling_costs_each_copy_its_own_sequences_over_the_whole_vocabulary():
    row, batch = TERMS.index("logits_traffic_ratio"), BatchShape(n_sequences=64.0)
    scores_s = 64 * MIXTRAL_8X7B.vocab_size * 4 / H100.memory_bytes_per_s
    for layout, copies in (({}, 1), ({"tensor_parallel": 8}, 1), ({"data_parallel": 8}, 8)):
        assert step_terms(plan(MIXTRAL_8X7B, **layout), batch)[row] == pytest.approx(scores_s / copies)


def test_an_accelerator_that_reaches_less_of_its_peak_computes_longer_and_reads_alike():
    slow = replace(NODE, accelerators=(replace(H100, reached_peak_ratio=0.5),) * 8)
    prompt = BatchShape(n_sequences=1.0, prompt_tokens=1000.0)
    usual, longer = step_terms(plan(), prompt), step_terms(plan(machine=slow), prompt)
    computes = np.array([name in COMPUTE for name in TERMS])
    np.testing.assert_allclose(longer, np.where(computes, 2.0, 1.0) * usual)


@pytest.mark.parametrize("calibration", CATALOG.calibrations.rows.values(), ids=lambda row: row.id)
def test_every_calibration_says_how_far_a_duration_may_be_off(calibration):
    assert calibration.duration.low < calibration.duration.best == 1.0 < calibration.duration.high


def test_the_interval_of_a_plan_is_wider_where_the_peak_is_not_sure():
    sure = replace(IDEAL, spread={"duration_ratio": Spread(best=1.0, low=0.8, high=1.3)})
    doubtful = replace(H100, spread={"reached_peak_ratio": Spread(best=0.5, low=0.25, high=0.6)})
    assert plan(calibration=sure).duration == sure.duration
    found = plan(calibration=sure, machine=replace(NODE, accelerators=(doubtful,))).duration
    assert (found.low, found.high) == (0.8, 2.0)
