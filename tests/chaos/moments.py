"""Waits for the moment at which a process has just been given something to do: there a hit does most."""

from __future__ import annotations

from typing import Final

import psycopg

from tests.chaos.history import History

LONGEST_SECONDS: Final = 0.5


class Moments:
    """`after`: an `answer` to a client, or what the event store tells its readers of (`submitted`, `settled`)."""

    def __init__(self, dsn: str, history: History) -> None:
        self._dsn = dsn
        self._history = history

    def wait(self, after: str) -> None:
        """Returns at the next such moment, and in any case after half a second."""
        if after == "answer":
            self._history.wait_for_accepted(1, LONGEST_SECONDS)
            return
        until = self._history.now() + LONGEST_SECONDS
        try:
            with psycopg.connect(self._dsn, autocommit=True, connect_timeout=2) as connection:
                connection.execute("listen stored_events")
                while (left := until - self._history.now()) > 0:
                    for told in connection.notifies(timeout=left, stop_after=1):
                        if after in told.payload:
                            return
        except psycopg.Error:
            pass  # the server is just not there: any moment is as good
