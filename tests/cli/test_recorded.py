"""What validate tells of a machine and a day on record, and of what spoilt it."""

import json

import pytest

from galerne.cli.recorded import recorded_runs

ROW = {
    "model_id": "m", "format_id": "f16", "n_runs": 6, "measured_tokens_per_s": 100.0,
    "predicted_tokens_per_s": 110.0, "before_ratio": 1.1, "after_ratio": 1.08,
}  # fmt: skip


@pytest.fixture
def on_record(tmp_path, monkeypatch):
    def keep(*, others_cores: float) -> None:
        path = tmp_path / "recorded.json"
        machine = {"processor": "A processor", "n_cores": 2}
        kept = {"date": "2026-11-22", "machine": machine, "others_cores": others_cores, "rows": [ROW]}
        path.write_text(json.dumps(kept))
        monkeypatch.setattr(
            "galerne.cli.commands.validate.recorded_runs", lambda: recorded_runs(path), raising=True
        )

    return keep


def test_validate_shows_what_is_on_record_against_both_targets(on_record, here):
    on_record(others_cores=0.0)
    rows = [row for row in here("validate", "--json").document() if row["question"] == "recorded_machine"]
    assert [(row["ratio"], row["verdict"]) for row in rows] == [(1.1, "within"), (1.08, "outside")]
    shown = here("validate").output
    assert "A processor, 2 cores, 2026-11-22" in shown
    assert "Other programs kept" not in shown


def test_a_measurement_beside_other_programs_is_said_to_say_little(on_record, here):
    on_record(others_cores=1.4)
    assert "Other programs kept 1.4 cores busy" in here("validate").output


def test_nothing_on_record_is_nothing_shown(tmp_path):
    assert recorded_runs(tmp_path / "none.json") is None
