"""Who comes from Ollama types what they know: it works, or the answer is the right word."""

import json
import re

import pytest

from galerne.cli.habits import ELSEWHERE, OPTIONS, SAME
from galerne.errors import leaves
from galerne.language import Language, phrases
from tests.cli.terminal import Terminal, galerne


def test_other_words_for_our_commands_are_done(here):
    assert here("ls", "--json").document()["models"][0]["model_id"] == "galerne-mini"
    assert here("version").output == here("-v").output == here("--version").output
    assert here("help").output == here("--help").output
    assert here("help", "run").output == here("run", "--help").output
    assert not SAME.keys() & ELSEWHERE


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["create", "mine", "-f", "Modelfile"], "/assistants"),
        (["cp", "a", "b"], "galerne list"),
        (["push", "mine"], "hf upload"),
        (["signin"], "galerne key create"),
        (["run", "galerne-mini", "--keepalive", "5m"], "GALERNE_KEEP_LOADED"),
        (["show", "galerne-mini", "--modelfile"], "--template"),
        (["rum"], "run"),
        (["key", "creat"], "create"),
        (["fly"], "galerne -h"),
        (["usage", "--by", "hour"], "galerne usage -h"),
        (["key", "create"], "NAME"),
    ],
    ids=" ".join,
)
def test_what_is_done_otherwise_here_is_answered_with_the_right_word(typed, meant, language, here):
    refused = here(*typed, GALERNE_LANGUAGE=language)
    assert refused.exit_code == 2
    assert refused.errors.startswith("galerne: ")
    assert meant in refused.errors
    assert "Usage:" not in refused.errors
    if language == "fr":
        assert not re.search(r"\b(did you mean|has no|needs|shows)\b", refused.errors)


def test_a_group_alone_shows_its_commands(here):
    assert "rotate" in here("key").errors


@pytest.mark.parametrize("language", list(Language))
def test_each_habit_has_its_answer(language):
    say = phrases("galerne.cli", language)
    assert all(say[f"habit_{word}"] for word in ELSEWHERE)
    assert all(say[f"habit_option_{word}"] for word in OPTIONS.values())


def test_failures_are_told_in_french_and_the_english_is_that_of_the_errors(here):
    english, french = (phrases("galerne.cli.sentences", language) for language in Language)
    ours = {leaf.code: leaf.sentence for leaf in leaves()}
    codes = ours.keys() & english.keys() - {"does_not_fit"}
    assert len(codes) > 20
    for code in codes:
        assert english[code] == ours[code]
        fields = [set(re.findall(r"{(\w+)", text)) for text in (english[code], french[code])]
        assert fields[0] == fields[1], code
    told = here("show", "galerne-mimi", GALERNE_LANGUAGE="fr")
    assert told.exit_code == 3
    assert "vouliez-vous dire galerne-mini" in told.errors
    assert "nomme les modèles" in told.errors
    stopped = here("stop", "galerne-mini", GALERNE_LANGUAGE="fr")
    assert stopped.exit_code == 3
    assert "Aucun démon" in stopped.errors


@pytest.mark.parametrize(
    ("typed", "fetched_as"),
    [
        ("ministral-3:3b", "ministral-3-3b"),
        ("mistral", "mistral-7b-v0.3"),
        ("mistral-nemo:latest", "mistral-nemo-12b"),
    ],
)
def test_a_model_that_is_known_and_not_here_is_named_with_the_command_that_fetches_it(
    typed, fetched_as, here
):
    refused = here("run", typed, "Hello")
    assert refused.exit_code == 3
    assert f"`galerne pull {fetched_as}`" in refused.errors


def test_a_known_model_is_offered_on_a_terminal_and_nothing_is_fetched_without_a_yes(home):
    with Terminal("run", "ministral-3:3b", home=home) as terminal:
        terminal.wait_for(r"Fetch it now\?")
        terminal.type("n\r")
        terminal.wait_for("galerne pull ministral-3-3b")
        assert terminal.wait_for_end() == 3
    assert not (home / "models").exists()


def test_run_explains_its_receipt_and_keeps_to_json_when_asked(daemon, tmp_path):
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}')
    told = galerne("run", "galerne-mini:latest", "Hi", "--verbose", "--format", str(schema), home=daemon.home)
    assert told.exit_code == 0, told.errors
    assert json.loads(told.output)["ok"] in {True, False}
    assert "What this answer cost" in told.errors
    refused = galerne("run", "galerne-mini", "Hi", "--format", "yaml", home=daemon.home)
    assert refused.exit_code == 2
    assert "JSON schema" in refused.errors


def test_the_chat_understands_the_words_of_another_program(daemon):
    with Terminal("run", home=daemon.home) as terminal:
        terminal.wait_for("Ask a question")
        for typed, told in (
            ("/?", "/receipt"),
            ("/set system x", "/assistant"),
            ("/show info", "galerne show"),
        ):
            terminal.type(f"{typed}\r")
            terminal.wait_for(told)
        terminal.type("/bye\r")
        assert terminal.wait_for_end() == 0


def test_what_the_daemon_refuses_is_told_once_with_what_to_do(daemon):
    for command in ("load", "stop"):
        refused = galerne(command, "galerne-mimi", home=daemon.home)
        assert refused.exit_code == 3
        assert refused.errors.count("`galerne list`") == 1
        assert "hint of the API" not in refused.errors
