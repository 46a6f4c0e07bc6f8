"""Models on disk as their owner sees them: list, show, rm."""

import hashlib

import httpx
import pytest

from tests.cli.terminal import Terminal, serving
from tests.models.gguf_bytes import tiny_gguf
from tests.models.test_stores import MINISTRAL, NAME, ministral, ollama_store

NEMO = "Ministral-8B-Instruct-2410-Q4_K_M.gguf"


@pytest.fixture
def home(home):
    folder = home / "models"
    folder.mkdir()
    (folder / f"{NAME}-Q4_K_M.gguf").write_bytes(ministral())
    (folder / "own.gguf").write_bytes(tiny_gguf())
    return home


def test_list_names_known_models_their_licence_and_whose_they_are(home, here, tmp_path):
    shape = {"llama.embedding_length": 4096, "llama.block_count": 36}
    store = ollama_store(
        tmp_path,
        {
            "registry.ollama.ai/library/ministral/8b": ministral(
                **shape, **{"general.name": "Ministral 8B Instruct 2410"}
            )
        },
    )
    document = here("list", "--json", GALERNE_STORES=str(store)).document()
    by_id = {row["model_id"]: row for row in document["models"]}
    assert by_id.keys() == {"galerne-mini", "ministral-3-3b", "own", "ministral:8b"}
    assert by_id["ministral-3-3b"]["commercial_use"] is True
    assert by_id["ministral:8b"]["commercial_use"] is False
    assert by_id["own"]["commercial_use"] is None
    shown = here("list", GALERNE_STORES=str(store)).output
    assert "ollama, no commercial use" in shown


@pytest.mark.parametrize("name", ["ministral-3-3b", f"{NAME}-Q4_K_M", "ministral-3b-latest"])
def test_show_says_what_a_model_is_and_needs(name, home, here):
    document = here("show", name, "--json").document()
    assert document["model_id"] == "ministral-3-3b"
    assert document["licence"] == "Apache-2.0"
    assert document["architecture"]["n_layers"] == MINISTRAL["llama.block_count"]
    needed = [row["needed_4_bytes"] for row in document["memory"]]
    assert needed == sorted(needed)
    assert all(row["needed_1_bytes"] < row["needed_4_bytes"] for row in document["memory"])
    assert "Ministral 3 3B" in here("show", name).output


def test_show_works_out_the_checksum_and_prints_the_template(home, here):
    data = (home / "models" / "own.gguf").read_bytes()
    assert hashlib.sha256(data).hexdigest() in here("show", "own", "--hash").output
    assert "for m in messages" in here("show", "own", "--template").output


def test_a_licence_that_excludes_business_is_said_plainly(home, here):
    (home / "models" / NEMO).write_bytes(
        ministral(**{"llama.embedding_length": 4096, "llama.block_count": 36})
    )
    assert "does not allow commercial use" in here("show", "ministral-8b-2410").output


@pytest.mark.parametrize("command", ["show", "rm", "run"])
def test_a_model_that_is_not_here_ends_with_3_and_names_the_list(command, here):
    refused = here(command, "ministral-3b", *(["Hi"] if command == "run" else []))
    assert refused.exit_code == 3
    assert "galerne list" in refused.errors
    assert "did you mean 'ministral-3-3b'?" in refused.errors


def test_rm_removes_what_is_ours_when_told(home, here):
    refused = here("rm", "own")
    assert refused.exit_code == 2
    assert "--yes" in refused.errors
    assert here("rm", "own", "--yes", "--json").document()["removed"] == "own"
    assert not (home / "models" / "own.gguf").exists()
    assert (home / "models" / f"{NAME}-Q4_K_M.gguf").exists()


@pytest.mark.parametrize(("answer", "stays"), [("n", True), ("", True), ("y", False)])
def test_rm_asks_on_a_terminal(answer, stays, home):
    with Terminal("rm", "own", home=home) as terminal:
        terminal.wait_for(r"\[y/N\]")
        terminal.type(answer + "\n")
        assert terminal.wait_for_end() == 0
    assert (home / "models" / "own.gguf").exists() == stays


def test_rm_leaves_what_is_built_in_or_anothers(home, here, tmp_path):
    store = ollama_store(tmp_path, {"registry.ollama.ai/library/x/latest": ministral()})
    for name in ("galerne-mini", "x"):
        refused = here("rm", name, "--yes", GALERNE_STORES=str(store))
        assert refused.exit_code == 3
        assert "is left as it is" in refused.errors
    assert len(list((store / "blobs").iterdir())) == 1


def test_rm_leaves_what_an_engine_has_loaded(home, here):
    with serving(home, "--model", "own"):
        refused = here("rm", "own", "--yes")
        assert refused.exit_code == 3
        assert "loaded" in refused.errors
        assert (home / "models" / "own.gguf").exists()
        assert here("rm", "ministral-3-3b", "--yes").exit_code == 0


def test_rm_leaves_a_loaded_model_that_is_not_the_default_one(home, here):
    with serving(home):
        assert here("load", "own").exit_code == 0
        refused = here("rm", "own", "--yes")
        assert refused.exit_code == 3
        assert "galerne stop own" in refused.errors
        assert here("stop", "own").exit_code == 0
        assert here("rm", "own", "--yes").exit_code == 0


def test_show_gives_the_memory_that_the_daemon_counts(daemon, make_home, here):
    home = make_home()
    document = here("show", "galerne-mini", "--json", at=home).document()
    (row,) = httpx.get(f"{daemon.address}/v1/galerne/engines").json()["data"][:1]
    assert row["model_id"] == "galerne-mini"
    assert document["memory"][-1]["needed_4_bytes"] == row["needed_bytes"]
