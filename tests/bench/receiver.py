"""A webhook receiver, a process of its own: `python -m tests.bench.receiver [--out FILE]`.

Answers 200 at once and notes when each order's delivery arrived. `GET /counts` answers
`{"deliveries": n, "orders": n}`; `GET /arrivals`, and at SIGTERM the file, give a line `orderId arrived_ns deliveries`
for each order (its first arrival, CLOCK_MONOTONIC, which all processes of a machine share).
"""

import argparse
import asyncio
import sys
from pathlib import Path
from time import monotonic_ns
from typing import cast

import msgspec
import uvloop

from tests.bench.serving import serve_until_stopped

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_HEAD_END = b"\r\n\r\n"


class Arrivals:
    """First arrival and number of deliveries of each order."""

    def __init__(self) -> None:
        self.deliveries = 0
        self._orders: dict[str, tuple[int, int]] = {}

    def note(self, body: bytes, now: int) -> None:
        self.deliveries += 1
        for event in msgspec.json.decode(body)["value"]:
            order_id = event["payload"]["orderId"]
            first, count = self._orders.get(order_id, (now, 0))
            self._orders[order_id] = (first, count + 1)

    def counts(self) -> bytes:
        return msgspec.json.encode({"deliveries": self.deliveries, "orders": len(self._orders)})

    def lines(self) -> bytes:
        return "".join(f"{order} {first} {count}\n" for order, (first, count) in self._orders.items()).encode()


class Reception(asyncio.Protocol):
    """One connection from the sender; requests may come in pieces or several at once."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._rest = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        now = monotonic_ns()
        assert self._transport is not None
        data = self._rest + data
        while (head_end := data.find(_HEAD_END)) >= 0:
            head = data[:head_end].lower()
            body_start = head_end + 4
            at = head.find(b"\r\ncontent-length:")
            length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(data) < body_start + length:
                break
            if head.startswith(b"get "):
                told = self._arrivals.lines() if head.startswith(b"get /arrivals ") else self._arrivals.counts()
                self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told))
            else:
                self._transport.write(_OK)
                self._arrivals.note(data[body_start : body_start + length], now)
            data = data[body_start + length :]
        self._rest = data


async def receive(port: int, out: Path | None) -> None:
    arrivals = Arrivals()
    server = await asyncio.get_running_loop().create_server(lambda: Reception(arrivals), "127.0.0.1", port)
    async with server:
        await serve_until_stopped(server.sockets[0].getsockname()[1])
    if out is not None:
        await asyncio.to_thread(out.write_bytes, arrivals.lines())


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.receiver", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    uvloop.run(receive(options.port, options.out))


if __name__ == "__main__":
    main(sys.argv[1:])
