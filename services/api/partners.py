"""Partners, for operators: make, list, read, change, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from aiohttp import web
from msgspec import Struct

from domain.partner import KnownPartner, PartnerEvent, decide, known
from domain.partner_request import PartnerBody, PartnerChangesBody, change_partner, create_partner
from domain.reading import Reader
from domain.streams import partner_stream
from infra.ids import uuid7
from services.api.conditions import ensure_matches, etag, is_unchanged
from services.api.json_answer import json_answer, no_content
from services.api.operation import OPERATOR, Operation
from services.api.order_answer import timestamp
from services.api.pages import Page, Place, newest_first
from services.api.partner_deletion import delete_partner
from services.api.problems import not_found, validation_failed
from services.api.setup_change import changed
from services.setup.streams import PARTNERS, Stream

if TYPE_CHECKING:
    from domain.partner import Partner
    from services.api.call import Call

PARTNER_BODY = Reader(PartnerBody)
PARTNER_CHANGES_BODY = Reader(PartnerChangesBody)


class PartnerAnswer(Struct, frozen=True, rename="camel"):
    """A partner. `draft_ttl_seconds`: how long its Drafts live, null for ever."""

    partner_id: UUID
    name: str
    active: bool
    draft_ttl_seconds: int | None
    language: str
    created_at: str


async def post_partner(call: Call) -> web.Response:
    reading = PARTNER_BODY.read(call.body)
    if reading.faults:
        raise validation_failed(reading.report())
    command = create_partner(reading.value, uuid7(), call.now)

    def decision(stream: Stream[Partner]) -> Sequence[PartnerEvent]:
        return decide(stream.state, command)

    stream = await changed(call, PARTNERS, partner_stream(command.partner_id), decision, "partner")
    response = _answered(stream, 201)
    response.headers["Location"] = f"{call.services.public_url}/admin/partners/{command.partner_id}"
    return response


async def list_partners(call: Call) -> web.Response:
    await call.services.directory.refresh()
    return json_answer(newest_first(call, call.services.directory.partners.values(), _place, _answer))


async def get_partner(call: Call) -> web.Response:
    stream = await call.services.setup.load(PARTNERS, partner_stream(call.uuid("partnerId", "partner")))
    if not isinstance(stream.state, KnownPartner):
        raise not_found("partner")
    if is_unchanged(call.request.headers, stream.version):
        return web.Response(status=304, headers={"ETag": etag(stream.version)})
    return _answered(stream, 200)


async def patch_partner(call: Call) -> web.Response:
    partner_id = call.uuid("partnerId", "partner")
    reading = PARTNER_CHANGES_BODY.read(call.body)

    def decision(stream: Stream[Partner]) -> Sequence[PartnerEvent]:
        partner = known(stream.state)
        ensure_matches(call.request.headers, stream.version, "partner")
        if reading.faults:
            raise validation_failed(reading.report())
        return decide(partner, change_partner(reading.value, call.now))

    return _answered(await changed(call, PARTNERS, partner_stream(partner_id), decision, "partner"), 200)


async def remove_partner(call: Call) -> web.Response:
    await delete_partner(call, call.uuid("partnerId", "partner"))
    return no_content()


def _answered(stream: Stream[Partner], status: int) -> web.Response:
    return json_answer(_answer(known(stream.state)), status, {"ETag": etag(stream.version)})


def _place(partner: KnownPartner) -> Place:
    return Place(partner.created_at, partner.partner_id)


def _answer(partner: KnownPartner) -> PartnerAnswer:
    return PartnerAnswer(
        partner_id=partner.partner_id,
        name=partner.name,
        active=partner.active,
        draft_ttl_seconds=partner.draft_ttl_seconds,
        language=partner.language,
        created_at=timestamp(partner.created_at),
    )


OPERATIONS = (
    Operation(
        name="createPartner",
        method="POST",
        path="/admin/partners",
        summary="Make a partner, who may then be given keys.",
        scopes=OPERATOR,
        handler=post_partner,
        body=PartnerBody,
        answers={201: PartnerAnswer},
        problems=("partner_exists",),
    ),
    Operation(
        name="listPartners",
        method="GET",
        path="/admin/partners",
        summary="All partners, the newest first.",
        scopes=OPERATOR,
        handler=list_partners,
        answers={200: Page[PartnerAnswer]},
    ),
    Operation(
        name="getPartner",
        method="GET",
        path="/admin/partners/{partnerId}",
        summary="A partner.",
        scopes=OPERATOR,
        handler=get_partner,
        answers={200: PartnerAnswer, 304: None},
    ),
    Operation(
        name="changePartner",
        method="PATCH",
        path="/admin/partners/{partnerId}",
        summary="Change a partner: what is absent stays. A disabled one's keys read, and its commands are refused.",
        scopes=OPERATOR,
        handler=patch_partner,
        body=PartnerChangesBody,
        answers={200: PartnerAnswer},
        problems=("precondition_failed",),
    ),
    Operation(
        name="deletePartner",
        method="DELETE",
        path="/admin/partners/{partnerId}",
        summary="Delete a partner that no order refers to, and end its keys and subscriptions. It takes some seconds.",
        scopes=OPERATOR,
        handler=remove_partner,
        answers={204: None},
        problems=("partner_has_orders", "precondition_failed"),
    ),
)
