"""The unit for systemd, completion for shells, and what a wrong word or setting is told."""

import configparser
import subprocess

import pytest

from galerne.cli.commands.service import unit_text
from tests.cli.terminal import COMMAND, environment


def test_the_unit_serves_with_the_settings_and_without_the_secrets():
    text = unit_text({"GALERNE_ZONE": "DE", "GALERNE_PLACE": 'the "cellar" 100%', "GALERNE_API_KEY": "hush"})
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str
    unit.read_string(text)
    assert unit["Service"]["ExecStart"].endswith("-m galerne.cli serve")
    assert unit["Install"]["WantedBy"] == "default.target"
    assert 'Environment="GALERNE_ZONE=DE"' in text
    assert 'Environment="GALERNE_PLACE=the \\"cellar\\" 100%%"' in text
    assert "hush" not in text


def test_the_unit_is_written_where_systemd_looks_and_what_to_do_is_said(here, tmp_path):
    told = here("install-service", XDG_CONFIG_HOME=str(tmp_path), GALERNE_API_KEY="hush")
    assert (tmp_path / "systemd/user/galerne.service").is_file()
    assert "systemctl --user enable --now galerne" in told.output
    assert "enable-linger" in told.output
    assert "GALERNE_API_KEY" in told.output
    assert "[Service]" in here("install-service", "--print").output


def test_a_word_that_is_no_command_is_answered_with_the_nearest(here):
    refused = here("serv")
    assert refused.exit_code == 2
    assert "serve" in refused.errors


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", {"COMP_WORDS": "galerne pu", "COMP_CWORD": "1"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "galerne pu"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "galerne pu", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_shells_complete_commands(shell, words, home):
    script = "import sys; sys.argv = ['galerne']; from galerne.cli.app import app; app(prog_name='galerne')"
    values = {**environment(home), **words, "_GALERNE_COMPLETE": f"complete_{shell}"}
    done = subprocess.run([COMMAND[0], "-c", script], env=values, capture_output=True, text=True, check=False)
    assert "pull" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("GALERNE_LANGUAGE", "klingon", "en nor fr"),
        ("GALERNE_ZONE", "FF", "catalog list zones"),
        ("GALERNE_LEDGER", "mysql://me:secret@host/db", "postgresql"),
        ("GALERNE_HOST", "300.1.1.1", "127.0.0.1"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_every_command(name, value, told, here):
    refused = here("fit", **{name: value})
    assert refused.exit_code == 2
    assert name in refused.errors
    assert told in refused.errors
    assert "secret" not in refused.errors


def test_an_address_that_cannot_be_is_refused_on_the_command_line_too(here):
    assert here("serve", "--host", "300.1.1.1", "--port", "0").exit_code == 2
