"""Logs: structlog, one line an event, JSON or for a terminal; never with what must not be read."""

from __future__ import annotations

import asyncio
import atexit
import logging
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TextIO

import msgspec
import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

_encode = msgspec.json.Encoder(enc_hook=str).encode

LogFormat = Literal["json", "console"]

_HIDDEN = frozenset(
    {"key", "api_key", "authorization", "secret", "password", "token", "name", "names", "email", "body", "dsn"}
)
_SECRETS_IN_TEXT = re.compile(r"(ota_[pago]_|whsec_)[A-Za-z0-9+/=_-]+|(?<=://)[^/@\s]+@")


def configure(level: str, form: LogFormat, stream: TextIO | None = None) -> None:
    """Set logging up for this process. `level`: debug, info, warning, error."""
    out = stream or sys.stderr
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_secrets,
    ]
    if form == "json":
        shared.append(structlog.processors.format_exc_info)
        shared.append(structlog.processors.JSONRenderer(serializer=_json))
    else:
        # Plain tracebacks: the default ones, by rich, show the local variables, which may be a guest's name.
        shared.append(
            structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)
        )
    structlog.configure(
        # One step for what runs at every request; the same line as the steps make of a library's warnings.
        processors=[json_line] if form == "json" else shared,
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=Lines(out),
        cache_logger_on_first_use=True,
    )
    # Libraries that use the standard library's logging: their warnings, through the same rendering.
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared[:-1], processors=[_stripped, shared[-1]])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # The handler's too: psycopg's logger has a level of its own, and asks nobody above it.
    handler.setLevel(max(threshold, logging.WARNING))
    root.setLevel(max(threshold, logging.WARNING))


class Lines:
    """Writes the lines of one turn of the event loop at once: a system call each would be a tenth of a request's cost.

    Without a running loop (at the start, in a thread) each line is written at once. If the process is killed, the
    lines of its last turn are lost. It is its own logger factory.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._waiting: list[str] = []
        atexit.register(self.flush)

    def __call__(self, *_: object) -> Lines:
        return self

    def msg(self, line: str) -> None:
        self._waiting.append(line)
        if len(self._waiting) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:
                self.flush()

    debug = info = warning = error = critical = exception = fatal = log = msg

    def flush(self) -> None:
        lines, self._waiting = self._waiting, []
        if lines:
            # Lines that find no room (a full disk under a log file) are lost: that is no reason to fail.
            with suppress(OSError):
                self._out.write("\n".join(lines) + "\n")
                self._out.flush()


def json_line(_: WrappedLogger, level: str, event: EventDict) -> str:
    """The event as one line of JSON: its level, its moment in UTC, its traceback where it has one."""
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(_, level, event)
    hide_secrets(_, level, event)
    event["level"] = "error" if level == "exception" else level
    event["timestamp"] = datetime.now(UTC)
    return _encode(event).decode()


def hide_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The last guard, not the first: nobody logs these. Keys, secrets and passwords in texts are cut out as well."""
    for name, value in event.items():
        if name in _HIDDEN:
            event[name] = "hidden"
        elif isinstance(value, str) and ("_" in value or "@" in value):
            event[name] = _SECRETS_IN_TEXT.sub("hidden", value)
    return event


def _stripped(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(_, __, event)


def _json(event: EventDict, **_: Any) -> str:  # noqa: ANN401 - structlog passes json.dumps's options
    return _encode(event).decode()
