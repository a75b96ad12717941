"""What every event of one command says of its making."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from infra.event_store.mapper import Actor, Metadata
from infra.ids import uuid7


class CommandContext(NamedTuple):
    """`now` is the command's one moment. `causation_id`: the command whose events led to this one."""

    command_id: UUID
    now: datetime
    actor: Actor
    correlation_id: str
    causation_id: UUID | None = None
    traceparent: str | None = None
    venue_id: UUID | None = None

    def metadata(self) -> Metadata:
        return Metadata(
            command_id=self.command_id,
            occurred_at=self.now,
            actor=self.actor,
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            traceparent=self.traceparent,
            venue_id=self.venue_id,
        )


def following(cause: Metadata | None, now: datetime, actor: Actor, venue_id: UUID | None) -> CommandContext:
    """Of a command of our own that follows from an earlier event: it has that one's correlation and trace."""
    return CommandContext(
        command_id=uuid7(),
        now=now,
        actor=actor,
        correlation_id=cause.correlation_id if cause is not None else "",
        causation_id=cause.command_id if cause is not None else None,
        traceparent=cause.traceparent if cause is not None else None,
        venue_id=venue_id,
    )
