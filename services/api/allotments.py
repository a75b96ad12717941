"""What of a venue's capacity is taken, for operators, and the capacity of one day or slot set apart.

Where the contract is silent: `admission`, `from` and `to` must be given, for at most two years; an admission that the
catalog does not have any more is listed as long as something was ever taken or set of it, and cannot be set. Any day
can be set, closed ones too. How a day or slot is shown: `domain/allotment/standing.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, time
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web
from msgspec import Struct

from domain.allotment.override import AllotmentEvent, AllotmentOverride, decide
from domain.allotment.request import CapacityBody, capacity_faults, override_capacity
from domain.allotment.standing import UNTOUCHED, Allotment, allotment, allotments
from domain.allotment.taking import VisitSlot
from domain.reading import Reader
from domain.streams import allotment_stream
from infra.event_store.group_commit import OutcomeUnknown
from infra.postgres.errors import DatabaseUnavailable
from services.api.days import parse_day, query_range, query_text
from services.api.json_answer import json_answer
from services.api.operation import OPERATOR, Operation
from services.api.problems import not_found, validation_failed
from services.api.query_faults import QueryFaults
from services.api.setup_change import changed
from services.setup.streams import ALLOTMENTS, Stream

if TYPE_CHECKING:
    from domain.catalog.items import Admission
    from services.api.call import Call

CAPACITY_BODY = Reader(CapacityBody)

MOST_DAYS = 732


class AllotmentAnswer(Struct, frozen=True, rename="camel"):
    """A day, or a slot of it. `capacity`, `free`: null where unlimited. `held`: by Drafts and orders being issued."""

    admission: str
    visit_date: date
    slot_start: time | None
    capacity: int | None
    held: int
    sold: int
    free: int | None


class AllotmentsAnswer(Struct, frozen=True):
    data: list[AllotmentAnswer]


async def list_allotments(call: Call) -> web.Response:
    query = QueryFaults(call)
    name = query.read(partial(query_text, name="admission"), None)
    await call.services.directory.refresh()
    admission = _admission(call, name) if name is not None else None
    if name is not None and admission is None and not await call.services.allotments.is_known(name):
        query.add("admission", "unknown_admission", "The catalog has no such admission.")
    asked = query.read(partial(query_range, most_days=MOST_DAYS), None)
    query.ensure_none()
    assert name is not None and asked is not None  # noqa: PT018, S101 - else there is a fault
    standings = await call.services.allotments.standings([name], asked.first, asked.last)
    # Two years of a slot each quarter of an hour, if somebody asks for that: too long for the event loop.
    return await asyncio.to_thread(
        lambda: json_answer(
            AllotmentsAnswer([_answer(shown) for shown in allotments(name, admission, asked.days, standings)])
        )
    )


async def put_allotment(call: Call) -> web.Response:
    reading = CAPACITY_BODY.read(call.body)
    name, day = call.request.match_info["admission"], parse_day(call.request.match_info["visitDate"])
    await call.services.directory.refresh()
    admission = _admission(call, name)
    if admission is None or day is None:
        raise not_found("admission" if admission is None else "day")
    report = reading.report(capacity_faults(reading.value, admission))
    if report:
        raise validation_failed(report)
    command = override_capacity(reading.value, name, day)
    slot = VisitSlot(name, day, command.slot_start)

    def decision(stream: Stream[AllotmentOverride]) -> Sequence[AllotmentEvent]:
        return decide(stream.state, command)

    await changed(call, ALLOTMENTS, allotment_stream(*slot), decision, "allotment")
    try:
        standings = await call.services.allotments.standings([name], day, day)
    except DatabaseUnavailable as error:
        raise OutcomeUnknown from error  # it is set, but cannot be shown; who sends it again changes nothing
    return json_answer(_answer(allotment(slot, admission, standings.get(slot, UNTOUCHED))))


def _admission(call: Call, name: str) -> Admission | None:
    catalog = call.services.directory.catalog
    return catalog.admission(name) if catalog is not None else None


def _answer(shown: Allotment) -> AllotmentAnswer:
    return AllotmentAnswer(*shown.slot, shown.capacity, shown.held, shown.sold, shown.free)


OPERATIONS = (
    Operation(
        name="listAllotments",
        method="GET",
        path="/admin/allotments",
        summary="Every day and slot of an admission (`admission`, `from`, `to`): its capacity and what is taken of it.",
        scopes=OPERATOR,
        handler=list_allotments,
        answers={200: AllotmentsAnswer},
    ),
    Operation(
        name="setAllotment",
        method="PUT",
        path="/admin/allotments/{admission}/{visitDate}",
        summary="Set the capacity of one day or slot, whatever the catalog says; not below what is taken.",
        scopes=OPERATOR,
        handler=put_allotment,
        body=CapacityBody,
        answers={200: AllotmentAnswer},
        problems=("below_taken",),
    ),
)
