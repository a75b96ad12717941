"""Sealed fields: AES-256-GCM with a random key per stream, which lies in its own row, wrapped by a master key.

Each ciphertext is bound to its stream and field (associated data), so that it cannot be moved to another unseen.
Source: NIST SP 800-38D.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import b2a_base64
from os import urandom
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.personal import SealedText

REDACTED = "Redacted"
KEY_BYTES = 32
_NONCE_BYTES = 12
_NONCE_PREFIX_BYTES = 8


class SealBroken(Exception):
    """A ciphertext does not open under its key, stream and field: it was altered, or the master key is another."""


class StreamKey(NamedTuple):
    """The row of a stream's key, as stored."""

    stream: UUID
    master_key_id: str
    wrapped: bytes


class FieldCipher:
    """Seals and opens the fields of one stream.

    Its nonces are random bytes of this object's own and a count (NIST SP 800-38D, section 8.2.1): they never recur.
    """

    __slots__ = ("_aead", "_nonces", "_sealed", "_stream")

    def __init__(self, stream: UUID, key: bytes, nonces: bytes | None = None) -> None:
        self._stream = stream.bytes
        self._aead = AESGCM(key)
        self._nonces = nonces if nonces is not None else urandom(_NONCE_PREFIX_BYTES)
        self._sealed = 0

    def token(self, text: SealedText) -> str:
        """The ciphertext to store: nonce and sealed text, base64. A text that came sealed keeps its token."""
        token = text.token
        if token is None:
            self._sealed = count = self._sealed + 1
            nonce = self._nonces + count.to_bytes(_NONCE_BYTES - _NONCE_PREFIX_BYTES, "big")
            sealed = self._aead.encrypt(nonce, (text.plain or "").encode(), self._stream + text.bound_to)
            token = text.token = b2a_base64(nonce + sealed, newline=False).decode()
        return token

    def text(self, text: SealedText) -> str:
        """The plain text. Raises SealBroken."""
        if text.plain is None:
            try:
                data = b64decode(text.token or "", validate=True)
                opened = self._aead.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], self._stream + text.bound_to)
            except (InvalidTag, ValueError) as error:  # ValueError: not base64, or too short
                raise SealBroken(f"a {text.field} of stream {UUID(bytes=self._stream)} does not open") from error
            text.plain = opened.decode()
        return text.plain


class KeyRing:
    """The master keys by id; the current one wraps new stream keys.

    `master_keys`: 32 bytes each. Raises KeyError for a stream key wrapped by a master key that is not here.
    """

    def __init__(self, master_keys: Mapping[str, bytes], current: str) -> None:
        self._wrapping = {key_id: AESGCM(key) for key_id, key in master_keys.items()}
        self._current = current

    @property
    def current(self) -> str:
        """The id of the current master key."""
        return self._current

    def new_stream_key(self, stream: UUID) -> tuple[FieldCipher, StreamKey]:
        random = urandom(KEY_BYTES + _NONCE_BYTES + _NONCE_PREFIX_BYTES)  # at once: a system call each is dear
        key, nonce, nonces = random[:KEY_BYTES], random[KEY_BYTES:-_NONCE_PREFIX_BYTES], random[-_NONCE_PREFIX_BYTES:]
        wrapped = nonce + self._wrapping[self._current].encrypt(nonce, key, stream.bytes)
        return FieldCipher(stream, key, nonces), StreamKey(stream, self._current, wrapped)

    def cipher(self, row: StreamKey) -> FieldCipher:
        """Raises SealBroken where the row was altered or belongs to another stream."""
        nonce, sealed = row.wrapped[:_NONCE_BYTES], row.wrapped[_NONCE_BYTES:]
        try:
            return FieldCipher(row.stream, self._wrapping[row.master_key_id].decrypt(nonce, sealed, row.stream.bytes))
        except (InvalidTag, ValueError) as error:
            raise SealBroken(f"the key of stream {row.stream} does not open") from error


def open_text(text: SealedText | None, cipher: FieldCipher | None) -> str:
    """What an answer shows: "" where nothing was given, Redacted where the key is gone (the person was erased)."""
    if text is None:
        return ""
    if cipher is None:
        return text.plain if text.plain is not None else REDACTED
    return cipher.text(text)
