import json

import httpx
import pytest

from tests.cli.terminal import serving, wait_until


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_a_key_is_shown_once_and_listed_without_its_secret(here):
    made = here("key", "create", "laptop", "--owner", "ada", "--model", "galerne-mini", "--json").document()
    assert made["key"].startswith(made["prefix"])
    assert len(made["key"]) > 40
    (listed,) = here("key", "list", "--json").document()["keys"]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert (listed["owner"], listed["models"], listed["status"]) == ("ada", ["galerne-mini"], "active")
    assert made["key"] not in here("key", "list").output


def test_people_are_told_what_the_first_key_changes(here):
    first, second = here("key", "create", "one"), here("key", "create", "two")
    assert "glrn_" in first.output
    assert "From now on" in first.output
    assert "From now on" not in second.output


def test_the_commands_speak_french(here):
    shown = here("key", "create", "un", GALERNE_LANGUAGE="fr").output
    assert "Désormais" in shown
    assert "révoquée" in here("key", "revoke", "un", GALERNE_LANGUAGE="fr").output


def test_a_key_ends_at_once_or_when_it_was_said(here):
    here("key", "create", "short", "--expires", "12h", "--json")
    here("key", "create", "long", "--expires", "2999-01-01")
    here("key", "create", "gone")
    assert here("key", "revoke", "gone", "--json").document()["status"] == "revoked"
    keys = {key["name"]: key for key in here("key", "list", "--json").document()["keys"]}
    assert keys["short"]["expires_at"] - keys["short"]["created_at"] == pytest.approx(12 * 3600)
    assert keys["long"]["expires_at"] == 32472144000.0
    assert keys["gone"]["status"] == "revoked"


def test_a_rotated_key_keeps_all_but_its_secret(here):
    made = here("key", "create", "ci", "--scope", "read", "--json").document()
    renewed = here("key", "rotate", "ci", "--keep", "1h", "--json").document()
    assert renewed["key"] != made["key"]
    for name in ("key_id", "scopes", "created_at"):
        assert renewed[name] == made[name]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("create", ""), "NAME"),
        (("create", "x", "--scope", "everything"), "inference, read, admin"),
        (("create", "x", "--expires", "soon"), "2027-06-30"),
        (("create", "x", "--expires", "2001-01-01"), "past"),
        (("create", "laptop"), "already"),
        (("revoke", "labtop"), "did you mean 'laptop'"),
        (("rotate", "laptop", "--keep", "long"), "12h"),
        (("limit", "laptop", "--tokens-per-day", "many"), "--tokens-per-day"),
        (("limit", "laptop", "--tokens-per-day", "1.5"), "whole"),
        (("limit", "laptop", "--eur-per-day", "-1"), "--eur-per-day"),
        (("limit", "laptop", "--g-total", "inf"), "--g-total"),
        (("limit", "--tokens-per-day", "5"), "name one key"),
        (("limit", "laptop", "--user", "ada", "--tokens-per-day", "5"), "name one key"),
        (("limit", "nobody", "--tokens-per-day", "5"), "nobody"),
    ],
)
def test_what_cannot_be_is_told(here, arguments, told):
    here("key", "create", "laptop")
    refused = here("key", *arguments)
    assert refused.exit_code == 2
    assert told in refused.errors


def test_limits_are_set_shown_and_removed(here):
    key_id = here("key", "create", "ci", "--json").document()["key_id"]
    here("key", "limit", "ci", "--tokens-per-day", "100000", "--wh-per-month", "2.5", "--requests-total", "9")
    here("key", "limit", "--user", "ada", "--eur-per-month", "0.30")
    limits = here("key", "limit", "--json").document()["limits"]
    assert {(row["subject"], row["unit"], row["period"], row["limit"]) for row in limits} == {
        (f"key:{key_id}", "tokens", "day", 100000.0),
        (f"key:{key_id}", "wh", "month", 2.5),
        (f"key:{key_id}", "requests", "total", 9.0),
        ("user:ada", "eur", "month", 0.3),
    }
    left = here("key", "limit", "ci", "--tokens-per-day", "none", "--json").document()["limits"]
    assert [row["unit"] for row in left] == ["requests", "wh"]
    assert "key:ci" in here("key", "limit").output


@pytest.mark.slow
def test_a_running_daemon_obeys_what_is_decided_beside_it(home, here):
    asked = {"model": "galerne-mini", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
    with (
        serving(home) as daemon,
        httpx.Client(base_url=daemon.address, trust_env=False, timeout=60) as client,
    ):
        assert client.get("/v1/models").status_code == 200
        ada = here("key", "create", "ada", "--json").document()["key"]
        bob = here("key", "create", "bob", "--json").document()["key"]
        admin = here("key", "create", "root", "--scope", "admin", "--json").document()["key"]
        here("key", "limit", "ada", "--requests-per-day", "1")
        wait_until(lambda: client.get("/v1/models").status_code == 401)  # it looks again after a second

        assert "session" in client.get("/").text
        assert client.get("/", headers=bearer(admin)).status_code == 200

        answered = client.post("/v1/chat/completions", json=asked, headers=bearer(ada))
        assert answered.status_code == 200
        assert answered.headers["x-ratelimit-remaining-req-day"] == "0"
        receipt = answered.headers["galerne-receipt"]
        assert client.get(f"/v1/receipts/{receipt}", headers=bearer(ada)).status_code == 200
        assert client.get(f"/v1/receipts/{receipt}", headers=bearer(bob)).status_code == 404

        refused = client.post("/v1/chat/completions", json=asked, headers=bearer(ada))
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 86400
        assert client.post("/v1/chat/completions", json=asked, headers=bearer(bob)).status_code == 200

        own = here("run", "galerne-mini", "Hi", "--json")
        assert own.exit_code == 0, own.errors
        assert here("ps", "--json").document()["running"]

        here("key", "revoke", "bob")
        wait_until(lambda: client.get("/v1/models", headers=bearer(bob)).status_code == 401)
    whole = here("ledger", "verify", "--json").document()
    assert whole["n_events"] >= 6


def test_a_key_in_the_ledger_is_enough_to_serve_others(home, here):
    refused = here("serve", "--host", "0.0.0.0", "--port", "0")
    assert refused.exit_code == 2
    assert "galerne key create" in refused.errors
    here("key", "create", "first")
    with serving(home, "--host", "0.0.0.0") as daemon:
        port = daemon.address.rsplit(":", 1)[1]
        answer = httpx.get(f"http://127.0.0.1:{port}/v1/models", trust_env=False)
        assert answer.status_code == 401
        assert json.loads(answer.text)["error"]["code"] == "invalid_api_key"


def test_a_limit_is_named_as_the_table_shows_it(here):
    here("key", "create", "ci")
    here("key", "limit", "project:wind", "--wh-per-day", "5")
    here("key", "limit", "key:ci", "--requests-per-day", "7")
    subjects = {
        row["subject"].partition(":")[0] for row in here("key", "limit", "--json").document()["limits"]
    }
    assert subjects == {"project", "key"}
    assert "5 Wh per day" in here("key", "limit", "project:wind").output
    assert here("key", "limit", "project:wind", "--project", "sea", "--wh-per-day", "1").exit_code == 2
