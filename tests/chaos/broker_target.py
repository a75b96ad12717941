"""The Kafka broker as a round may hit it."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from infra.kafka.broker_jars import BrokerUnavailable
from tests.brokers import Broker
from tests.chaos.targets import Struck

_KILL: Final = "kill -9"
_KILL_FOR_LONG: Final = "kill -9, and leave it dead"


class BrokerTarget:
    """A broker that runs. Killed, it starts again on the same folder and port, at once or later."""

    name = "broker"
    ways: Mapping[str, int] = {_KILL: 2, _KILL_FOR_LONG: 1, "SIGSTOP": 2}
    busy_after = "submitted"
    busy_seconds = 0.01

    def __init__(self, broker: Broker, weight: int) -> None:
        self.weight = weight
        self._broker = broker
        self._coming: threading.Thread | None = None
        self._is_dead = False
        self._fault: BaseException | None = None

    def strike(self, way: str, chance: random.Random) -> Struck:  # noqa: ARG002 - there is nothing to choose from
        if self._is_dead:
            return Struck(f"{way} the broker: it is not there")
        if way == "SIGSTOP":
            self._broker.pause()
            return Struck("SIGSTOP the broker", self._go_on)
        self._is_dead = True
        self._broker.kill()
        if way == _KILL_FOR_LONG:
            return Struck("kill -9 the broker, and leave it dead", self._come_back)
        self._come_back()
        return Struck("kill -9 the broker")

    def wait_until_back(self, seconds: float) -> None:
        """Raises what kept it from starting again."""
        if self._coming is not None:
            self._coming.join(seconds)
            assert not self._coming.is_alive(), "the broker does not come back"
        if self._fault is not None:
            raise self._fault

    def _go_on(self) -> None:
        with suppress(BrokerUnavailable):  # it was killed meanwhile
            self._broker.resume()

    def _come_back(self) -> None:
        # Beside: others are hit while it starts.
        self._coming = threading.Thread(target=self._start, daemon=True)
        self._coming.start()

    def _start(self) -> None:
        try:
            self._broker.start()
            self._is_dead = False
        except BaseException as fault:
            self._fault = fault
