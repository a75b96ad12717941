"""Safe retries: `Idempotency-Key`.

The record commits with the command (`append_v2`); what runs in this process is known in memory, so that a retry that
comes meanwhile is told so. The first answer is rendered again from the events: nothing of it is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import structlog

from domain.faults import Fault, FaultReport
from infra.event_store.append import IdempotencyRecord
from infra.postgres.errors import DatabaseUnavailable
from services.api.problems import Problem, validation_failed
from services.ordering.ordering import KeyUse

if TYPE_CHECKING:
    from uuid import UUID

    from infra.postgres.reads import Reads
    from services.api.call import Call

log = structlog.get_logger()

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
_HASH_BYTES = 32

_FIND = """
select body_hash, order_id, order_version, status from idempotency_records
where scope_hash = %s and recorded_at > clock_timestamp() - interval '24 hours'
"""
_PRUNE = """
delete from idempotency_records where recorded_at < clock_timestamp() - interval '25 hours' returning 1
"""
PRUNE_SECONDS = 600.0

_WITHOUT_KEY = nullcontext()
"""Most requests have no key: one for all of them."""


class FirstAnswer(NamedTuple):
    """What the first request with this key led to."""

    order_id: UUID
    version: int
    status: int


class Idempotency:
    """`secret`: keys the hashes, so that the table tells nobody who has not got it which bodies were sent."""

    def __init__(self, reads: Reads, secret: bytes) -> None:
        self._reads = reads
        self._secret = secret
        self._running: set[bytes] = set()

    def use(self, call: Call, status: int) -> AbstractAsyncContextManager[KeyUse | FirstAnswer | None]:
        """None without the header, the FirstAnswer for a retry, else the KeyUse to commit with the command.

        `status`: of the command's 2xx answer. Raises Problem 400, 409 request_in_progress, 422.
        """
        use = self._use_of(call, status)
        return _WITHOUT_KEY if use is None else self._used(use)

    @asynccontextmanager
    async def _used(self, use: KeyUse) -> AsyncIterator[KeyUse | FirstAnswer]:
        if (first := await self.first_answer(use)) is not None:
            yield first
            return
        if use.scope_hash in self._running:
            raise Problem(
                "request_in_progress", "The first request with this Idempotency-Key is still running; try again soon."
            )
        self._running.add(use.scope_hash)
        try:
            yield use
        finally:
            self._running.discard(use.scope_hash)

    async def was_answered(self, call: Call) -> bool:
        """Whether the call repeats one that was answered: the same key and body."""
        key = call.request.headers.get(HEADER)
        if not key:
            return False
        use = self._key_use(call, key, 0)
        record = await self._record(use)
        return record is not None and record.body_hash == use.body_hash

    async def first_answer(self, use: KeyUse) -> FirstAnswer | None:
        """What the key was used for before. Raises Problem 422 where it was another body."""
        record = await self._record(use)
        if record is None:
            return None
        if record.body_hash != use.body_hash:
            raise Problem("idempotency_key_reused", "This Idempotency-Key was used for another body: take a new one.")
        return FirstAnswer(record.order_id, record.order_version, record.status)

    async def _record(self, use: KeyUse) -> IdempotencyRecord | None:
        rows = await self._reads.rows(_FIND, (use.scope_hash,))
        return IdempotencyRecord(use.scope_hash, *rows[0]) if rows else None

    async def prune(self) -> None:
        """Forget what is past its 24 hours, every ten minutes, for ever."""
        while True:
            try:
                await self._reads.rows(_PRUNE)
            except DatabaseUnavailable as error:
                log.warning("idempotency_pruning_waits", error=str(error))
            await asyncio.sleep(PRUNE_SECONDS)

    def _use_of(self, call: Call, status: int) -> KeyUse | None:
        key = call.request.headers.get(HEADER)
        if key is None:
            return None
        if not 1 <= len(key) <= MAX_LENGTH:
            code = "too_long" if key else "too_short"
            fault = Fault(f"/{HEADER}", code, f"{HEADER} has 1 to {MAX_LENGTH} characters.")
            raise validation_failed(FaultReport((fault,)))
        return self._key_use(call, key, status)

    def _key_use(self, call: Call, key: str, status: int) -> KeyUse:
        # The path as declared and its order, not as sent: both places of a route are one scope.
        order_id = call.request.match_info.get("orderId", "").lower()
        scope = "\0".join((call.caller.owner, call.operation.method, call.operation.path, order_id, key))
        # A header may hold bytes that are no text: they are compared as they came.
        hashed = self._hash(b"scope", scope.encode(errors="surrogateescape"))
        return KeyUse(hashed, self._hash(b"body", call.body), status)

    def _hash(self, purpose: bytes, data: bytes) -> bytes:
        return blake2b(data, digest_size=_HASH_BYTES, key=self._secret, person=purpose).digest()
