"""A venue's past, a process of its own: `python -m tests.bench.history --partner ID --orders 1000000`.

It writes settled orders into the log as the service would have: the domain decides, the production mapper seals and
encodes, the production group commit saves, an order in three commands (taken, leased, settled). Only HTTP is left out,
and what is read back in between. The read model is left to the projector, which sees the orders in those three steps.
"""

import argparse
import asyncio
import gc
import os
import sys
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import msgspec
import uvloop

from domain import references
from domain.issuance.issuer import IssueJob
from domain.order.commands import CancelOrder, FailIssuance, RecordIssuance, StartIssuance, SubmitOrder
from domain.order.content import OrderContent, OrderIdentity, OrderLine
from domain.order.decide import decide
from domain.order.events import AttemptLease, OrderEvent
from domain.order.state import INITIAL, Processing
from domain.personal import SellToEmail, SellToName, WalletName
from domain.references import REFERENCE_RANDOM_BYTES, buy_from_order_reference
from domain.streams import reference_stream
from infra.event_store.append import Append
from infra.event_store.mapper import Actor
from infra.event_store.outcomes import Appended, Outcome
from infra.ids import uuid7
from services.bootstrap import Platform, now, platform
from services.ordering.context import CommandContext
from services.ordering.orders import LoadedOrder, LoadedReference, ReferenceEvents, folded
from services.settings import read_settings
from tests.bench.processes import run
from tests.bench.venue import Venue

SPACING = timedelta(seconds=30)
_CHUNK = 128  # an order's three steps are then a few hundred events apart in the log, as under load
_TURN = 64  # the group commit must get its turn while the next chunk is made
_DAYS_TO_VISIT = timedelta(days=30)
_LEASE = timedelta(seconds=10)
_MOST_IDS = 100_000

# Of each hundred, by the last two digits of its number; all others are Issued.
_IN_ERROR, _DRAFTS, _REMOVED = range(2), range(2, 4), range(4, 5)


class Past(msgspec.Struct, frozen=True):
    """What was written. Orders were received from `first_received_at` on, a `SPACING` apart, and are numbered so.

    `ids_file`: ids of settled orders that can be read, one a line, at most 100,000, spread evenly.
    """

    orders: int
    first_received_at: datetime
    seconds: float
    ids_file: str


class _Made(NamedTuple):
    number: int
    order: LoadedOrder
    reference: LoadedReference


def reference_of(number: int) -> str:
    """The partner's own reference of an order, by its number."""
    return f"PAST-{number:09d}"


def write_past(venue: Venue, orders: int, *, first_number: int = 0) -> Past:
    """Writes so many settled orders into the venue's log, in a process of its own, the latest received just now."""
    ids_file = venue.data.parent / f"past-{first_number}.txt"
    arguments = ("--partner", venue.partner_id, "--orders", str(orders), "--first-number", str(first_number))
    said = run("tests.bench.history", *arguments, "--ids-out", str(ids_file), env=venue.env)
    return msgspec.json.decode(said, type=Past)


class _Writer:
    """Makes the commands of orders; what was decided before is remembered, not read back."""

    def __init__(self, shared: Platform, partner_id: UUID) -> None:
        self._shared = shared
        self._partner_id = partner_id

    def taken(self, number: int, received_at: datetime) -> tuple[_Made, Append]:
        order_id = uuid7()
        identity = OrderIdentity(
            self._partner_id,
            reference_of(number),
            buy_from_order_reference(os.urandom(REFERENCE_RANDOM_BYTES)),
            received_at,
        )
        visit_date = (received_at + _DAYS_TO_VISIT).date()
        content = _content(visit_date, paid=number % 100 not in (*_DRAFTS, *_REMOVED))
        nothing = LoadedOrder(order_id, INITIAL, 0, None, None)
        events = decide(INITIAL, SubmitOrder(identity, content))
        free = LoadedReference(reference_stream(self._partner_id, reference_of(number)), references.INITIAL, 0)
        [reserved] = references.reserve(free.state, order_id, self._partner_id, reference_of(number))
        cipher, key = self._shared.orders.new_key(order_id)
        after = _after(nothing, events)
        append = self._shared.orders.append(
            nothing,
            events,
            after.state,
            self._context("partner", received_at),
            cipher=cipher,
            new_key=key,
            reference=ReferenceEvents(free, [reserved]),
        )
        taken = LoadedReference(free.stream, references.evolve(free.state, reserved), 1)
        return _Made(number, after, taken), append

    def leased(self, made: _Made) -> tuple[_Made, Append]:
        at = _received_at(made)
        events = decide(made.order.state, StartIssuance(uuid7(), AttemptLease("past", at + _LEASE)))
        after = _after(made.order, events)
        append = self._shared.orders.append(made.order, events, after.state, self._context("issuer", at))
        return made._replace(order=after), append

    async def settled(self, made: _Made) -> Append:
        state, at = made.order.state, _received_at(made)
        assert isinstance(state, Processing)
        released = None
        if made.number % 100 in _IN_ERROR:
            events = decide(state, FailIssuance(state.job_id, "sold_out", "There is no place left on that day."))
        else:
            job = IssueJob(state.job_id, made.order.order_id, state.order, state.content, at)
            events = decide(state, RecordIssuance(await self._shared.issuer.issue(job)))
        if made.number % 100 in _REMOVED:
            events += decide(_after(made.order, events).state, CancelOrder())
            gone = references.release(made.reference.state, made.order.order_id)
            released = ReferenceEvents(made.reference, gone)
        after = _after(made.order, events).state
        return self._shared.orders.append(made.order, events, after, self._context("issuer", at), reference=released)

    def _context(self, scope: str, at: datetime) -> CommandContext:
        return CommandContext(uuid7(), at, Actor(scope), "bench", venue_id=self._shared.directory.venue_id)


