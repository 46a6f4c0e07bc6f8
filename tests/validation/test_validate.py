import json

import pytest
from typer.testing import CliRunner

from galerne.catalog import default_catalog
from galerne.cli.app import app
from galerne.errors import InvalidFact
from galerne.perf.cases import Case, Outcome
from galerne.site.validate import EVALUATORS, published_cases, validate

CATALOG = default_catalog()
CASES = published_cases(CATALOG)
OUTCOMES = validate(CATALOG, CASES)


def make_case(**changes):
    given = {
        "id": "case", "name": "a case", "question": "parameters", "inputs": {}, "expected": 100.0,
        "unit": "W", "tolerance_ratio": 0.1, "source": "number-width",
    }  # fmt: skip
    return Case(**{**given, **changes})


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.case.id)
def test_every_published_figure_is_met_or_its_gap_is_known(outcome):
    assert outcome.verdict != "outside", f"{outcome.ratio:.2f} of {outcome.case.expected}"


@pytest.mark.parametrize(
    "outcome", [o for o in OUTCOMES if o.case.known_gap], ids=lambda outcome: outcome.case.id
)
def test_a_known_gap_that_has_closed_is_no_longer_called_one(outcome):
    assert outcome.verdict == "known gap"


def test_every_case_is_named_once_and_answered():
    assert len({case.id for case in CASES}) == len(CASES)
    assert {case.question for case in CASES} == set(EVALUATORS)


def test_every_model_is_held_to_its_published_size():
    sized = {case.inputs["model"] for case in CASES if case.question == "parameters"}
    assert sized == {*CATALOG.models.rows, *CATALOG.reference_models.rows}


@pytest.mark.parametrize(
    ("ours", "known_gap", "verdict"),
    [(109.0, "", "within"), (91.0, "", "within"), (120.0, "", "outside"), (120.0, "because", "known gap")],
)
def test_the_verdict_follows_the_tolerance(ours, known_gap, verdict):
    assert Outcome(case=make_case(known_gap=known_gap), ours=ours).verdict == verdict


def test_a_question_nobody_answers_is_refused():
    with pytest.raises(InvalidFact):
        validate(CATALOG, [make_case(question="horoscope")])


def test_the_command_prints_every_case_for_a_program_and_for_a_person(monkeypatch, tmp_path):
    monkeypatch.setenv("GALERNE_HOME", str(tmp_path))
    result = CliRunner().invoke(app, ["validate", "--json"])
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    named = [entry["id"] for entry in document]
    assert [name for name in named if not name.startswith("recorded-machine-")] == [case.id for case in CASES]
    monkeypatch.setenv("GALERNE_LANGUAGE", "fr")
    result = CliRunner().invoke(app, ["validate"])
    assert result.exit_code == 0
    assert "écart connu" in result.stdout
    assert all(name in result.stdout for name in ("DeepSeek", "Mixtral"))
