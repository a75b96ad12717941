"""Who has a manifest's address was given it: no token can be made, changed or guessed."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.manifests.tokens import Claim, ManifestAddresses, ManifestTokens
from tests.unit.order.examples import JOB, OTHER_JOB, issuance

TOKENS = ManifestTokens(bytes(32))
ORDER = UUID(int=7)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

claims = st.builds(Claim, st.uuids(), st.uuids(), st.none() | st.integers(0, 2**24 - 1))


@given(claims)
def test_a_token_says_what_it_was_made_of(claim: Claim) -> None:
    token = TOKENS.token(claim)
    assert TOKENS.read(token) == claim
    assert len(token) == (64 if claim.wallet is None else 68)
    assert set(token) <= set(ALPHABET)


@given(claims, st.data())
def test_a_token_with_any_character_changed_is_none(claim: Claim, data: st.DataObject) -> None:
    token = TOKENS.token(claim)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(ALPHABET.replace(token[place], "")))
    assert TOKENS.read(token[:place] + other + token[place + 1 :]) is None


@given(st.text() | st.text(alphabet=ALPHABET, min_size=64, max_size=68))
def test_what_we_did_not_make_is_no_token(text: str) -> None:
    assert TOKENS.read(text) is None


@pytest.mark.parametrize("spoilt", ["{}=", "{}\n", " {}", "{}AAAA", "%20{}", ""])
def test_there_is_one_spelling(spoilt: str) -> None:
    assert TOKENS.read(spoilt.format(TOKENS.token(Claim(ORDER, JOB, None)))) is None


def test_a_token_of_another_secret_is_none() -> None:
    assert TOKENS.read(ManifestTokens(bytes(31) + b"1").token(Claim(ORDER, JOB, None))) is None


def test_order_wallets_and_issuances_have_tokens_of_their_own() -> None:
    tokens = [TOKENS.token(Claim(ORDER, job, wallet)) for job in (JOB, OTHER_JOB) for wallet in (None, 0, 1)]
    assert len(set(tokens)) == len(tokens)
    assert len({token[-20:] for token in tokens}) == len(tokens)
    assert TOKENS.wallet_tokens(ORDER, JOB, 2) == tokens[1:3]


def test_addresses_carry_the_public_path() -> None:
    addresses = ManifestAddresses("https://tickets.example/museum", TOKENS)
    made = issuance(JOB)
    assert addresses.of_order(ORDER, made) == (
        "https://tickets.example/museum/manifests/" + TOKENS.token(Claim(ORDER, JOB, None))
    )
    assert addresses.of_wallets(ORDER, made) == [
        "https://tickets.example/museum/manifests/" + TOKENS.token(Claim(ORDER, JOB, 0))
    ]
