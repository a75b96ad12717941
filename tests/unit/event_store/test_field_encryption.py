"""Sealed fields open under their own key, stream and field alone."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.personal import SealedText, SellToEmail, SellToName, WalletName
from infra.event_store.field_encryption import FieldCipher, KeyRing, SealBroken, StreamKey, open_text

STREAM = UUID("019a0000-0000-7000-8000-000000000001")
KEY = bytes(range(32))
MASTER = {"2026": b"m" * 32}


def sealed(cipher: FieldCipher, text: SealedText) -> SealedText:
    """The text as it comes from the store."""
    return type(text).sealed(cipher.token(text))


@pytest.mark.parametrize("plain", ["Jane Doe", "", "Søren Kierkegård 🎟", "x" * 10_000, "\0"])
def test_a_text_opens_as_what_was_sealed(plain: str) -> None:
    cipher = FieldCipher(STREAM, KEY)
    token = sealed(cipher, SellToName(plain))
    assert token.plain is None
    assert cipher.text(token) == plain


def test_the_token_is_aes_gcm_over_stream_and_field() -> None:
    """As anybody could open it who has the key: nonce, then ciphertext and tag; associated data: stream, then field."""
    token = b64decode(FieldCipher(STREAM, KEY).token(SellToName("Jane")))
    assert AESGCM(KEY).decrypt(token[:12], token[12:], STREAM.bytes + b"sellToName") == b"Jane"


def test_two_seals_of_one_text_have_nothing_in_common() -> None:
    cipher = FieldCipher(STREAM, KEY)
    first, second = (b64decode(cipher.token(SellToName("Jane"))) for _ in range(2))
    assert first[:12] != second[:12]
    assert first[12:] != second[12:]


def test_no_nonce_recurs_when_a_streams_key_is_taken_up_again() -> None:
    """A nonce that is used twice under one key gives both texts away."""
    ring = KeyRing(MASTER, "2026")
    first, row = ring.new_stream_key(STREAM)
    ciphers = [first, *(ring.cipher(row) for _ in range(20))]
    nonces = {b64decode(cipher.token(SellToName("Jane")))[:12] for cipher in ciphers for _ in range(5)}
    assert len(nonces) == 21 * 5


def test_a_text_that_is_stored_again_keeps_its_seal() -> None:
    cipher = FieldCipher(STREAM, KEY)
    text = SellToName("Jane")
    assert cipher.token(text) == cipher.token(text)
    read = SellToName.sealed("as it was stored")
    assert cipher.token(read) == "as it was stored"


def test_a_seal_moved_to_another_field_is_broken() -> None:
    cipher = FieldCipher(STREAM, KEY)
    token = cipher.token(SellToName("Jane"))
    for moved in (SellToEmail.sealed(token), WalletName.sealed(token)):
        with pytest.raises(SealBroken):
            cipher.text(moved)


def test_a_seal_moved_to_another_stream_is_broken() -> None:
    token = FieldCipher(STREAM, KEY).token(SellToName("Jane"))
    with pytest.raises(SealBroken, match="sellToName"):
        FieldCipher(uuid4(), KEY).text(SellToName.sealed(token))


def test_another_streams_key_does_not_open_it() -> None:
    ring = KeyRing(MASTER, "2026")
    cipher, _ = ring.new_stream_key(STREAM)
    other, _ = ring.new_stream_key(STREAM)
    with pytest.raises(SealBroken):
        other.text(sealed(cipher, SellToName("Jane")))


@pytest.mark.parametrize("at", [0, 11, 12, -1])
def test_an_altered_seal_is_broken(at: int) -> None:
    cipher = FieldCipher(STREAM, KEY)
    token = bytearray(b64decode(cipher.token(SellToName("Jane"))))
    token[at] ^= 1
    with pytest.raises(SealBroken):
        cipher.text(SellToName.sealed(b64encode(token).decode()))


@pytest.mark.parametrize("token", ["", "AAAA", "not base64", "Jane Doe", "=", "é"])
def test_what_is_no_seal_at_all_is_broken(token: str) -> None:
    with pytest.raises(SealBroken):
        FieldCipher(STREAM, KEY).text(SellToName.sealed(token))


def test_a_streams_key_is_unwrapped_by_the_master_key_that_wrapped_it() -> None:
    cipher, row = KeyRing(MASTER, "2026").new_stream_key(STREAM)
    token = sealed(cipher, SellToName("Jane"))
    rotated = KeyRing({**MASTER, "2027": b"n" * 32}, "2027")
    assert row.master_key_id == "2026"
    assert rotated.cipher(row).text(token) == "Jane"
    assert rotated.new_stream_key(STREAM)[1].master_key_id == "2027"


def test_a_streams_key_is_nowhere_in_its_row() -> None:
    _, row = KeyRing(MASTER, "2026").new_stream_key(STREAM)
    key = AESGCM(MASTER["2026"]).decrypt(row.wrapped[:12], row.wrapped[12:], STREAM.bytes)
    assert len(key) == 32
    assert key not in row.wrapped


def test_another_master_key_under_the_same_name_does_not_open_it() -> None:
    _, row = KeyRing(MASTER, "2026").new_stream_key(STREAM)
    with pytest.raises(SealBroken):
        KeyRing({"2026": b"x" * 32}, "2026").cipher(row)


def test_a_master_key_that_is_not_there_is_told() -> None:
    _, row = KeyRing(MASTER, "2026").new_stream_key(STREAM)
    with pytest.raises(KeyError):
        KeyRing({"2027": b"x" * 32}, "2027").cipher(row)


@pytest.mark.parametrize(
    "altered",
    [
        lambda row: row._replace(stream=uuid4()),
        lambda row: row._replace(wrapped=row.wrapped[:-1] + bytes([row.wrapped[-1] ^ 1])),
        lambda row: row._replace(wrapped=b""),
        lambda row: row._replace(wrapped=row.wrapped[:20]),
    ],
    ids=["moved to another stream", "altered", "emptied", "cut"],
)
def test_a_key_row_that_was_altered_is_broken(altered: Callable[[StreamKey], StreamKey]) -> None:
    ring = KeyRing(MASTER, "2026")
    row = altered(ring.new_stream_key(STREAM)[1])
    with pytest.raises(SealBroken):
        ring.cipher(row)


def test_what_an_answer_shows() -> None:
    cipher = FieldCipher(STREAM, KEY)
    assert open_text(None, cipher) == ""
    assert open_text(sealed(cipher, SellToName("Jane")), cipher) == "Jane"


def test_without_its_key_a_text_reads_redacted() -> None:
    """The person was erased: the key row is gone, and nothing else opens it."""
    token = sealed(FieldCipher(STREAM, KEY), SellToName("Jane"))
    assert open_text(token, None) == "Redacted"
    assert open_text(None, None) == ""
