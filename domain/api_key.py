"""API keys: who may call, with which right. One small stream a key; its text is never stored, only its hash.

Events, commands, refusals, states, `evolve`, `decide`, in this order; then what a key looks like.
"""

import hashlib
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias, assert_never
from uuid import UUID

from msgspec import Struct

from domain.history import HistoryBroken

Scope: TypeAlias = Literal["partner", "auditor", "gate", "operator"]


class KeyCreated(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A key may be used. `key_hash`: hex SHA-256 of its text. `partner_id`: of keys with the scope partner alone."""

    key_id: UUID
    key_hash: str
    scope: Scope
    name: str
    created_at: datetime
    partner_id: UUID | None = None


class KeyRevoked(Struct, frozen=True, rename="camel"):
    """The key may not be used any more."""

    key_id: UUID
    revoked_at: datetime


KeyEvent: TypeAlias = KeyCreated | KeyRevoked


class CreateKey(Struct, frozen=True):
    """`partner_id` with the scope partner, and with no other."""

    key_id: UUID
    key_hash: str
    scope: Scope
    name: str
    now: datetime
    partner_id: UUID | None = None


class RevokeKey(Struct, frozen=True):
    now: datetime


KeyCommand: TypeAlias = CreateKey | RevokeKey


class KeyRefusal(Exception):
    """The key refuses this."""

    code: ClassVar[str]

    def __str__(self) -> str:
        return type(self).__doc__ or ""


class KeyNotFound(KeyRefusal):
    """There is no such key."""

    code = "resource_not_found"


class KeyAlreadyExists(KeyRefusal):
    """A key with this keyId exists already."""

    code = "invalid_status"


class NoKey(Struct, frozen=True, tag=True):
    """Nothing has happened under this id."""


class ActiveKey(Struct, frozen=True, rename="camel", tag=True, omit_defaults=True):
    key_id: UUID
    key_hash: str
    scope: Scope
    name: str
    created_at: datetime
    partner_id: UUID | None = None


class RevokedKey(Struct, frozen=True, rename="camel", tag=True):
    key_id: UUID


ApiKey: TypeAlias = NoKey | ActiveKey | RevokedKey

INITIAL: ApiKey = NoKey()


def evolve(state: ApiKey, event: KeyEvent) -> ApiKey:
    """The state after one more event. Raises HistoryBroken where the event cannot follow."""
    match event, state:
        case KeyCreated(), NoKey():
            return ActiveKey(
                key_id=event.key_id,
                key_hash=event.key_hash,
                scope=event.scope,
                name=event.name,
                created_at=event.created_at,
                partner_id=event.partner_id,
            )
        case KeyRevoked(), ActiveKey():
            return RevokedKey(key_id=state.key_id)
        case _:
            raise HistoryBroken(event, state)


def decide(state: ApiKey, command: KeyCommand) -> list[KeyEvent]:
    """The events that follow. Raises a KeyRefusal."""
    match command:
        case CreateKey():
            return _create(state, command)
        case RevokeKey(now=now):
            return _revoke(state, now)
        case _:
            assert_never(command)


def _create(state: ApiKey, command: CreateKey) -> list[KeyEvent]:
    if not isinstance(state, NoKey):
        raise KeyAlreadyExists
    if (command.scope == "partner") != (command.partner_id is not None):
        raise ValueError("a partner's key belongs to a partner, and no other key does")
    return [
        KeyCreated(
            key_id=command.key_id,
            key_hash=command.key_hash,
            scope=command.scope,
            name=command.name,
            created_at=command.now,
            partner_id=command.partner_id,
        )
    ]


def _revoke(state: ApiKey, now: datetime) -> list[KeyEvent]:
    match state:
        case ActiveKey(key_id=key_id):
            return [KeyRevoked(key_id, now)]
        case NoKey() | RevokedKey():
            raise KeyNotFound
        case _:
            assert_never(state)


KEY_RANDOM_BYTES = 32

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LETTERS: dict[Scope, str] = {"partner": "p", "auditor": "a", "gate": "g", "operator": "o"}


def key_text(scope: Scope, random: bytes) -> str:
    """`ota_p_…`: what the caller sends; from exactly 32 random bytes, in 43 symbols that a double click selects whole.

    The prefix is there for people and for scanners that look for leaked keys; the rights are in the store.
    """
    if len(random) != KEY_RANDOM_BYTES:
        raise ValueError(f"a key needs {KEY_RANDOM_BYTES} random bytes")
    number = int.from_bytes(random, "big")
    symbols = ""
    for _ in range(43):  # 62⁴³ > 2²⁵⁶
        number, value = divmod(number, 62)
        symbols = _BASE62[value] + symbols
    return f"ota_{_LETTERS[scope]}_{symbols}"


def key_hash(key: str) -> str:
    """Hex SHA-256 of a key's text, whatever a caller sent for one.

    No salt and no slow hash: 256 random bits cannot be guessed.
    """
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
