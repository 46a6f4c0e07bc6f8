"""Commands that need no daemon."""

import re
import subprocess
from pathlib import Path

import pytest

from galerne import __version__
from galerne.catalog import Catalog
from galerne.cli.app import app
from galerne.cli.commands.catalog import table_names
from tests.cli.terminal import COMMAND, environment, galerne


def test_help_lists_every_command_and_help_of_each_says_what_it_does(here, home):
    shown = here("--help")
    assert shown.exit_code == 0
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    groups = [group.name for group in app.registered_groups]
    for name in ["list" if name == "list_models" else name.replace("_", "-") for name in [*names, *groups]]:
        assert re.search(rf"^ +{name} +\S", shown.output, re.MULTILINE), name
    assert not list(home.glob("*.db"))


def test_the_version_is_the_packages(home):
    assert galerne("--version", home=home).output == f"galerne {__version__}\n"


def test_fit_recommends_one_of_the_models_that_fit(here):
    document = here("fit", "--json", "--free", "6").document()
    by_id = {fit["model_id"]: fit for fit in document["fits"]}
    assert document["free_bytes"] == 6e9
    assert by_id.keys() == Catalog().models.rows.keys()
    for fit in by_id.values():
        assert fit["fits"] == (fit["headroom_bytes"] >= 0)
        assert fit["needed_bytes"] > fit["weights_bytes"] > 0
        assert fit["method"] == "modelled"
    assert document["recommended"] is None or by_id[document["recommended"]]["fits"]


def test_more_memory_lets_more_models_fit(here):
    little, much = (
        {fit["model_id"] for fit in here("fit", "--json", "--free", free).document()["fits"] if fit["fits"]}
        for free in ("3", "30")
    )
    assert little < much


def test_list_has_the_built_in_model_and_says_what_is_damaged(here, home):
    (home / "models").mkdir()
    (home / "models" / "broken.gguf").write_bytes(b"GGUF and no more")
    document = here("list", "--json").document()
    assert [(row["model_id"], row["built_in"]) for row in document["models"]] == [("galerne-mini", True)]
    assert len(document["problems"]) == 1
    assert "broken.gguf" in document["problems"][0]


def test_doctor_says_which_meter_is_used_and_what_is_missing(here, tmp_path):
    document = here("doctor", "--json").document()["meter"]
    assert document["rung"] in {"component", "modelled"}
    assert document["rungs"][0] == {"name": "wall", "covers": "", "missing": "no_wall_meter", "detail": ""}
    plug = tmp_path / "plug.toml"
    plug.write_text('[wall]\nkind = "command"\ncommand = ["echo", "42"]\ntimeout_s = 60\n')
    shown = here("doctor", GALERNE_METER=str(plug))
    assert "measured at the wall (wall)" in shown.output
    plug.write_text("[wall]\n")
    refused = here("doctor", GALERNE_METER=str(plug))
    assert refused.exit_code == 2
    assert "GALERNE_METER" in refused.errors


def test_doctor_finds_the_engine_and_the_machine(here, home):
    document = here("doctor", "--json").document()
    assert "llama.cpp" in document["engine"]
    assert document["home"] == str(home)
    rows = {row["key"]: row for row in document["rows"]}
    assert all(row["method"] for row in rows.values())


@pytest.mark.parametrize("table", ["", *sorted(table_names())])
def test_every_table_of_the_catalogue_is_printed(table, here):
    printed = here("catalog", "list", *([table] if table else [])).output
    assert all(name in printed for name in ([table] if table else table_names()))


def test_the_catalogue_lists_and_shows_rows_with_sources(here):
    zones = here("catalog", "list", "zones", "--json").document()["zones"]
    assert "FR" in zones
    row = here("catalog", "show", "ministral-3-3b", "--json").document()
    assert row["origin"] == "package"
    assert row["n_parameters"] > 3e9
    assert row["sources"]
    shown = here("catalog", "show", "h100-sxm").output
    assert "[1]" in shown
    assert "https://" in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["catalog", "show", "ministral-3-33b"], "did you mean 'ministral-3-3b'?"),
        (["catalog", "list", "zone"], "zones"),
        (["usage", "--by", "hour"], "project, model, day"),
        (["serve", "--host", "0.0.0.0", "--port", "0"], "GALERNE_API_KEY"),
        (["serve", "--simulate", "dgx-h100", "--port", "0"], "--model"),
        (
            ["serve", "--simulate", "dgx-h101", "--model", "ministral-3-8b", "--port", "0"],
            "did you mean 'dgx-h100'?",
        ),
        (["site", "plan", "no-such-file.toml"], "no-such-file.toml"),
        (["fly"], "fly"),
        (["serve", "--port", "70000"], "65535"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_request_is_explained_and_ends_with_2(arguments, told, here):
    refused = here(*arguments)
    assert refused.exit_code == 2
    assert told in refused.errors
    assert "Traceback" not in refused.errors


@pytest.mark.parametrize(
    ("setting", "value"),
    [("GALERNE_PORT", "http"), ("GALERNE_PUE_RATIO", "0.5"), ("GALERNE_ZONE", "Atlantis")],
)
def test_a_wrong_setting_is_refused_at_the_start_naming_it(setting, value, here):
    refused = here("serve", "--port", "0", **{setting: value})
    assert refused.exit_code == 2
    assert setting in refused.errors
    assert value in refused.errors
    assert "http://" not in refused.output


def test_usage_of_an_empty_ledger_is_nothing_and_adds_up(here):
    document = here("usage", "--json").document()
    assert [row["n_answers"] for row in document["rows"]] == [0]
    assert set(document["accounts_uj"].values()) == {0}
    assert document["adds_up"]
    assert "galerne run" in here("usage").output
    written = here("usage", "--by", "key", "--since", "2026-01-01", "--csv")
    assert written.output.startswith("group,n_answers,n_provisional,prompt_tokens")
    assert len(written.output.splitlines()) == 1


def test_nothing_runs_on_a_fresh_folder(here):
    assert here("ps", "--json").document() == {"running": []}
    assert "galerne serve" in here("ps").output


def test_french_is_spoken_where_asked(here):
    assert "Modèles sur cette machine" in here("list", GALERNE_LANGUAGE="fr").output


def test_a_reader_that_leaves_early_is_no_failure(home):
    process = subprocess.Popen(
        [*COMMAND, "catalog", "list", "sources", "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(home),
    )
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0
    assert errors == b""


@pytest.mark.parametrize("where", [">&-", "</dev/null", "<&-"])
def test_closed_streams_are_no_failure(where, home):
    shell = ["sh", "-c", f'exec "$@" {where}', "sh", *COMMAND, "--version"]
    done = subprocess.run(shell, env=environment(home), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write on")
def test_a_full_disk_is_told_in_one_sentence(home):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "catalog", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(home),
            check=False,
        )
    assert done.returncode == 1
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_folder_that_cannot_be_made_is_told_with_3(here, home):
    (home / "file").write_text("")
    refused = here("usage", at=home / "file" / "below")
    assert refused.exit_code == 3
    assert "Traceback" not in refused.errors
