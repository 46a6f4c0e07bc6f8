"""Several models in one daemon, as its owner sees them."""

from __future__ import annotations

import os
import signal
import time

import httpx
import psutil
import pytest

from tests.cli.terminal import PATIENCE_S, serving
from tests.models.gguf_bytes import tiny_gguf


@pytest.fixture(scope="module")
def two_models(make_home):
    home = make_home()
    (home / "models").mkdir()
    (home / "models" / "tiny-one.gguf").write_bytes(tiny_gguf())
    with serving(home) as running:
        yield running


def presences(here, daemon) -> dict[str, str]:
    (row,) = here("ps", "--all", "--json", at=daemon.home).document()["running"]
    return {model["model_id"]: model["presence"] for model in row["models"]}


def complete(daemon, model: str, **headers: str) -> httpx.Response:
    body = {"model": model, "prompt": "a", "max_tokens": 2}
    return httpx.post(f"{daemon.address}/v1/completions", json=body, headers=headers, timeout=PATIENCE_S)


def test_a_model_is_loaded_by_its_name_shown_and_unloaded(two_models, here):
    home = two_models.home
    assert presences(here, two_models) == {"galerne-mini": "loaded", "tiny-one": "installed"}
    assert complete(two_models, "tiny-one").status_code == 200
    assert presences(here, two_models) == {"galerne-mini": "loaded", "tiny-one": "loaded"}
    shown = here("ps", at=home).output
    assert "tiny-one" in shown
    assert "stays" in shown
    assert here("stop", "tiny-one", at=home).exit_code == 0
    assert presences(here, two_models)["tiny-one"] == "installed"
    assert "tiny-one" not in here("ps", at=home).output.replace("1 more", "")


def test_a_model_is_loaded_ahead_and_pinned(two_models, here):
    home = two_models.home
    assert here("load", "tiny-one", "--pin", "--json", at=home).document()["pinned"]
    assert "pinned" in here("ps", at=home).output
    assert not here("stop", "tiny-one", "--json", at=home).document()["pinned"]


def test_an_unknown_model_is_refused_with_the_nearest(two_models, here):
    refused = here("load", "tiny-two", at=two_models.home)
    assert refused.exit_code == 3
    assert "tiny-one" in refused.errors


def test_a_model_that_came_since_is_found(two_models):
    (two_models.home / "models" / "late.gguf").write_bytes(tiny_gguf(seed=8))
    time.sleep(0.01)
    deadline_s = time.monotonic() + PATIENCE_S
    while (answer := complete(two_models, "late")).status_code == 404 and time.monotonic() < deadline_s:
        time.sleep(0.1)  # the disk is looked at every two seconds at most
    assert answer.status_code == 200
    assert answer.json()["model"] == "late"


def test_a_model_is_measured_alone_and_eight_at_once(two_models, here):
    document = here("bench", "galerne-mini", "--json", at=two_models.home).document()
    assert [run["n_streams"] for run in document["runs"]] == [1, 8]
    for run in document["runs"]:
        assert run["prompt_tokens"] >= run["n_streams"]
        assert run["new_tokens"] > 0
        assert run["prefill_tokens_per_s"] > 0
        assert run["all_tokens_per_s"] > 0
        assert run["energy_method"] in {"measured", "derived", "modelled"}


def test_the_models_say_whether_they_answer_at_once(two_models):
    cards = httpx.get(f"{two_models.address}/v1/models").json()["data"]
    assert {card["id"]: card["state"] for card in cards}["galerne-mini"] == "loaded"
    health = httpx.get(f"{two_models.address}/health").json()
    assert health["n_loaded"] >= 1


def test_what_does_not_fit_is_loaded_anyway_and_both_engines_end_with_a_killed_daemon(make_home, here):
    home = make_home()
    (home / "models").mkdir()
    (home / "models" / "tiny-one.gguf").write_bytes(tiny_gguf())
    with serving(home, GALERNE_MEMORY_BYTES="100e6", GALERNE_CONTEXT_TOKENS="256") as daemon:
        assert here("load", "galerne-mini", "--pin", at=home).exit_code == 0
        refused = complete(daemon, "tiny-one")
        assert refused.status_code == 422
        assert "tiny-one needs 0.0" in refused.json()["error"]["message"]
        assert "--load-anyway" in refused.json()["error"]["advice"]
        assert complete(daemon, "tiny-one", **{"galerne-load": "anyway"}).status_code == 200
        engines = psutil.Process(daemon.pid).children(recursive=True)
        assert len(engines) == 2
        os.kill(daemon.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(engines, timeout=PATIENCE_S)
        assert not alive


def test_one_model_that_dies_does_not_hurt_another(two_models, here):
    assert here("stop", "tiny-one", at=two_models.home).exit_code == 0
    assert complete(two_models, "tiny-one").status_code == 200
    engines = psutil.Process(two_models.pid).children(recursive=True)
    victim = max(engines, key=lambda engine: engine.create_time())
    victim.kill()
    assert complete(two_models, "galerne-mini").status_code == 200
    deadline_s = time.monotonic() + PATIENCE_S
    while complete(two_models, "tiny-one").status_code == 503 and time.monotonic() < deadline_s:
        time.sleep(0.1)  # the first one may be told of the crash
    assert complete(two_models, "tiny-one").status_code == 200
