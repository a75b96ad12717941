"""Commands that wait for the writer of this process, and which of them go into one batch."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.event_store.append import Append
from infra.event_store.outcomes import Outcome, RecordTaken, VersionTaken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from infra.event_store.commit_figures import CommitTimes

MAX_COMMANDS = 256
MAX_BYTES = 4 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Waiting:
    """A command and who waits for it. `deadline`: on the loop's clock. `sent`: a call with it may have been saved."""

    command: Append
    future: asyncio.Future[Outcome]
    deadline: float
    queued_at: float
    times: CommitTimes | None
    sent: bool = False

    def taken(self) -> Iterator[tuple[int, int] | bytes]:
        """What is nobody else's once this command is saved: versions of streams, and an Idempotency-Key. (Streams as
        numbers: a UUID's hash and comparison are Python code.)

        Not its numbers, which may be free again by the time that the next batch is judged, nor its places, of which
        there may be more.
        """
        for event in self.command.events:
            yield event.stream.int, event.version
        if self.command.record is not None:
            yield self.command.record.scope_hash

    def claims(self) -> Iterator[int | bytes | str]:
        """What must not occur twice in a batch: a stream, an Idempotency-Key, a number that is shown or destroyed.

        Numbers, because the call compares them with what is stored and not with one another: of two that show the same
        one the later must meet the earlier one's row, and whoever takes a number that another gives up must find it
        given up. Not slots and not a capacity that is set: the call judges those of a batch one after the other, and
        everything that is sold today shares a few of them.
        """
        command = self.command
        for event in command.events:
            yield event.stream.int
        if command.record is not None:
            yield command.record.scope_hash
        yield from command.shown
        for destroyed in command.destroyed:
            yield destroyed.number

    @property
    def answered(self) -> bool:
        """A caller that went away was not answered: its command is saved all the same."""
        return self.future.done() and not self.future.cancelled()

    def answer(self, outcome: Outcome) -> None:
        if not self.future.done():
            self.future.set_result(outcome)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class CommitQueue:
    """Oldest first."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, waiting: Waiting) -> None:
        self._waiting.append(waiting)

    def take_overdue(self, now: float) -> list[Waiting]:
        """Those whose deadline has passed, which leave the queue."""
        overdue = []
        while self._waiting and (self._waiting[0].answered or self._waiting[0].deadline <= now):
            waiting = self._waiting.popleft()
            if not waiting.answered:
                overdue.append(waiting)
        return overdue

    def take_batch(self) -> list[Waiting]:
        """The next commands in their order, nothing unique twice among them; the later one stays waiting."""
        batch: list[Waiting] = []
        held: list[Waiting] = []
        claimed: set[int | bytes | str] = set()
        size = 0
        while self._waiting and len(batch) < MAX_COMMANDS:
            waiting = self._waiting.popleft()
            if waiting.answered:
                continue
            if batch and size + waiting.command.size > MAX_BYTES:
                held.append(waiting)
                break
            claims = set(waiting.claims())
            if claimed.isdisjoint(claims):
                batch.append(waiting)
                size += waiting.command.size
            else:
                held.append(waiting)
            claimed |= claims
        self._waiting.extendleft(reversed(held))
        return batch

    def refuse_taken(self, saved: Iterable[Waiting]) -> None:
        """What waits for a place in the log that was just taken need not ask the database."""
        taken = {place for waiting in saved for place in waiting.taken()}
        for waiting in self._waiting:
            record = waiting.command.record
            if record is not None and record.scope_hash in taken:
                waiting.answer(RecordTaken())
            elif any((event.stream.int, event.version) in taken for event in waiting.command.events):
                waiting.answer(VersionTaken())
