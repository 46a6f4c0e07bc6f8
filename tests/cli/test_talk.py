"""Questions on the command line, in the pipe and on a terminal."""

import re
import signal
import subprocess

import pytest

from tests.cli.terminal import COMMAND, Terminal, environment, galerne, owner_of, wait_until

RECEIPT_LINE = re.compile(r"\d\s[mµnk]?J · .*CO₂e · .*modelled")
FRENCH_RECEIPT_LINE = re.compile(r"\d\s[mµnk]?J · .*CO₂e · .*modélisé")


def test_alone_without_a_terminal_it_shows_the_machine_an_answer_and_its_receipt(home, here):
    told = galerne(home=home)
    assert told.exit_code == 0, told.errors
    assert "This machine" in told.output
    assert "What fits on it" in told.output
    assert RECEIPT_LINE.search(told.output.splitlines()[-1])
    assert owner_of(home) is None
    document = here("usage", "--json", at=home).document()
    assert document["rows"][0]["group"] == "galerne-mini"
    assert document["rows"][-1]["n_answers"] == 1
    assert document["rows"][-1]["new_tokens"] > 0
    assert document["adds_up"]
    assert "The parts add up to the meter" in here("usage", at=home).output


def test_alone_with_its_input_closed_it_still_answers(daemon):
    told = galerne(home=daemon.home, close_input=True)
    assert told.exit_code == 0, told.errors
    assert RECEIPT_LINE.search(told.output.splitlines()[-1])


def test_a_question_piped_in_is_answered(daemon, here):
    told = here(at=daemon.home, typed=b"What is a joule?", GALERNE_LANGUAGE="fr")
    assert told.exit_code == 0, told.errors
    assert "Cette machine" in told.output
    assert FRENCH_RECEIPT_LINE.search(told.output.splitlines()[-1])


def test_run_gives_a_program_the_answer_and_the_receipt(daemon):
    document = galerne("run", "galerne-mini", "What is a watt?", "--json", home=daemon.home).document()
    assert document["model"] == "galerne-mini"
    assert document["answer"]
    receipt = document["receipt"]
    assert receipt["id"].startswith("rcpt_")
    assert receipt["status"] in {"provisional", "final"}
    assert receipt["energy_j"]["full"] > receipt["energy_j"]["active"] > 0
    assert receipt["facility_j"] == pytest.approx(receipt["energy_j"]["full"])


def test_run_without_a_daemon_hosts_one_and_leaves_nothing_behind(home):
    told = galerne("run", "galerne-mini", "Hello", home=home)
    assert told.exit_code == 0, told.errors
    assert RECEIPT_LINE.search(told.output)
    assert owner_of(home) is None


def test_two_at_once_share_one_folder(home):
    both = [
        subprocess.Popen(
            [*COMMAND, "run", "galerne-mini", "Hello"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(home),
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert all(RECEIPT_LINE.search(output) for output, _ in told)


@pytest.mark.parametrize("piped", [b"caf\xe9 \xff\x00", "é".encode() * 2000], ids=["no text", "long"])
def test_whatever_is_piped_in_is_answered_or_refused_in_one_sentence(piped, daemon, here):
    told = here("run", "galerne-mini", "What is this?", at=daemon.home, typed=piped)
    assert "Traceback" not in told.errors
    assert (told.exit_code == 0) == bool(RECEIPT_LINE.search(told.output))


def test_without_a_question_or_a_terminal_one_is_asked_for(daemon, here):
    told = here("run", "galerne-mini", at=daemon.home)
    assert told.exit_code == 2
    assert "ask a question" in told.errors


def test_an_unknown_model_names_the_nearest_even_through_a_daemon(daemon, here):
    told = here("run", "galerne-mimi", "Hello", at=daemon.home)
    assert told.exit_code == 3
    assert "galerne-mini" in told.errors


def test_the_chain_is_drawn_once_in_a_pipe(daemon, here):
    assert here("chain", "--json", at=daemon.home).document()["grid"]["zone"] == "FR"
    drawn = here("chain", at=daemon.home)
    assert drawn.exit_code == 0, drawn.errors
    assert "France" in drawn.output
    assert "galerne-mini" in drawn.output


def test_on_a_terminal_one_talks_until_ctrl_d(home):
    with Terminal(home=home) as terminal:
        terminal.wait_for("This machine")
        terminal.wait_for("What fits on it")
        terminal.wait_for("Ctrl-D")
        terminal.wait_for("≋")
        terminal.type("What is a joule?\r")
        terminal.wait_for(RECEIPT_LINE.pattern)
        terminal.wait_for("≋")
        terminal.type("\x04")
        assert terminal.wait_for_end() == 0
    assert owner_of(home) is None


def test_ctrl_c_while_it_starts_ends_it_quietly(home):
    process = subprocess.Popen(
        [*COMMAND, "run", "galerne-mini", "Hello"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
    )
    wait_until((home / "daemon.lock").exists, of=process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode in {0, 130}
    assert "Traceback" not in errors
    assert owner_of(home) is None
