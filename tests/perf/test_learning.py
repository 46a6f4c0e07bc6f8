from dataclasses import replace

import pytest

from galerne.catalog import default_catalog
from galerne.perf import advise, fit_plan
from galerne.perf.learning import (
    FIRST_ERROR_RATIO,
    LEAST_ERROR_RATIO,
    Run,
    correct,
    predicted_prefill_s,
    predicted_tokens_per_s,
    with_correction,
)
from tests.perf.factories import LAPTOP, plan

PLAN = plan(machine=LAPTOP)
PROMPT = Run(prompt_tokens=600, cached_tokens=100, new_tokens=101, prefill_s=1.0, decode_s=1.0, at=0.0)


def slower(times: float, *, like: Run = PROMPT) -> Run:
    """A run in which everything took so many times what is predicted."""
    return replace(
        like,
        prefill_s=predicted_prefill_s(PLAN, like) * times,
        decode_s=(like.new_tokens - 1) / predicted_tokens_per_s(PLAN, like) * times,
    )


def test_one_run_makes_the_next_prediction_what_was_measured():
    fit = fit_plan(PLAN, free_bytes=64e9)
    taught = with_correction(fit, correct(PLAN, [slower(1.3)]))
    assert taught.tokens_per_s == pytest.approx(fit.tokens_per_s / 1.3)
    assert taught.first_token_s == pytest.approx(fit.first_token_s * 1.3)
    assert taught.j_per_token == pytest.approx(fit.j_per_token * 1.3)
    assert (taught.n_runs, taught.error_ratio) == (1, FIRST_ERROR_RATIO)


def test_one_disturbed_run_among_several_teaches_nothing():
    correction = correct(PLAN, [slower(1.1), slower(9.0), slower(1.1), slower(1.1)])
    assert correction.decode_ratio == pytest.approx(1.1)
    assert correction.error_ratio > LEAST_ERROR_RATIO


def test_steady_runs_are_trusted_but_never_wholly():
    assert correct(PLAN, [slower(1.1)] * 5).error_ratio == LEAST_ERROR_RATIO


@pytest.mark.parametrize(
    "run",
    [replace(PROMPT, new_tokens=3), replace(PROMPT, decode_s=0.0)],
    ids=["a short answer", "no time"],
)
def test_a_run_that_says_too_little_corrects_nothing(run):
    fit = fit_plan(PLAN, free_bytes=64e9)
    assert with_correction(fit, correct(PLAN, [run])) == fit


def test_a_prompt_from_the_cache_says_nothing_about_reading():
    run = slower(2.0, like=replace(PROMPT, cached_tokens=590))
    assert correct(PLAN, [run]).prefill_ratio == 1.0


def test_what_ran_here_is_advised_with_what_it_taught():
    catalog = default_catalog()
    plain = advise(catalog, LAPTOP, free_bytes=14e9)
    model_id = plain.recommended.plan.model.id
    format_id = plain.recommended.plan.format.id

    def lessons(model: str, weight_format: str):
        plan = plain.recommended.plan
        pace = 2.0 * predicted_tokens_per_s(plan, PROMPT)
        taught = replace(PROMPT, decode_s=(PROMPT.new_tokens - 1) / pace)
        return [taught] if (model, weight_format) == (model_id, format_id) else []

    fit = next(
        fit
        for fit in advise(catalog, LAPTOP, free_bytes=14e9, lessons=lessons).fits
        if fit.plan.model.id == model_id
    )
    assert fit.tokens_per_s == pytest.approx(2.0 * plain.recommended.tokens_per_s)
    assert fit.n_runs == 1
