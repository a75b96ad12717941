"""A page being sent to Kafka as a span that links to the traces of its messages.

Each message's own `traceparent` stays that of its event: a consumer goes on from what happened, not from the relay.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from infra.telemetry.traceparent import HEADER

if TYPE_CHECKING:
    from infra.kafka.producer import Message
    from infra.telemetry.traces import Traces
    from services.relay.relay import Publishes

MAX_LINKS: Final = 128
"""Of a page's thousand messages; as many as the SDK keeps by default."""


class TracedProducer:
    """Publishes by another one."""

    def __init__(self, producer: Publishes, traces: Traces, topic: str) -> None:
        self._producer = producer
        self._traces = traces
        self._topic = topic

    async def publish(self, page: Sequence[Message], seconds: float) -> None:
        """As the other one does."""
        attributes: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.type": "send",
            "messaging.operation.name": "send",
            "messaging.destination.name": self._topic,
            "messaging.batch.message_count": len(page),
        }
        carried = dict.fromkeys(value.decode() for message in page for name, value in message.headers if name == HEADER)
        span = self._traces.begin(f"send {self._topic}", "producer", None, attributes, islice(carried, MAX_LINKS))
        try:
            await self._producer.publish(page, seconds)
        except BaseException as fault:
            span.end(error=type(fault).__name__)
            raise
        span.end()
