"""The `pageKey` of a list: where the next page begins, as a text that says nothing to who sees it.

A version and the list's kind come first, so that a key of another kind or of a later program is refused, not misread.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from datetime import UTC, datetime, timedelta
from struct import Struct
from struct import error as WrongSize
from typing import NamedTuple
from uuid import UUID

_NEWEST = b"\x01n"
_CHANGED = b"\x01c"
_NEWEST_KEY = Struct(">2sq16s")
_CHANGED_KEY = Struct(">2sq")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ALTERNATIVES = b"-_"


class PageKeyInvalid(ValueError):
    """A page key that no list of this kind has given."""


class NewestKey(NamedTuple):
    """The last row of a page, newest first."""

    received_at: datetime
    order_id: UUID


def newest_key(last: NewestKey) -> str:
    return _text(_NEWEST_KEY.pack(_NEWEST, (last.received_at - _EPOCH) // _MICROSECOND, last.order_id.bytes))


def parse_newest_key(text: str) -> NewestKey:
    """Raises PageKeyInvalid."""
    try:
        kind, microseconds, order_id = _NEWEST_KEY.unpack(_bytes(text))
        if kind != _NEWEST:
            raise PageKeyInvalid
        return NewestKey(_EPOCH + timedelta(microseconds=microseconds), UUID(bytes=order_id))
    except (WrongSize, OverflowError) as error:
        raise PageKeyInvalid from error


def changed_key(last_row_version: int) -> str:
    return _text(_CHANGED_KEY.pack(_CHANGED, last_row_version))


def parse_changed_key(text: str) -> int:
    """The row version of the page's last row. Raises PageKeyInvalid."""
    try:
        kind, row_version = _CHANGED_KEY.unpack(_bytes(text))
    except WrongSize as error:
        raise PageKeyInvalid from error
    if kind != _CHANGED:
        raise PageKeyInvalid
    return int(row_version)


def _text(key: bytes) -> str:
    return b64encode(key, _ALTERNATIVES).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text + "=" * (-len(text) % 4), _ALTERNATIVES, validate=True)
    except (NotBase64, ValueError) as error:  # ValueError: not ASCII
        raise PageKeyInvalid from error
