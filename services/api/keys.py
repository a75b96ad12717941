"""API keys, for operators: make, list, revoke. A key's text is shown once, when it is made."""

from __future__ import annotations

from collections.abc import Sequence
from os import urandom
from typing import TYPE_CHECKING
from uuid import UUID

from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from domain.api_key import (
    KEY_RANDOM_BYTES,
    ActiveKey,
    CreateKey,
    KeyEvent,
    RevokeKey,
    Scope,
    decide,
    key_hash,
    key_text,
)
from domain.partner_request import KeyBody, PartnerKeyBody
from domain.reading import Reader
from domain.streams import key_stream
from infra.ids import uuid7
from services.api.json_answer import NO_STORE, json_answer, no_content
from services.api.operation import OPERATOR, Operation
from services.api.order_answer import timestamp
from services.api.pages import Page, Place, newest_first
from services.api.problems import not_found, validation_failed
from services.api.setup_change import changed
from services.setup.streams import KEYS, Stream

if TYPE_CHECKING:
    from domain.api_key import ApiKey
    from services.api.call import Call

PARTNER_KEY_BODY = Reader(PartnerKeyBody)
KEY_BODY = Reader(KeyBody)


class KeyAnswer(Struct, frozen=True, rename="camel", kw_only=True):
    """A key. `key`: its text, in the answer that made it alone. `partner_id`: of the scope partner alone."""

    key_id: UUID
    key: str | UnsetType = UNSET
    scope: Scope
    partner_id: UUID | UnsetType = UNSET
    name: str
    created_at: str


async def post_partner_key(call: Call) -> web.Response:
    reading = PARTNER_KEY_BODY.read(call.body)
    partner_id = await _partner(call)
    if reading.faults:
        raise validation_failed(reading.report())
    return await _made(call, "partner", reading.value.name, partner_id)


async def post_key(call: Call) -> web.Response:
    reading = KEY_BODY.read(call.body)
    if reading.faults:
        raise validation_failed(reading.report())
    return await _made(call, reading.value.scope, reading.value.name, None)


async def list_partner_keys(call: Call) -> web.Response:
    return _listed(call, await _partner(call))


async def list_keys(call: Call) -> web.Response:
    await call.services.directory.refresh()
    return _listed(call, None)


async def revoke_key(call: Call) -> web.Response:
    def decision(stream: Stream[ApiKey]) -> Sequence[KeyEvent]:
        return decide(stream.state, RevokeKey(call.now))

    await changed(call, KEYS, key_stream(call.uuid("keyId", "key")), decision, "key")
    return no_content()


async def _partner(call: Call) -> UUID:
    """The partner that the path names. Raises Problem 404."""
    partner_id = call.uuid("partnerId", "partner")
    await call.services.directory.refresh()
    if partner_id not in call.services.directory.partners:
        raise not_found("partner")
    return partner_id


async def _made(call: Call, scope: Scope, name: str, partner_id: UUID | None) -> web.Response:
    key_id = uuid7()
    key = key_text(scope, urandom(KEY_RANDOM_BYTES))
    command = CreateKey(key_id, key_hash(key), scope, name, call.now, partner_id)

    def decision(stream: Stream[ApiKey]) -> Sequence[KeyEvent]:
        return decide(stream.state, command)

    made = (await changed(call, KEYS, key_stream(key_id), decision, "key")).state
    if partner_id is not None and partner_id not in call.services.directory.partners:
        raise not_found("partner")  # deleted this very moment, and its keys with it
    assert isinstance(made, ActiveKey)  # noqa: S101 - `decide` made it
    return json_answer(_answer(made, key), 201, NO_STORE)


def _listed(call: Call, partner_id: UUID | None) -> web.Response:
    keys = [key for key in call.services.directory.keys.values() if key.partner_id == partner_id]
    return json_answer(newest_first(call, keys, _place, _answer))


def _place(key: ActiveKey) -> Place:
    return Place(key.created_at, key.key_id)


def _answer(key: ActiveKey, text: str | UnsetType = UNSET) -> KeyAnswer:
    return KeyAnswer(
        key_id=key.key_id,
        key=text,
        scope=key.scope,
        partner_id=UNSET if key.partner_id is None else key.partner_id,
        name=key.name,
        created_at=timestamp(key.created_at),
    )


OPERATIONS = (
    Operation(
        name="createPartnerKey",
        method="POST",
        path="/admin/partners/{partnerId}/keys",
        summary="Make a key for a partner. Its text is shown this once.",
        scopes=OPERATOR,
        handler=post_partner_key,
        body=PartnerKeyBody,
        answers={201: KeyAnswer},
    ),
    Operation(
        name="listPartnerKeys",
        method="GET",
        path="/admin/partners/{partnerId}/keys",
        summary="A partner's keys, the newest first, without their texts.",
        scopes=OPERATOR,
        handler=list_partner_keys,
        answers={200: Page[KeyAnswer]},
    ),
    Operation(
        name="createKey",
        method="POST",
        path="/admin/keys",
        summary="Make a key for an auditor, an operator or the gate. Its text is shown this once.",
        scopes=OPERATOR,
        handler=post_key,
        body=KeyBody,
        answers={201: KeyAnswer},
    ),
    Operation(
        name="listKeys",
        method="GET",
        path="/admin/keys",
        summary="The keys that belong to no partner, the newest first, without their texts.",
        scopes=OPERATOR,
        handler=list_keys,
        answers={200: Page[KeyAnswer]},
    ),
    Operation(
        name="revokeKey",
        method="DELETE",
        path="/admin/keys/{keyId}",
        summary="End any key, a partner's too: every process refuses it within a second.",
        scopes=OPERATOR,
        handler=revoke_key,
        answers={204: None},
    ),
)
