from dataclasses import replace

import pytest

from galerne.catalog import default_catalog
from galerne.perf import BatchShape, predict_step
from galerne.perf.kernels import kernels_per_step
from tests.perf.factories import BF16, IDEAL, MISTRAL_7B, MIXTRAL_8X7B, SMALL_4, plan

FP8 = replace(BF16, id="fp8", bytes_per_weight=1.0, compute="fp8")


@pytest.mark.parametrize(
    ("layout", "per_layer"),
    [
        (plan(), 9),
        (plan(tensor_parallel=2), 11),
        (plan(tensor_parallel=8), 11),
        (replace(plan(), format=FP8), 13),
        (plan(replace(MISTRAL_7B, n_extra_layer_kernels=2.0)), 11),
        (plan(MIXTRAL_8X7B), 13),
        (replace(plan(MIXTRAL_8X7B), expert_format=FP8), 15),
        (plan(MIXTRAL_8X7B, data_parallel=4, expert_parallel=4), 15),
        (plan(SMALL_4), 20),
        (replace(plan(SMALL_4), format=FP8), 25),
    ],
)
def test_a_layer_runs_the_kernels_of_its_architecture_format_and_layout(layout, per_layer):
    assert kernels_per_step(layout) == per_layer * layout.model.n_layers


def test_leading_layers_without_experts_run_fewer():
    half = replace(MIXTRAL_8X7B, n_dense_layers=16)
    assert kernels_per_step(plan(half)) == 16 * 9 + 16 * 13


def test_a_step_takes_each_kernel_besides_its_bytes_and_operations():
    batch = BatchShape(n_sequences=8.0, context_tokens=500.0)
    slow = predict_step(plan(calibration=replace(IDEAL, kernel_s=5e-6)), batch)
    longer_s = slow.duration_s - predict_step(plan(), batch).duration_s
    assert longer_s == pytest.approx(kernels_per_step(plan()) * 5e-6)


def test_kernels_draw_energy_that_does_not_grow_with_the_batch():
    drawing = replace(IDEAL, kernel_power_s=1e-6)
    extra_j = [
        predict_step(plan(calibration=drawing), BatchShape(n_sequences=n)).accelerator_j
        - predict_step(plan(), BatchShape(n_sequences=n)).accelerator_j
        for n in (1.0, 8.0)
    ]
    assert extra_j == pytest.approx([kernels_per_step(plan()) * 1e-6 * 700.0] * 2)


def test_engines_of_the_calibration_start_kernels_at_nearly_one_pace():
    rows = default_catalog().calibrations
    paces_s = [rows[f"{engine}-accelerator"].kernel_s for engine in ("vllm", "sglang", "trtllm", "any")]
    assert min(paces_s) > 3e-6
    assert max(paces_s) < 7e-6
