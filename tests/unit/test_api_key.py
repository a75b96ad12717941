"""API keys: made once, revoked once, and nothing that is stored lets anyone use one."""

import hashlib
from datetime import UTC, datetime
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.api_key import (
    INITIAL,
    ActiveKey,
    ApiKey,
    CreateKey,
    KeyAlreadyExists,
    KeyCommand,
    KeyCreated,
    KeyEvent,
    KeyNotFound,
    KeyRevoked,
    RevokedKey,
    RevokeKey,
    Scope,
    decide,
    evolve,
    key_hash,
    key_text,
)
from domain.history import HistoryBroken
from tests.unit.spec import Decider

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
ID, PARTNER = UUID(int=1), UUID(int=2)
HASH = key_hash(key_text("partner", bytes(32)))
CREATE = CreateKey(ID, HASH, "partner", "Shop", NOW, PARTNER)
CREATED = KeyCreated(key_id=ID, key_hash=HASH, scope="partner", name="Shop", created_at=NOW, partner_id=PARTNER)
REVOKED = KeyRevoked(ID, NOW)

key = Decider[ApiKey, KeyCommand, KeyEvent](INITIAL, evolve, decide)


def test_a_key_is_made_with_its_hash() -> None:
    state = key.given().when(CREATE).then(CREATED)
    assert state == ActiveKey(ID, HASH, "partner", "Shop", NOW, PARTNER)


def test_a_key_is_revoked_for_good() -> None:
    assert key.given(CREATED).when(RevokeKey(NOW)).then(REVOKED) == RevokedKey(ID)
    key.given(CREATED, REVOKED).when(RevokeKey(NOW)).then_refused(KeyNotFound, code="resource_not_found")
    key.given(CREATED, REVOKED).when(CREATE).then_refused(KeyAlreadyExists)


def test_a_key_that_was_never_made_is_not_found() -> None:
    key.given().when(RevokeKey(NOW)).then_refused(KeyNotFound)
    assert str(KeyNotFound()) == "There is no such key."


@pytest.mark.parametrize(("scope", "partner"), [("partner", None), ("gate", PARTNER)])
def test_a_partners_key_belongs_to_a_partner_and_no_other_does(scope: Scope, partner: UUID | None) -> None:
    key.given().when(CreateKey(ID, HASH, scope, "K", NOW, partner)).then_refused(ValueError)


def test_a_broken_history_is_not_folded() -> None:
    with pytest.raises(HistoryBroken, match="KeyRevoked cannot follow NoKey"):
        key.after([REVOKED])


def test_a_keys_text_says_its_scope_and_can_be_selected_by_a_double_click() -> None:
    texts = [key_text(scope, b"\xff" * 32) for scope in get_args(Scope)]
    assert [text[:6] for text in texts] == ["ota_p_", "ota_a_", "ota_g_", "ota_o_"]
    assert all(text.replace("_", "").isalnum() and len(text) == 49 for text in texts)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_different_random_bytes_make_different_keys(one: bytes, other: bytes) -> None:
    assert (key_text("gate", one) == key_text("gate", other)) == (one == other)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_is_made_of_32_random_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        key_text("gate", bytes(size))


def test_the_hash_is_sha_256_of_whatever_was_sent() -> None:
    assert key_hash("abc") == hashlib.sha256(b"abc").hexdigest()
    assert len(key_hash("a header that was not UTF-8: \udcff")) == 64
