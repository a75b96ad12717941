"""The issuance saga: what it learns of an order, and what it has the order do next.

Per job: seen → leased, with its places → minted, refused, or not answered and tried again later. What the save of a
step finds taken comes back as a message of its own. It asks; the order decides again.
"""

from datetime import datetime, timedelta
from typing import TypeAlias, assert_never
from uuid import UUID

from msgspec import Struct

from domain.allotment.taking import VisitSlot, places_needed
from domain.catalog.items import Catalog
from domain.issuance.issuance import Issuance
from domain.issuance.no_room import NUMBER_TAKEN, SOLD_OUT, number_taken, sold_out
from domain.order.commands import (
    DeferIssuance,
    FailIssuance,
    IssuanceCommand,
    RecordIssuance,
    ResumeIssuance,
    StartIssuance,
)
from domain.order.events import AttemptLease
from domain.order.state import InFlight, Order, Processing, Scheduled, Submitted

BACK_OFF_SECONDS = (1, 5, 15, 60, 120, 300, 400)
"""The waits after an issuer could not answer, before jitter: about a quarter of an hour in all, then it is an Error."""

JITTER = 0.2
"""Each wait is up to this share shorter or longer, so that orders that failed together do not return together."""

ISSUER_UNAVAILABLE = "issuer_unavailable"
"""The reason of an order whose issuer could not answer to the last attempt."""


class Seen(Struct, frozen=True):
    """The feed or the sweeper came upon the order.

    `owner` is unique to a start of a process: after a restart nobody takes the old one's lease for its own.
    `job_id`: for a job that starts now; one that is taken up again keeps its own. `catalog`, `catalog_version`: in
    force; by it a job that starts now takes its places, and is issued.
    """

    now: datetime
    owner: str
    job_id: UUID
    lease_seconds: float
    catalog: Catalog | None = None
    catalog_version: int = 0


class SoldOut(Struct, frozen=True):
    """Too few places were left for the order that was `seen`: `left` in `slot`. Nothing of it is saved yet."""

    seen: Seen
    slot: VisitSlot
    left: int


class Minted(Struct, frozen=True):
    """The issuer made everything."""

    issuance: Issuance


class Refused(Struct, frozen=True):
    """The issuer will never make this. `reason` is stable, `status_message` from our templates: it goes to Kafka."""

    job_id: UUID
    reason: str
    status_message: str


class ExternalNumberTaken(Struct, frozen=True):
    """A living wallet has the number that the partner gave one of the order's. `line`, `wallet`: which, from 0."""

    job_id: UUID
    line: int
    wallet: int


class IssuerUnavailable(Struct, frozen=True):
    """The issuer could not answer; it may have minted or not. `jitter`: a random number, 0 ≤ jitter < 1."""

    job_id: UUID
    now: datetime
    jitter: float


SagaMessage: TypeAlias = Seen | SoldOut | Minted | Refused | ExternalNumberTaken | IssuerUnavailable


def react(state: Order, message: SagaMessage) -> list[IssuanceCommand]:
    """The commands that follow for the order; none where it is further on, or leased by another."""
    match message:
        case Seen():
            return _seen(state, message)
        case SoldOut():
            return _sold_out(state, message)
        case Minted(issuance=issuance):
            return [RecordIssuance(issuance)] if _at_work_on(state, issuance.job_id) else []
        case Refused(job_id=job_id, reason=reason, status_message=text):
            return [FailIssuance(job_id, reason, text)] if _at_work_on(state, job_id) else []
        case ExternalNumberTaken(job_id=job_id, line=line, wallet=wallet):
            failed = FailIssuance(job_id, NUMBER_TAKEN, number_taken(line, wallet))
            return [failed] if _at_work_on(state, job_id) else []
        case IssuerUnavailable():
            return _unavailable(state, message)
        case _:
            assert_never(message)


def due_at(state: InFlight) -> datetime | None:
    """When an order in flight may be taken up by whoever comes: None is at once."""
    match state:
        case Submitted() | Scheduled():
            return None
        case Processing(retry_at=None, lease=lease):
            return lease.until
        case Processing(retry_at=retry_at):
            return retry_at


def retry_at(attempt: int, now: datetime, jitter: float) -> datetime | None:
    """When a job is tried again after `attempt` attempts have failed, from 1; None: not any more."""
    if attempt > len(BACK_OFF_SECONDS):
        return None
    return now + timedelta(seconds=BACK_OFF_SECONDS[attempt - 1] * (1 + JITTER * (2 * jitter - 1)))


def _seen(state: Order, seen: Seen) -> list[IssuanceCommand]:
    match state:
        case Submitted() | Scheduled():
            places = places_needed(state.content, seen.catalog) if seen.catalog is not None else ()
            return [StartIssuance(seen.job_id, _lease(seen), places, seen.catalog_version)]
        case Processing() if (due := due_at(state)) is not None and due <= seen.now:
            return [ResumeIssuance(_lease(seen), seen.now)]
        case _:
            return []


def _sold_out(state: Order, message: SoldOut) -> list[IssuanceCommand]:
    """The order takes the whole way to its Error at once: no place is taken, and no issuer is asked."""
    seen = message.seen
    match state:
        case Submitted() | Scheduled() if seen.catalog is not None:
            text = sold_out(state.content, seen.catalog, message.slot, message.left)
            return [
                StartIssuance(seen.job_id, _lease(seen), catalog_version=seen.catalog_version),
                FailIssuance(seen.job_id, SOLD_OUT, text),
            ]
        case _:
            return []


def _lease(seen: Seen) -> AttemptLease:
    return AttemptLease(owner=seen.owner, until=seen.now + timedelta(seconds=seen.lease_seconds))


def _unavailable(state: Order, message: IssuerUnavailable) -> list[IssuanceCommand]:
    match state:
        case Processing(job_id=job_id, retry_at=None, attempt=earlier) if job_id == message.job_id:
            again = retry_at(earlier + 1, message.now, message.jitter)
            if again is not None:
                return [DeferIssuance(job_id, again)]
            return [FailIssuance(job_id, ISSUER_UNAVAILABLE, _given_up(earlier + 1))]
        case _:
            return []


def _at_work_on(state: Order, job_id: UUID) -> bool:
    return isinstance(state, Processing) and state.job_id == job_id


def _given_up(attempts: int) -> str:
    minutes = round(sum(BACK_OFF_SECONDS) / 60)
    return (
        f"The venue's ticketing system could not be reached: {attempts} attempts in about {minutes} minutes. "
        "No tickets were issued. Replace the order to have it issued again, or cancel it."
    )
