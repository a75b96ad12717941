"""How the group commit does: figures of its batches, and for each request what its own commands waited for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from infra.telemetry.instruments import SECONDS, Distribution, counter, histogram

if TYPE_CHECKING:
    from prometheus_client import Metric

_COMMANDS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class CommitTimes:
    """What one request's commands waited for, in seconds: in the queue, and for the call that saved them."""

    __slots__ = ("commit", "queue")

    def __init__(self) -> None:
        self.queue = 0.0
        self.commit = 0.0

    def header(self) -> str:
        """As the value of `Server-Timing` (W3C): milliseconds."""
        return f"queue;dur={self.queue * 1000:.2f}, commit;dur={self.commit * 1000:.2f}"


COMMIT_TIMES: ContextVar[CommitTimes | None] = ContextVar("commit_times", default=None)
"""Set by whoever wants to know; the group commit adds to what it finds when it is handed a command."""


class Queued(Protocol):
    """A command in the queue. `queued_at`: on `time.perf_counter`'s clock."""

    queued_at: float
    times: CommitTimes | None


class CommitFigures:
    """Written by the group commit of this process."""

    def __init__(self) -> None:
        self.batch_commands = Distribution(_COMMANDS)
        self.call_seconds = Distribution(SECONDS)
        self.queue_seconds = Distribution(SECONDS)
        self.broken_calls = 0

    def saved(self, batch: Sequence[Queued], taken_at: float, ended_at: float) -> None:
        """An answer came for the batch. Both moments: on `time.perf_counter`'s clock."""
        seconds = ended_at - taken_at
        self.batch_commands.observe(len(batch))
        self.call_seconds.observe(seconds)
        waited_for = self.queue_seconds.observe
        for queued in batch:
            waited = taken_at - queued.queued_at
            waited_for(waited)
            if (times := queued.times) is not None:
                times.queue += waited
                times.commit += seconds

    def families(self) -> Iterable[Metric]:
        yield histogram(
            "ota_cm_commit_batch_commands",
            "Commands saved together by one call of the group commit.",
            self.batch_commands,
        )
        yield histogram(
            "ota_cm_commit_duration_seconds",
            "From a batch being taken from the queue until it is durable, calls sent again included.",
            self.call_seconds,
        )
        yield histogram(
            "ota_cm_commit_queue_wait_seconds",
            "How long a command waited before its batch was taken.",
            self.queue_seconds,
        )
        yield counter(
            "ota_cm_commit_broken_calls_total",
            "Calls of the group commit whose connection broke, or that were rolled back; the batch is sent again.",
            {(): self.broken_calls},
        )