def _after(order: LoadedOrder, events: list[OrderEvent]) -> LoadedOrder:
    saved = folded(order, events, None)
    return order._replace(state=saved.state, version=saved.version)


def _received_at(made: _Made) -> datetime:
    state = made.order.state
    return state.order.received_at  # type: ignore[union-attr]  # it has been taken: it is not Absent


def _content(visit_date: date, *, paid: bool) -> OrderContent:
    line = OrderLine(
        item_number="31001",
        quantity=2,
        visit_date=visit_date,
        visit_time=time_of_day(10, 30),
        description="Day ticket, adult",
        wallet_names=(WalletName("Jane Doe"), WalletName("John Doe")),
    )
    return OrderContent(
        lines=(line,),
        payment_reference="PAY-987654" if paid else None,
        sell_to_name=SellToName("Jane Doe"),
        sell_to_email=SellToEmail("guest@example.com"),
        sell_to_language="ENU",
    )


async def write(shared: Platform, partner_id: UUID, numbers: range, first_received_at: datetime) -> list[UUID]:
    """Writes the orders; the ids of some that can be read.

    While a chunk of orders is taken, the chunk before is leased and the one before that settled, as in the service.
    """
    writer = _Writer(shared, partner_id)
    ids: list[UUID] = []
    every = -(-len(numbers) // _MOST_IDS)
    taken: list[_Made] = []
    leased: list[_Made] = []
    saving: list[asyncio.Future[Outcome]] = []
    for chunk in [*_chunks(numbers), range(0), range(0)]:
        before, saving = saving, []
        for at, made in enumerate(leased):
            saving.append(shared.group_commit.append(await writer.settled(made)))
            if made.number % every == 0 and made.number % 100 not in _REMOVED:
                ids.append(made.order.order_id)
            await _turn(at)
        leased = []
        for at, made in enumerate(taken):
            after, append = writer.leased(made)
            leased.append(after)
            saving.append(shared.group_commit.append(append))
            await _turn(at)
        taken = []
        for at, number in enumerate(chunk):
            made, append = writer.taken(number, first_received_at + (number - numbers.start) * SPACING)
            taken.append(made)
            saving.append(shared.group_commit.append(append))
            await _turn(at)
        await _saved(before)
    await _saved(saving)
    return ids


def _chunks(numbers: range) -> Iterator[range]:
    for at in range(0, len(numbers), _CHUNK):
        yield numbers[at : at + _CHUNK]


async def _turn(at: int) -> None:
    if at % _TURN == 0:
        await asyncio.sleep(0)


async def _saved(saving: list[asyncio.Future[Outcome]]) -> None:
    for outcome in await asyncio.gather(*saving):
        if not isinstance(outcome, Appended):
            raise RuntimeError(f"an order of the past was not saved: {outcome}")


async def run_once(options: argparse.Namespace) -> Past:
    began = time.monotonic()
    latest = now()
    latest = latest.replace(microsecond=latest.microsecond // 1000 * 1000)
    first_received_at = latest - (options.orders - 1) * SPACING
    numbers = range(options.first_number, options.first_number + options.orders)
    async with platform(read_settings(os.environ)) as shared:
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)  # as the service does: what was made by now stays for good
        ids = await write(shared, UUID(options.partner), numbers, first_received_at)
    lines = "".join(f"{order_id}\n" for order_id in ids)
    await asyncio.to_thread(options.ids_out.write_text, lines)
    return Past(options.orders, first_received_at, round(time.monotonic() - began, 3), str(options.ids_out))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.history", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--partner", required=True, help="partnerId of the orders")
    parser.add_argument("--orders", type=int, required=True)
    parser.add_argument("--first-number", type=int, default=0, help="of their references: what was written before")
    parser.add_argument("--ids-out", type=Path, required=True, help="write ids of readable orders there, one a line")
    past = uvloop.run(run_once(parser.parse_args(arguments)))
    print(msgspec.json.encode(past).decode(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
