"""The gate's operations: what a guest's reference stands for, and letting in who shows it.

Both read the order's own stream, as of the last commit: what was cancelled, confirmed or used a moment ago, on whatever
instance, is told so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING
from uuid import UUID

from aiohttp import web
from msgspec import Struct

from domain.catalog.time_zones import time_zone
from domain.order.commands import RedeemTickets
from domain.order.events import OrderEvent
from domain.order.gate import Shown, ShownWallet, destroyed, shown
from domain.order.redeem import redeem
from domain.order.refusals import NotShown, OrderRefusal, TicketVoid
from domain.order.state import INITIAL, KnownOrder, Order, evolve
from domain.reading import Reader, Reading
from services.api.gate.answers import TicketAnswer, WalletTicketsAnswer, shown_answer
from services.api.gate.refusals import problem_of_redeem
from services.api.json_answer import NO_STORE, json_answer
from services.api.operation import Operation
from services.api.order_access import command_context
from services.api.problems import Problem, not_found, validation_failed
from services.ordering.orders import LoadedOrder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import date

    from domain.api_key import Scope
    from services.api.call import Call

SEES: frozenset[Scope] = frozenset({"gate", "operator", "partner"})
LETS_IN: frozenset[Scope] = frozenset({"gate", "operator"})


class RedeemBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How many of a group came; absent or null: all of them. The body may be left out."""

    persons: int | None = None


REDEEM_BODY = Reader(RedeemBody)
_EVERYBODY = b"{}"


async def get_ticket(call: Call) -> web.Response:
    return await _looked_up(call, lambda order_id: _told(call, order_id))


async def redeem_ticket(call: Call) -> web.Response:
    reading = REDEEM_BODY.read(call.body or _EVERYBODY)
    return await _looked_up(call, lambda order_id: _redeemed(call, order_id, reading))


async def _looked_up(call: Call, answer: Callable[[UUID], Awaitable[web.Response]]) -> web.Response:
    """The answer for the order that shows the reference. One that is not there is counted: it may be a guess."""
    async with call.services.guess_limit.look_up(call.caller) as look_up:
        try:
            order_id = await call.services.shown_numbers.order_of(_reference(call))
            if order_id is None:
                raise _unknown()
            response = await answer(order_id)
        except Problem as problem:
            if problem.code == "resource_not_found":
                look_up.is_unknown()
            problem.headers.update(look_up.headers)
            raise
    response.headers.update(look_up.headers)
    return response


async def _told(call: Call, order_id: UUID) -> web.Response:
    states = await _states(call, order_id)
    _ensure_seen(call, states[-1])
    reference = _reference(call)
    found = shown(states[-1], reference) or destroyed(states, reference)
    if found is None:
        raise _unknown()
    return await _answered(call, order_id, found)


async def _redeemed(call: Call, order_id: UUID, reading: Reading[RedeemBody]) -> web.Response:
    """Used once, whoever asks at the same moment: of all who decide on one version of the order, one saves.

    If the process dies before the save, nobody was let in; after it, the next scan says already_used, with the time.
    """
    reference = _reference(call)

    def decision(loaded: LoadedOrder) -> Sequence[OrderEvent]:
        persons = None if reading.faults else reading.value.persons
        events = redeem(loaded.state, RedeemTickets(reference, persons, _today(call), call.now))
        if reading.faults:
            raise validation_failed(reading.report())
        return events

    try:
        saved = await call.services.ordering.handle(order_id, decision, command_context(call))
    except NotShown:
        if destroyed(await _states(call, order_id), reference) is None:
            raise _unknown() from None
        raise problem_of_redeem(TicketVoid()) from None
    except OrderRefusal as refusal:
        raise problem_of_redeem(refusal) from refusal
    found = shown(saved.state, reference)
    assert found is not None  # noqa: S101 - it was just used
    return await _answered(call, order_id, found)


def _reference(call: Call) -> str:
    """As the guest has it: in a path, a slash is `%2F`."""
    return call.request.match_info["reference"]


def _today(call: Call) -> date:
    """At the venue."""
    catalog = call.services.directory.catalog
    return call.now.astimezone(time_zone(catalog.venue.time_zone) if catalog is not None else UTC).date()


async def _states(call: Call, order_id: UUID) -> list[Order]:
    """All that the order has gone through, the oldest first."""
    rows = (await call.services.recorder.streams([order_id]))[order_id]
    states: list[Order] = [INITIAL]
    for row in rows:
        states.append(evolve(states[-1], call.services.mapper.from_row(row.topic, row.state).data))
    return states


def _ensure_seen(call: Call, order: Order) -> None:
    """Raises Problem 404, as for a reference that nobody has."""
    if not isinstance(order, KnownOrder) or not call.sees(order.order.partner_id):
        raise _unknown()


async def _answered(call: Call, order_id: UUID, found: Shown) -> web.Response:
    cipher = None
    if isinstance(found, ShownWallet) and found.name is not None:
        key = (await call.services.recorder.keys([order_id])).get(order_id)
        cipher = call.services.keys.cipher(key) if key is not None else None
    return json_answer(shown_answer(found, cipher), headers=NO_STORE)


def _unknown() -> Problem:
    return not_found("ticket or wallet")


OPERATIONS = (
    Operation(
        name="getTicket",
        method="GET",
        path="/tickets/{reference}",
        summary="What a guest's reference stands for, as of the last commit: a ticket or coupon, or a wallet of them.",
        scopes=SEES,
        handler=get_ticket,
        answers={200: TicketAnswer | WalletTicketsAnswer},
        problems=("rate_limited",),
    ),
    Operation(
        name="redeemTicket",
        method="POST",
        path="/tickets/{reference}/redeem",
        summary="Let in who shows this reference, once and on its day; of a wallet, with all tickets of the day.",
        scopes=LETS_IN,
        handler=redeem_ticket,
        body=RedeemBody,
        answers={200: TicketAnswer | WalletTicketsAnswer},
        problems=("already_used", "not_valid", "rate_limited"),
    ),
)
