"""An eye that is open while a round goes on, in a thread of its own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import ClassVar, Final

import psycopg

EVERY_SECONDS: Final = 0.02
_PAUSE_SECONDS: Final = 0.2


class Looking(ABC):
    """Looks from `start` to `stop`, whenever what it looks at answers. `looks`: how often, or at how many; `counted`
    says what they are. `faults`: what it saw, each once."""

    counted: ClassVar[str]
    away: ClassVar[tuple[type[Exception], ...]] = (psycopg.Error,)
    """What it meets where something is just not there: it looks again in a moment."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._broke: list[str] = []
        self.looks = 0

    @property
    def faults(self) -> list[str]:
        return [*self._found(), *self._broke]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    @abstractmethod
    def _found(self) -> list[str]:
        """The faults so far."""

    @abstractmethod
    def _follow(self) -> None:
        """Look until it is time to stop, or until something is away."""

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except self.away:
                self._stop.wait(_PAUSE_SECONDS)
            except Exception as fault:
                self._broke = [f"the watch broke: {fault!r}"]
                self._stop.wait(_PAUSE_SECONDS)


class LookingAtDatabase(Looking):
    """One that needs nothing but a connection, fifty times a second."""

    @abstractmethod
    def look(self, connection: psycopg.Connection) -> None:
        """Look once."""

    def _follow(self) -> None:
        with psycopg.connect(self._dsn, autocommit=True, connect_timeout=3) as connection:
            while not self._stop.wait(EVERY_SECONDS):
                self.look(connection)
