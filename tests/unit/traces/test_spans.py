"""Spans and the traceparents that tie them together."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Iterator

import pytest

from infra.telemetry.traceparent import well_formed
from infra.telemetry.traces import Traces
from tests.spans import CLIENT, PARENT, TRACE, KeptTraces, forget_settings

MALFORMED = [
    "",
    "x",
    PARENT.upper(),
    f"{PARENT}\n",
    f"{PARENT}-01",
    f"ff-{TRACE}-{CLIENT}-01",
    f"00-{'0' * 32}-{CLIENT}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE}-{CLIENT}-0",
    f"00-{TRACE[1:]}-{CLIENT}-01",
]


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_settings(monkeypatch)


def test_a_traceparent_is_kept_as_it_is() -> None:
    for text in (PARENT, f"00-{TRACE}-{CLIENT}-00", f"cc-{TRACE}-{CLIENT}-03"):
        assert well_formed(text) == text


@pytest.mark.parametrize("text", MALFORMED)
def test_what_is_none_is_dropped(text: str) -> None:
    assert well_formed(text) is None


def test_a_span_is_a_child_of_the_traceparent_and_tells_its_own() -> None:
    kept = KeptTraces()
    outer = kept.traces.begin("outer", "server", PARENT, {"number": 1})
    inner = kept.traces.begin("inner", "client", outer.traceparent, {})
    inner.end(error="no_answer")
    outer.end(attributes={"text": "a"})
    last, first = kept.spans
    assert (first.name, first.kind, first.trace_id, first.parent_id) == ("outer", "server", TRACE, CLIENT)
    assert (first.traceparent, first.attributes, first.error) == (outer.traceparent, {"number": 1, "text": "a"}, None)
    assert (last.kind, last.trace_id, last.parent_id, last.error) == ("client", TRACE, first.span_id, "no_answer")


@pytest.mark.parametrize("parent", [None, *MALFORMED])
def test_without_a_parent_a_trace_begins(parent: str | None) -> None:
    kept = KeptTraces()
    kept.traces.begin("one", "internal", parent, {}).end()
    (span,) = kept.spans
    assert (span.parent_id, span.trace_id == TRACE) == (None, False)


def test_what_the_client_does_not_sample_is_not_recorded_and_goes_on_as_such() -> None:
    kept = KeptTraces()
    span = kept.traces.begin("one", "server", f"00-{TRACE}-{CLIENT}-00", {})
    span.end(error="500", attributes={"a": 1})
    assert kept.spans == []
    assert span.traceparent.startswith(f"00-{TRACE}-")
    assert span.traceparent.endswith("-00")
    assert CLIENT not in span.traceparent


def test_the_sampler_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    kept = KeptTraces()
    kept.traces.begin("one", "server", PARENT, {}).end()
    assert kept.spans == []


def test_one_that_is_never_ended_is_not_sent() -> None:
    kept = KeptTraces()
    kept.traces.begin("one", "server", PARENT, {})
    assert kept.spans == []


def test_what_the_process_says_of_itself_unless_the_environment_does(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"service.name": "ota-channel-manager", "service.instance.id": "one"}
    for environment, expected in (
        ({}, {**own, "telemetry.sdk.name": "opentelemetry"}),
        ({"OTEL_SERVICE_NAME": "shop"}, {**own, "service.name": "shop"}),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=two,a=b"}, {"service.instance.id": "two", "a": "b"}),
    ):
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            kept = KeptTraces(own)
        kept.traces.begin("one", "server", None, {}).end()
        assert kept.spans[0].resource.items() >= expected.items()


@pytest.fixture
def silent_collector() -> Iterator[str]:
    """It takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def traces_to_the_silent(silent_collector: str, monkeypatch: pytest.MonkeyPatch) -> Traces:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", silent_collector)
    return Traces({})


async def test_a_collector_that_hangs_does_not_hold_up_the_end(traces_to_the_silent: Traces) -> None:
    traces_to_the_silent.begin("one", "server", None, {}).end()
    began = time.monotonic()
    assert await traces_to_the_silent.stop(0.3) is False
    assert time.monotonic() - began < 5, "the exporter itself waits 10 s"


@pytest.fixture
def traces_to_nobody(unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> Traces:
    # What another test made the library say counts for the half minute.
    monkeypatch.setattr(logging.getLogger("opentelemetry"), "handlers", [])
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.05")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    return Traces({})


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


async def test_a_collector_that_is_away_is_told_of_now_and_then(traces_to_nobody: Traces) -> None:
    kept, root = _Lines(), logging.getLogger()
    root.addHandler(kept)
    try:
        for _ in range(20):
            traces_to_nobody.begin("one", "server", None, {}).end()
            await asyncio.sleep(0.01)  # so that they are not all of one batch
        assert await traces_to_nobody.stop(20.0)
    finally:
        root.removeHandler(kept)
    told = [line for line in kept.lines if "span" in line]
    assert 1 <= len(told) <= 3, kept.lines
