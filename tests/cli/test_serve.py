"""The daemon: one per data folder, found by other commands, ended without a trace."""

import re
import signal

import httpx
import psutil
import pytest

from galerne.cli.serving import _address_of, _listen, _own_address
from tests.cli.terminal import PATIENCE_S, owner_of, serving, starting, wait_until

QUESTION = {"messages": [{"role": "user", "content": "What is a receipt?"}]}


def ask(address: str, **changes: object) -> httpx.Response:
    return httpx.post(f"{address}/v1/chat/completions", json={**QUESTION, **changes}, timeout=30)


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S)
    return not alive


def test_what_is_announced_answers(daemon):
    assert httpx.get(f"{daemon.address}/health").status_code == 200
    assert "galerne" in httpx.get(daemon.address).text.lower()
    answer = ask(daemon.address, model="galerne-mini", max_tokens=8).json()
    assert answer["choices"][0]["message"]["content"]
    assert answer["usage"]["galerne"]["method"] == "modelled"


def test_ps_finds_it(daemon, here):
    (row,) = here("ps", "--json", at=daemon.home).document()["running"]
    assert (row["address"], row["pid"]) == (daemon.address, daemon.pid)
    (model,) = row["models"]
    assert (model["model_id"], model["presence"]) == ("galerne-mini", "loaded")
    assert model["resident_bytes"] > 10_000_000
    assert daemon.address in here("ps", at=daemon.home).output


def test_top_shows_a_frame_in_a_pipe_and_a_reading_to_a_program(daemon, here, home):
    document = here("top", "--json", at=daemon.home).document()
    assert document["running"]
    assert document["n_slots"] >= 1
    assert sum(document["accounts_j"].values()) == pytest.approx(2 * document["accounts_j"]["meter"])
    frame = here("top", at=daemon.home).output
    assert "galerne-mini" in frame
    assert "other programs" in frame
    assert here("top", "--json", at=home).document() == {"running": False}


def test_prometheus_is_served(daemon):
    shown = httpx.get(f"{daemon.address}/metrics").text
    ask(daemon.address, model="galerne-mini", max_tokens=4)
    assert 'galerne_energy_joules_total{account="foreign"}' in shown
    assert 'galerne_answers_total{finish_reason="length"' in httpx.get(f"{daemon.address}/metrics").text


def test_a_second_one_on_the_same_folder_is_refused_naming_the_first(daemon, here):
    refused = here("serve", "--port", "0", at=daemon.home)
    assert refused.exit_code == 4
    assert str(daemon.pid) in refused.errors
    assert httpx.get(f"{daemon.address}/health").status_code == 200


def test_a_port_in_use_is_refused_naming_it(daemon, home, here):
    port = daemon.address.rpartition(":")[2]
    refused = here("serve", "--port", port, at=home)
    assert refused.exit_code == 4
    assert port in refused.errors
    assert owner_of(home) is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_it_ends_cleanly_when_told(number, home, here):
    with serving(home) as daemon:
        children = daemon.children()
        assert children
        ask(daemon.address, model="galerne-mini", max_tokens=4)
        assert daemon.end(number) == 0
        assert daemon.process.stderr.read() == ""
    assert gone(children)
    assert owner_of(home) is None
    assert here("ps", "--json", at=home).document() == {"running": []}
    assert here("usage", "--json", at=home).document()["adds_up"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_told_to_end_while_it_starts_it_does(number, home):
    with starting(home) as process:
        wait_until((home / "ledger.db").exists, of=process)  # the house is being opened
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr.read() == ""
    assert gone(children)
    assert owner_of(home) is None


def test_killed_outright_it_leaves_no_engine_and_no_lock_and_loses_no_receipt(home, here):
    with serving(home) as daemon:
        children = daemon.children()
        receipt_id = ask(daemon.address, model="galerne-mini", max_tokens=4).headers["galerne-receipt"]
        daemon.end(signal.SIGKILL)
    assert gone(children)
    assert here("ps", "--json", at=home).document() == {"running": []}
    with serving(home) as daemon:
        receipt = httpx.get(f"{daemon.address}/v1/receipts/{receipt_id}").json()
        assert receipt["id"] == receipt_id
        daemon.end(signal.SIGTERM)
    document = here("usage", "--json", at=home).document()
    assert document["adds_up"]
    assert document["rows"][-1]["n_answers"] == 1


def test_a_key_is_asked_for_and_the_owners_own_commands_need_none(home, here):
    with serving(home, GALERNE_API_KEY="k-123") as daemon:
        assert httpx.get(f"{daemon.address}/v1/models").status_code == 401
        allowed = httpx.get(f"{daemon.address}/v1/models", headers={"Authorization": "Bearer k-123"})
        assert allowed.status_code == 200
        assert here("ps", "--json", at=home, GALERNE_API_KEY="k-123").document()["running"]
        assert here("ps", "--json", at=home).document()["running"]  # by the key left in the data folder


def test_a_simulated_machine_answers_and_never_calls_it_measured(home, here):
    with serving(home, "--simulate", "dgx-h100", "--model", "ministral-3-8b") as daemon:
        answer = ask(daemon.address, model="ministral-3-8b").json()
        assert "simulated" in answer["choices"][0]["message"]["content"]
        assert answer["usage"]["galerne"]["method"] == "modelled"
        (model,) = httpx.get(f"{daemon.address}/v1/models").json()["data"]
        assert model["id"] == "ministral-3-8b"
        chain = httpx.get(f"{daemon.address}/v1/galerne/chain").json()
        assert (chain["engine"]["kind"], chain["engine"]["method"]) == ("simulated", "modelled")
        spoken = here("run", at=home, typed=b"What is this?")
        assert spoken.exit_code == 0
        assert "simulated" in spoken.output


@pytest.mark.parametrize(
    ("host", "shown", "own"),
    [
        ("0.0.0.0", r"http://(?!0\.0\.0\.0)[\d.]+:\d+", r"http://127\.0\.0\.1:\d+"),
        ("127.0.0.1", r"http://127\.0\.0\.1:\d+", r"http://127\.0\.0\.1:\d+"),
        ("localhost", r"http://localhost:\d+", r"http://127\.0\.0\.1:\d+"),
        ("[::1]", r"http://\[::1\]:\d+", r"http://\[::1\]:\d+"),
    ],
)
def test_the_address_told_can_be_opened_whatever_is_listened_to(host, shown, own):
    with _listen(host, 0) as listener:
        assert re.fullmatch(shown, _address_of(listener, host))
        assert re.fullmatch(own, _own_address(listener))
