"""Keys on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from galerne.errors import KeyNameTaken, UnknownKey
from galerne.ledger import Scope, hash_key
from galerne.storage import reading
from tests.contract.ledgers import AT, ledger, ledger_url

__all__ = ["ledger", "ledger_url"]


def test_only_the_hash_of_a_key_is_kept(ledger):
    key, secret = ledger.keys.create("laptop", owner="ada", project="wind", models=["mini"], at=AT)
    with reading(ledger._engine) as connection:
        row = connection.execute(text("SELECT * FROM ledger_keys")).one()
    assert secret not in str(row)
    assert secret.startswith(key.prefix)
    assert len(key.prefix) < len(secret) / 3
    assert ledger.keys.with_hash(hash_key(secret), at=AT) == key
    assert key.scopes == {Scope.INFERENCE, Scope.READ}
    assert (key.payer.owner, key.payer.project, key.payer.models) == ("ada", "wind", {"mini"})


def test_secrets_are_256_bits_and_never_the_same(ledger):
    secrets = {ledger.keys.create(f"k{number}", owner="ada", at=AT)[1] for number in range(5)}
    assert len(secrets) == 5
    assert all(len(secret) == len("glrn_") + 43 for secret in secrets)


def test_keys_are_found_by_name_and_by_id_and_names_are_unique(ledger):
    key, _ = ledger.keys.create("laptop", owner="ada", at=AT)
    assert ledger.keys.find("laptop") == ledger.keys.find(key.key_id) == key
    with pytest.raises(KeyNameTaken):
        ledger.keys.create("laptop", owner="bob", at=AT)
    with pytest.raises(UnknownKey) as unknown:
        ledger.keys.find("labtop")
    assert unknown.value.nearest == "laptop"


def test_a_key_is_active_until_it_expires_or_is_revoked(ledger):
    ledger.keys.create("short", owner="ada", at=AT, expires_at=AT + 10)
    assert ledger.keys.find("short").status(AT + 9.9) == "active"
    assert ledger.keys.find("short").status(AT + 10) == "expired"
    ledger.keys.revoke("short", at=AT + 5)
    assert ledger.keys.revoke("short", at=AT + 7).revoked_at == AT + 5
    assert ledger.keys.find("short").status(AT + 6) == "revoked"


def test_a_rotated_secret_opens_as_long_as_it_was_given(ledger):
    key, first = ledger.keys.create("ci", owner="ada", at=AT)
    _, second = ledger.keys.rotate("ci", at=AT, keep_s=60)
    found = ledger.keys.with_hash
    assert found(hash_key(first), at=AT + 59).key_id == key.key_id == found(hash_key(second), at=AT).key_id
    assert found(hash_key(first), at=AT + 60) is None
    _, third = ledger.keys.rotate("ci", at=AT + 10)
    assert found(hash_key(second), at=AT + 10) is None
    assert found(hash_key(third), at=AT + 10).key_id == key.key_id


def test_a_revoked_key_is_not_renewed(ledger):
    ledger.keys.create("ci", owner="ada", at=AT)
    ledger.keys.revoke("ci", at=AT)
    with pytest.raises(UnknownKey):
        ledger.keys.rotate("ci", at=AT)


def test_that_there_were_keys_is_never_forgotten(ledger):
    assert not ledger.keys.exist()
    key, _ = ledger.keys.create("ci", owner="ada", at=AT)
    ledger.keys.revoke("ci", at=AT)
    assert ledger.keys.exist()
    assert ledger.keys.owner_of(key.key_id) == "ada"
    assert ledger.keys.owner_of("key_none") is None
