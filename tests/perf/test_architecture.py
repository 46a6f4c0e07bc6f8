import pytest

from galerne.perf import active_parameter_count, kv_bytes_per_token, parameter_count, weights_bytes
from galerne.perf.architecture import experts_touched
from tests.perf.factories import BF16, MISTRAL_7B, MIXTRAL_8X7B, SMALL_4


@pytest.mark.parametrize(
    ("model", "total", "active"),
    [(MISTRAL_7B, 7.25e9, 7.25e9), (MIXTRAL_8X7B, 46.7e9, 12.9e9), (SMALL_4, 119e9, 6.5e9)],
    ids=lambda value: getattr(value, "id", None),
)
def test_parameter_counts_agree_with_what_is_published(model, total, active):
    assert parameter_count(model) == pytest.approx(total, rel=0.01)
    # Published counts of active weights include the input table, which is looked up, not multiplied.
    input_table = model.vocab_size * model.dim
    assert active_parameter_count(model) + input_table == pytest.approx(active, rel=0.03)


@pytest.mark.parametrize(("model", "expected"), [(MISTRAL_7B, 131_072), (SMALL_4, 23_040)])
def test_kv_bytes_per_token_agree_with_the_configurations(model, expected):
    assert kv_bytes_per_token(model) == expected


def test_weights_fill_parameters_times_width():
    assert weights_bytes(MISTRAL_7B, BF16) == 2 * parameter_count(MISTRAL_7B)


def test_one_token_touches_its_own_experts_and_a_large_batch_all():
    assert experts_touched(MIXTRAL_8X7B, 1.0) == pytest.approx(2.0)
    assert experts_touched(MIXTRAL_8X7B, 1000.0) == pytest.approx(8.0)
