"""``galerne people``: accounts from the terminal."""

import json

import pytest
from typer.testing import CliRunner

from galerne.chat.history.store import open_chat
from galerne.cli.app import app
from galerne.clock import SystemClock
from galerne.errors import AccountRefused, InvalidRequest, UnknownPerson
from galerne.storage import sqlite_url


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("GALERNE_HOME", str(tmp_path))
    monkeypatch.setenv("GALERNE_LANGUAGE", "en")

    def invoke(*words):
        result = CliRunner().invoke(app, ["people", *words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output

    return invoke


def test_accounts_are_made_listed_changed_and_removed(run, tmp_path):
    assert "one person" in run("list")
    with pytest.raises(AccountRefused):
        run("add", "bob")
    first = run("add", "ada", "--admin", "--called", "Ada L.")
    assert "/invitation/" in first
    assert "From now on" in first
    bob = json.loads(run("add", "bob", "--json"))
    token = bob["invitation"].rsplit("/", 1)[1]
    store = open_chat(sqlite_url(tmp_path / "chat.db"), clock=SystemClock())
    assert store.people.invited(token).name == "bob"
    store.of(bob["id"]).begin("q", conversation_id=None, model_id=None)
    again = json.loads(run("reset", "bob", "--json"))["invitation"].rsplit("/", 1)[1]
    assert store.people.invited(token) is None
    assert store.people.invited(again).name == "bob"
    assert json.loads(run("disable", "bob", "--json"))["state"] == "disabled"
    assert "bob: member, invited" in run("enable", "bob")
    run("role", "bob", "administrator")
    states = {entry["name"]: entry["role"] for entry in json.loads(run("list", "--json"))["people"]}
    assert states == {"ada": "administrator", "bob": "administrator"}
    with pytest.raises(AccountRefused):
        run("remove", "bob")
    assert json.loads(run("remove", "bob", "--yes", "--json"))["n_conversations_erased"] == 1
    assert store.n_conversations(bob["id"]) == 0
    store.close()
    assert "Ada L." in run("list")


def test_what_cannot_be_is_said(run):
    run("add", "ada", "--admin")
    for words, error in (
        (("disable", "ada"), AccountRefused),
        (("role", "ada", "king"), InvalidRequest),
        (("reset", "nobody"), UnknownPerson),
    ):
        with pytest.raises(error):
            run(*words)
