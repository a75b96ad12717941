"""The moments at which the death of a process matters, by name: what may be half done there, and a way to die there.

The tests start the real service armed for one of them (`OTA_CM_CRASH_AT`), have it die there, start it again and look
whether everything is whole. README tells of each what makes it whole again. Nothing is armed in production: then a
point costs one comparison.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from typing import Final, NamedTuple

import structlog

# By then what is waited for has surely been sent, and whoever holds it up on purpose still does.
_WELL_UNDER_WAY_SECONDS: Final = 0.25

_log = structlog.get_logger()


class CrashPoint(StrEnum):
    """In the order in which a process, and then an order, meets them."""

    SECRET_DRAFTED = "secret-drafted"  # noqa: S105 - a name
    """A generated key is in a file of a draft's name, not yet in its own."""
    POSTGRES_START_LOCKED = "postgres-start-locked"
    """`start.lock` is held, and nothing is started."""
    CLUSTER_MADE = "cluster-made"
    """initdb is done, in a folder that has not its final name yet."""
    POSTGRES_LAUNCHED = "postgres-launched"
    """The server runs without whoever started it, and does not answer yet."""
    POSTGRES_STOPPING = "postgres-stopping"
    """The last one out has told the server to stop, and does not wait for it."""
    MIGRATION_UNCOMMITTED = "migration-uncommitted"
    """A migration and its record are made, in a transaction that is open."""
    MIGRATION_COMMITTED = "migration-committed"
    """One migration is applied, those behind it are not."""

    APPEND_UNSENT = "append-unsent"
    """A batch of commands is decided, and known to this process alone."""
    APPEND_RUNNING = "append-running"
    """The call that saves a batch runs in the server, which will commit it or not."""
    APPEND_COMMITTED = "append-committed"
    """A batch is durable, with its Idempotency-Keys, and no caller was answered."""
    ISSUER_CONFIRMED = "issuer-confirmed"
    """The issuer has confirmed a job, and the order is still a Draft."""
    PARTNER_DISABLED = "partner-disabled"
    """A partner to be deleted is disabled, and still there."""

    BATCH_TAKEN = "batch-taken"
    """The feed has handed out orders, and none of them is leased."""
    ORDERS_SWEPT = "orders-swept"
    """The sweeper has found orders that were left behind, and none of them is leased anew."""
    PROCESSING_SAVED = "processing-saved"
    """Orders are leased durably to this process, and nothing is asked of the issuer."""
    JOB_ISSUED = "job-issued"
    """The issuer has minted, and the log does not know it."""
    OUTCOME_SAVED = "outcome-saved"
    """Orders are settled, and the feed still stands before them."""
    DRAFTS_DUE = "drafts-due"
    """Drafts whose time is up are found, and none of them is removed."""
    VOIDS_TAKEN = "voids-taken"
    """Jobs to be destroyed are leased to this process, and nothing is asked of the issuer."""
    VOID_DONE = "void-done"
    """The issuer has destroyed a job, and it still stands in the queue."""

    PROJECTION_UNCOMMITTED = "projection-uncommitted"
    """Rows of the read model and its place in the log are written, in a transaction that is open."""
    REBUILD_FILLED = "rebuild-filled"
    """A second read model stands whole beside the live one."""
    SWAP_UNCOMMITTED = "swap-uncommitted"
    """The second read model is in the live one's place, in a transaction that is open."""
    SWAP_COMMITTED = "swap-committed"
    """The second read model is the live one, and nobody was told."""

    DELIVERIES_QUEUING = "deliveries-queuing"
    """The statement that writes deliveries and the place in the log runs in the server, which will commit it or not."""
    DELIVERIES_UNCOMMITTED = "deliveries-uncommitted"
    """The same, written with what a deleted subscription kills, in a transaction that is open."""
    DELIVERIES_QUEUED = "deliveries-queued"
    """Deliveries are queued, leased to this process, and its sender does not know them."""
    DELIVERY_UNSENT = "delivery-unsent"
    """A delivery is in the sender's hand, and nothing is sent."""
    DELIVERY_SENT = "delivery-sent"
    """The endpoint has answered, and the queue does not know it."""
    DELIVERY_MARKED = "delivery-marked"
    """What came of deliveries is written, and they are still in this process's hand."""
    ENDPOINT_DISABLED = "endpoint-disabled"
    """An endpoint has answered 410 and its subscription is disabled; its deliveries still wait."""

    RELAY_LEASED = "relay-leased"
    """This process alone may relay, and has not looked where the log was relayed to."""
    RELAY_PAGE_READ = "relay-page-read"
    """A page of the log is in hand, and nothing of it is sent."""
    RELAY_PAGE_SENT = "relay-page-sent"
    """Kafka has acknowledged a page, and the relay's place in the log is still before it."""


class CrashAt(NamedTuple):
    """Where to die, and at which time that it is reached, from 1."""

    point: CrashPoint
    time: int


_armed: CrashPoint | None = None
_left = 0


def parse_crash_at(text: str) -> CrashAt:
    """`name`, or `name:n` for the n-th time. Raises ValueError, which lists the names."""
    name, colon, time = text.partition(":")
    if name not in set(CrashPoint) or (colon and not (time.isascii() and time.isdigit() and int(time) > 0)):
        raise ValueError(f"a crash point, or `name:n` for its n-th time; the names are {', '.join(CrashPoint)}")
    return CrashAt(CrashPoint(name), int(time or 1))


def arm(crash_at: CrashAt | None) -> None:
    """Have this process die there; None: nowhere."""
    global _armed, _left
    _armed, _left = (None, 0) if crash_at is None else crash_at
    if crash_at is not None:
        _log.warning("crash_point_armed", point=crash_at.point, time=crash_at.time)


def reached(point: CrashPoint) -> None:
    """Die here by SIGKILL if this is the point and the time that the process is armed for."""
    if point is not _armed:
        return
    global _left
    _left -= 1
    if _left == 0:
        # Not by the logs: what they gather would be lost with the process.
        os.write(2, f'{{"event":"crash_point_reached","point":"{point}"}}\n'.encode())
        os.kill(os.getpid(), signal.SIGKILL)


def during(point: CrashPoint) -> AbstractContextManager[None]:
    """Around a wait for the server: die while it lasts, if it lasts long. A test holds up what is waited for."""
    return _reached_soon(point) if point is _armed else _NOTHING


_NOTHING: Final = nullcontext()


@contextmanager
def _reached_soon(point: CrashPoint) -> Iterator[None]:
    dying = asyncio.get_running_loop().call_later(_WELL_UNDER_WAY_SECONDS, reached, point)
    try:
        yield
    finally:
        dying.cancel()
