"""The issuance saga: what it learns of an order, and what it has the order do next.

Per job: seen → leased → minted, refused, or not answered and tried again later. It asks; the order decides again.
"""

from datetime import datetime, timedelta
from typing import TypeAlias, assert_never
from uuid import UUID

from msgspec import Struct

from domain.issuance.issuance import Issuance
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
    `job_id`: for a job that starts now; one that is taken up again keeps its own.
    """

    now: datetime
    owner: str
    job_id: UUID
    lease_seconds: float


class Minted(Struct, frozen=True):
    """The issuer made everything."""

    issuance: Issuance


class Refused(Struct, frozen=True):
    """The issuer will never make this. `reason` is stable, `status_message` from our templates: it goes to Kafka."""

    job_id: UUID
    reason: str
    status_message: str


class IssuerUnavailable(Struct, frozen=True):
    """The issuer could not answer; it may have minted or not. `jitter`: a random number, 0 ≤ jitter < 1."""

    job_id: UUID
    now: datetime
    jitter: float


SagaMessage: TypeAlias = Seen | Minted | Refused | IssuerUnavailable


def react(state: Order, message: SagaMessage) -> list[IssuanceCommand]:
    """The commands that follow for the order; none where it is further on, or leased by another."""
    match message:
        case Seen():
            return _seen(state, message)
        case Minted(issuance=issuance):
            return [RecordIssuance(issuance)] if _at_work_on(state, issuance.job_id) else []
        case Refused(job_id=job_id, reason=reason, status_message=text):
            return [FailIssuance(job_id, reason, text)] if _at_work_on(state, job_id) else []
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
    lease = AttemptLease(owner=seen.owner, until=seen.now + timedelta(seconds=seen.lease_seconds))
    match state:
        case Submitted() | Scheduled():
            return [StartIssuance(seen.job_id, lease)]
        case Processing() if (due := due_at(state)) is not None and due <= seen.now:
            return [ResumeIssuance(lease, seen.now)]
        case _:
            return []


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
