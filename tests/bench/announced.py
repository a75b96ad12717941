"""What the webhook receiver has seen."""

import time
import urllib.request

import msgspec

from tests.bench.processes import ProcessFailed, Server


class Receiver:
    """The webhook receiver, asked over HTTP what has arrived."""

    def __init__(self, server: Server) -> None:
        self._address = f"http://127.0.0.1:{server.port}"

    def orders(self) -> int:
        """How many orders have been announced so far."""
        counts: dict[str, int] = msgspec.json.decode(self._get("/counts"))
        return counts["orders"]

    def arrivals(self) -> dict[str, int]:
        """By orderId the moment (CLOCK_MONOTONIC, ns) of its first delivery."""
        return moments_of(self._get("/arrivals").decode())

    def wait_for_orders(self, orders: int, seconds: float) -> int:
        """Waits until so many orders were announced; gives the moment, late by 50 ms at most."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.orders() >= orders:
                return time.monotonic_ns()
            time.sleep(0.05)
        raise ProcessFailed(f"only {self.orders()} of {orders} orders were announced after {seconds:g} s")

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self._address + path, timeout=30) as answer:
            body: bytes = answer.read()
            return body


def moments_of(lines: str) -> dict[str, int]:
    """By orderId the moment in lines of `orderId moment …`."""
    return {order: int(at) for order, at, *_ in (line.split() for line in lines.splitlines())}
