"""Spans by OpenTelemetry, sent over OTLP/HTTP. To be imported only where they are asked for: the SDK takes long to.

All settings are OpenTelemetry's own, read by its SDK from the environment: `OTEL_SERVICE_NAME`,
`OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_*`, `OTEL_BSP_*`, `OTEL_SPAN_*`. A span names its
parent by a traceparent and says its own: traces go on through events, messages and tables, not through a call stack.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Final, Literal

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from infra.library_logs import spare_logs_of
from infra.telemetry.traceparent import well_formed

if TYPE_CHECKING:
    import opentelemetry.trace
    from opentelemetry.sdk.trace import SpanProcessor

Kind = Literal["server", "client", "producer", "consumer", "internal"]
Attributes = Mapping[str, str | int]

_KINDS: Final[Mapping[Kind, SpanKind]] = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "internal": SpanKind.INTERNAL,
}
_NOTHING: Final = Context()


class Span:
    """A stretch of work under way. One that is never ended is not sent. `traceparent`: names it as a parent."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: opentelemetry.trace.Span) -> None:
        self._span = span
        of = span.get_span_context()
        self.traceparent = f"00-{of.trace_id:032x}-{of.span_id:016x}-{of.trace_flags:02x}"

    def end(self, *, error: str | None = None, attributes: Attributes | None = None) -> None:
        """`error`: what went wrong, as one of a few words."""
        span = self._span
        if attributes is not None:
            span.set_attributes(attributes)
        if error is not None:
            span.set_attribute("error.type", error)
            span.set_status(Status(StatusCode.ERROR))
        span.end()


class Traces:
    """Begins spans. Nothing personal, no key and no body may be in an attribute. `stop` it at the end.

    `resource`: what the process says of itself unless the environment says otherwise. Raises ValueError for a setting
    that the SDK refuses.
    """

    def __init__(self, resource: Attributes, processor: SpanProcessor | None = None) -> None:
        # With its collector away, the exporter writes several lines a batch.
        spare_logs_of("opentelemetry")
        of_environment = OTELResourceDetector().detect().attributes
        own = {name: value for name, value in resource.items() if name not in of_environment}
        # Not at the interpreter's exit: that would wait for a collector that is away.
        self._provider = TracerProvider(resource=Resource.create(own), shutdown_on_exit=False)
        self._provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("ota-channel-manager")

    def begin(
        self,
        name: str,
        kind: Kind,
        parent: str | None,
        attributes: Attributes,
        links: Iterable[str] = (),
    ) -> Span:
        """`parent`, `links`: traceparents; without a well-formed parent a trace begins here."""
        return Span(
            self._tracer.start_span(
                name,
                context=_within(parent),
                kind=_KINDS[kind],
                attributes=attributes,
                links=[Link(to) for link in links if (to := _span_context(link)) is not None],
            )
        )

    async def stop(self, seconds: float) -> bool:
        """Send what waits, for so many seconds at most; whether all was tried. No span may be begun after it."""
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(stopped.set)

        # A thread that the process's end does not wait for: the SDK waits for its exporter, and that for the network.
        Thread(target=shut_down, name="traces", daemon=True).start()
        try:
            async with asyncio.timeout(seconds):
                await stopped.wait()
        except TimeoutError:
            return False
        return True


def _within(parent: str | None) -> Context:
    of = _span_context(parent)
    return _NOTHING if of is None else set_span_in_context(NonRecordingSpan(of), _NOTHING)


def _span_context(traceparent: str | None) -> SpanContext | None:
    text = well_formed(traceparent)
    if text is None:
        return None
    _, trace_id, span_id, flags = text.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
