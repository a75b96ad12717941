"""Spans kept in memory instead of sent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from infra.telemetry.traces import Attributes, Traces

TRACE, CLIENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{CLIENT}-01"
"""As a client sends it."""


def forget_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer's own shell may hold."""
    for name in os.environ:
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


class Span:
    """One that has ended."""

    def __init__(self, span: ReadableSpan) -> None:
        of = span.get_span_context()
        assert of is not None
        self.name = span.name
        self.kind = span.kind.name.lower()
        self.trace_id = f"{of.trace_id:032x}"
        self.span_id = f"{of.span_id:016x}"
        self._flags = of.trace_flags
        self.parent_id = f"{span.parent.span_id:016x}" if span.parent is not None else None
        self.attributes: Mapping[str, Any] = dict(span.attributes or {})
        self.resource: Mapping[str, Any] = dict(span.resource.attributes)
        self.links = [f"{link.context.trace_id:032x}" for link in span.links]
        self.error = self.attributes.get("error.type")
        assert span.status.is_ok is (self.error is None)

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self._flags:02x}"


class KeptTraces:
    """`traces` to be handed to what is tested."""

    def __init__(self, resource: Attributes | None = None) -> None:
        self._exporter = InMemorySpanExporter()
        self.traces = Traces(resource or {}, SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> list[Span]:
        """Those that have ended, in that order."""
        return [Span(span) for span in self._exporter.get_finished_spans()]

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def text(self) -> str:
        """All that would be sent."""
        return "\n".join(span.to_json() for span in self._exporter.get_finished_spans())
