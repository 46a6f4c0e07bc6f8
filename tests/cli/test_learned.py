"""What runs here is measured and remembered; fit and validate tell of it."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from galerne.cli.learned import N_KEPT, LoneRuns, RememberedIdle, RememberedRuns
from galerne.clock import ManualClock
from galerne.generation import Usage
from galerne.perf.learning import Run
from tests.cli.terminal import galerne
from tests.perf.factories import LAPTOP, plan

MACHINE = replace(LAPTOP, fingerprint="laptop")
RUN = Run(prompt_tokens=100, cached_tokens=0, new_tokens=50, prefill_s=1.0, decode_s=5.0, at=1.0)
USAGE = Usage(prompt_tokens=100, cached_tokens=0, new_tokens=50, queued_s=0.0, prefill_s=1.0, decode_s=5.0)
NODE = SimpleNamespace(plan=plan(machine=LAPTOP))


def test_runs_are_kept_by_machine_model_and_format(tmp_path):
    RememberedRuns(tmp_path, MACHINE).note("a", "q4_k_m", RUN)
    assert RememberedRuns(tmp_path, MACHINE).of("a", "q4_k_m") == [RUN]
    assert not RememberedRuns(tmp_path, MACHINE).of("a", "q8_0")
    assert not RememberedRuns(tmp_path, replace(MACHINE, fingerprint="another")).all_here()


def test_only_the_last_runs_are_kept(tmp_path):
    runs = RememberedRuns(tmp_path, MACHINE)
    for number in range(N_KEPT + 5):
        runs.note("a", "f", replace(RUN, at=100.0 * number))
    assert next(iter(RememberedRuns(tmp_path, MACHINE).of("a", "f"))).at == 500.0


@pytest.mark.parametrize("text", ["", "[]", '{"a": [{"b": 1}]}', '{"a": 3}'])
def test_a_damaged_memory_is_begun_anew(text, tmp_path):
    (tmp_path / "runs.json").write_text(text)
    runs = RememberedRuns(tmp_path, MACHINE)
    runs.note("a", "f", RUN)
    assert RememberedRuns(tmp_path, MACHINE).of("a", "f") == [RUN]


def test_answers_that_shared_the_machine_are_not_remembered(tmp_path):
    clock, runs = ManualClock(), RememberedRuns(tmp_path, MACHINE)
    lone = LoneRuns(runs, clock=clock)
    clock.advance(10.0)
    lone.note(NODE, USAGE, 1)  # another was in flight
    clock.advance(3.0)
    lone.note(NODE, USAGE, 0)  # the one before had ended within its time
    assert not runs.all_here()
    clock.advance(10.0)
    lone.note(NODE, USAGE, 0)
    assert len(runs.of(NODE.plan.model.id, NODE.plan.format.id)) == 1


def test_a_run_is_measured_and_told_by_fit_and_validate(home, here):
    assert "Nothing has run here yet" in here("validate").output
    answer = galerne("run", "galerne-mini", "What can you do? Tell me all of it.", home=home)
    assert answer.exit_code == 0
    assert json.loads((home / "runs.json").read_text())
    (row,) = here("fit", "--json").document()["runs"]
    assert row["model_id"] == "galerne-mini"
    assert row["measured_tokens_per_s"] > 0
    assert "Measured here" in here("fit").output
    cases = {case["id"]: case for case in here("validate", "--json").document()}
    case = cases["this-machine-galerne-mini-f16-before"]
    assert case["ratio"] == pytest.approx(row["before_ratio"])
    assert case["verdict"] in {"within", "outside"}


def test_fit_says_how_many_answers_it_counts_and_writes_long_times_as_people_do(here):
    rows = {fit["model_id"]: fit for fit in here("fit", "--json", "--free", "30").document()["fits"]}
    assert {fit["n_slots"] for fit in rows.values()} <= {1, 2, 4}
    assert rows["ministral-3-3b"]["n_slots"] == 4
    shown = here("fit", "--free", "20").output
    assert "--load-anyway" in shown
    assert " ks" not in shown
    larger = next(line for line in shown.splitlines() if line.startswith("With "))
    name = larger.partition("more memory, ")[2].removesuffix(" would fit.")
    assert any(line.strip().startswith(name) for line in shown.splitlines())


def test_french_counts_octets_and_jetons(here):
    shown = here("fit", "--free", "20", GALERNE_LANGUAGE="fr").output
    assert "jetons/s" in shown
    assert "\u202fGo" in shown
    assert "GB" not in shown


def test_the_power_at_rest_is_remembered_by_machine_and_by_what_the_meter_covers(tmp_path):
    here = RememberedIdle(tmp_path, LAPTOP, covers="package")
    assert here.samples == {}
    here.keep({"host": (3.25, 3.0), "accelerator": ()})
    again = RememberedIdle(tmp_path, LAPTOP, covers="package")
    assert again.samples == {"host": [3.25, 3.0], "accelerator": []}
    assert RememberedIdle(tmp_path, LAPTOP, covers="wall").samples == {}
    RememberedIdle(tmp_path, LAPTOP, covers="wall").keep({"host": (9.0,)})
    assert here.samples["host"] == [3.25, 3.0]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": 1}'])
def test_a_damaged_memory_of_the_power_at_rest_is_none(tmp_path, text):
    here = RememberedIdle(tmp_path, LAPTOP, covers="package")
    (tmp_path / "idle.json").write_text(text)
    assert here.samples == {}
    here.keep({"host": (3.0,)})
    assert here.samples == {"host": [3.0]}
