"""Keeps a library's warnings readable: with its server away, one may write dozens of the same line a second."""

from __future__ import annotations

import logging
import time
from typing import Final

_SECONDS: Final = 30.0


class _Sparing(logging.Handler):
    """Passes a line on to the root's handlers once in `_SECONDS`, with how many like it were left out meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        # By the logger and its unformatted message, of which a library has a few dozen.
        self._passed: dict[tuple[str, str], float] = {}
        self._left_out: dict[tuple[str, str], int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        kind = (record.name, str(record.msg))
        now = time.monotonic()
        if now - self._passed.get(kind, -_SECONDS) < _SECONDS:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        self._passed[kind] = now
        if (left_out := self._left_out.pop(kind, 0)) > 0:
            record.msg = f"{record.msg} (and {left_out} more like it)"
        logging.getLogger().callHandlers(record)


def spare_logs_of(library: str) -> None:
    """Once a process, after logging is set up; `library`: the name that its loggers begin with. Harmless repeated."""
    logger = logging.getLogger(library)
    if not any(isinstance(handler, _Sparing) for handler in logger.handlers):
        logger.addHandler(_Sparing())
        logger.propagate = False
