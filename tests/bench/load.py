"""The load generator, a process of its own: `python -m tests.bench.load create --port 8080 …`.

It sends prepared bytes over raw connections and reads of each answer only the status and the length, because an
HTTP client library in Python would be the limit of what is measured. Closed loop (each connection sends its next
request when the answer is there) or, with `--rate`, open loop: requests fall due at a steady pace, whatever the
answers do.

What latency counts, open loop: it begins when the generator comes to a request that is due, whether a connection is
free or not, since one that is not free waits for the server. How late the generator comes to it is its own fault, not
the server's, and is told as its lag; how late it comes to read an answer is counted against the server.
"""

import argparse
import asyncio
import gc
import os
import resource
import sys
from collections import deque
from pathlib import Path
from time import monotonic_ns
from typing import cast

import msgspec
import uvloop

from tests.bench.answers import order_id_of, read_answer
from tests.bench.latencies import latencies_of
from tests.bench.load_result import LoadResult
from tests.bench.prepared import NextRequest, create_orders, get_orders

_NS = 1_000_000_000
_TICK_SECONDS = 0.001
_DRAIN_SECONDS = 15.0  # longer than any deadline of the service's commands


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    __slots__ = ("_load", "_rest", "_transport", "sent_ns")

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._rest = b""
        self._transport: asyncio.WriteTransport | None = None
        self.sent_ns = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def send(self, request: bytes, due_ns: int) -> None:
        self.sent_ns = due_ns
        assert self._transport is not None
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        now = monotonic_ns()
        if self._rest:
            data = self._rest + data
        answer = read_answer(data)
        if answer is None or len(data) < answer[1]:
            self._rest = data
            return
        self._rest = b""
        self._load.answered(self, answer[0], data, now)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        self._load.lost_connection(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Load:
    """The requests of one run, what came back, and when."""

    def __init__(self, next_request: NextRequest, rate: float | None, keep_ids: bool) -> None:
        self._next_request = next_request
        self._rate = rate
        self._keep_ids = keep_ids
        self._connections: set[Connection] = set()
        self._idle: deque[Connection] = deque()
        self._waiting: deque[int] = deque()  # when it came to the requests for which no connection was free
        self._sending = True
        self._under_way = 0
        self._drained = asyncio.Event()
        self.sent = 0
        self.lost = 0
        self.first_sent_ns = 0
        self.last_answer_ns = 0
        self.due = 0
        self.lags: list[int] = []
        self.unsent = 0
        self.without_retry_after = 0
        self.durations: dict[int, list[int]] = {}
        self.all_counts: dict[int, int] = {}
        self.order_ids: list[tuple[bytes, int]] = []

    async def connect(self, host: str, port: int, connections: int) -> None:
        """Opens all connections before the first request."""
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, connection = await loop.create_connection(lambda: Connection(self), host, port)
            self._connections.add(connection)
            self._idle.append(connection)

    async def greet(self, host: str) -> None:
        """Has each connection answered once: the kernel opens it long before a busy server takes it over."""
        self._sending = False
        self._drained.clear()
        self._under_way = len(self._idle)
        for connection in self._idle:
            connection.send(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(), monotonic_ns())
        await asyncio.wait_for(self._drained.wait(), _DRAIN_SECONDS)
        self._drained.clear()
        self._sending = True
        self.all_counts.clear()

    def start(self) -> None:
        self.first_sent_ns = monotonic_ns()
        if self._rate is None:
            while self._idle:
                self._send(self._idle.popleft(), monotonic_ns())
        else:
            self._tick(asyncio.get_running_loop(), self.first_sent_ns, round(_NS / self._rate))

    def begin_window(self) -> None:
        """From here on answers count; what came before was the warm-up."""
        self.durations = {}
        self.lags = []

    def end_window(self) -> tuple[dict[int, list[int]], list[int]]:
        """Stops sending; gives the durations of the window by status, and the generator's lags."""
        self._sending = False
        self.unsent = len(self._waiting)
        self._waiting.clear()
        if not self._under_way:
            self._drained.set()
        window = self.durations, self.lags
        self.begin_window()
        return window

    async def drain(self) -> int:
        """Waits for the answers under way; gives how many never came."""
        try:
            await asyncio.wait_for(self._drained.wait(), _DRAIN_SECONDS)
        except TimeoutError:
            return self._under_way
        finally:
            for connection in list(self._connections):
                connection.close()
        return 0

    def answered(self, connection: Connection, status: int, answer: bytes, now: int) -> None:
        self._under_way -= 1
        self.durations.setdefault(status, []).append(now - connection.sent_ns)
        if status == 503 and b"\r\nRetry-After: " not in answer:
            self.without_retry_after += 1
        self.all_counts[status] = self.all_counts.get(status, 0) + 1
        self.last_answer_ns = now
        if self._keep_ids and status == 201:
            self.order_ids.append((order_id_of(answer), connection.sent_ns))
        if not self._sending:
            if not self._under_way:
                self._drained.set()
        elif self._rate is None:
            self._send(connection, now)
        elif self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def lost_connection(self, connection: Connection) -> None:
        """A connection that ends before the load does is a fault of the run; it is counted and not replaced."""
        self._connections.discard(connection)
        if self._sending:
            self.lost += 1
            if connection in self._idle:
                self._idle.remove(connection)
            else:
                self._under_way -= 1

    def _send(self, connection: Connection, due_ns: int) -> None:
        self.sent += 1
        self._under_way += 1
        connection.send(self._next_request(), due_ns)

    def _tick(self, loop: asyncio.AbstractEventLoop, started_ns: int, every_ns: int) -> None:
        """Send what is due by now. At a high rate several fall due in one tick: timers are no finer than that."""
        while self._sending:
            now = monotonic_ns()
            due_ns = started_ns + self.due * every_ns
            if due_ns > now:
                loop.call_later(max((due_ns - now) / _NS, _TICK_SECONDS), self._tick, loop, started_ns, every_ns)
                return
            self.due += 1
            self.lags.append(now - due_ns)
            if self._idle:
                self._send(self._idle.popleft(), now)
            else:
                self._waiting.append(now)


def _own_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def run_load(options: argparse.Namespace, next_request: NextRequest) -> LoadResult:
    """One run: connect, warm up, measure for `--seconds`, wait for the last answers."""
    load = Load(next_request, options.rate, options.ids_out is not None)
    await load.connect(options.host, options.port, options.connections)
    if options.greet:
        await load.greet(options.host)
    gc.collect()
    gc.disable()  # a few seconds of small acyclic objects: a collection would be a pause that the service did not make
    load.start()
    await asyncio.sleep(options.warm_up)
    load.begin_window()
    began_ns, cpu_before = monotonic_ns(), _own_cpu_seconds()
    await asyncio.sleep(options.seconds)
    by_status, lags = load.end_window()
    seconds, cpu_seconds = (monotonic_ns() - began_ns) / _NS, _own_cpu_seconds() - cpu_before
    unanswered = await load.drain()
    if options.ids_out is not None:
        await asyncio.to_thread(options.ids_out.write_bytes, b"".join(b"%b %d\n" % kept for kept in load.order_ids))
    durations = [duration for of_status in by_status.values() for duration in of_status]
    latencies, lag = latencies_of(durations), latencies_of(lags)
    return LoadResult(
        mode=options.mode,
        connections=options.connections,
        asked_per_second=options.rate,
        seconds=round(seconds, 3),
        answers=len(durations),
        per_second=round(len(durations) / seconds, 1),
        status={str(status): len(of_status) for status, of_status in sorted(by_status.items())},
        p50_ms=latencies.p50_ms,
        p99_ms=latencies.p99_ms,
        max_ms=latencies.max_ms,
        by_status={str(status): latencies_of(of_status) for status, of_status in sorted(by_status.items())},
        lag_p99_ms=lag.p99_ms,
        lag_max_ms=lag.max_ms,
        cpu_seconds=round(cpu_seconds, 3),
        cpu_share=round(cpu_seconds / seconds, 3),
        due=load.due,
        sent=load.sent,
        unsent=load.unsent,
        without_retry_after=load.without_retry_after,
        all_status={str(status): count for status, count in sorted(load.all_counts.items())},
        lost=load.lost,
        unanswered=unanswered,
        first_sent_ns=load.first_sent_ns,
        last_answer_ns=load.last_answer_ns,
    )


def parse_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("mode", choices=["create", "get"])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", default="none", help="API key")
    parser.add_argument("--partner", default="21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e", help="partnerId of the orders")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0, help="the measured window")
    parser.add_argument("--warm-up", type=float, default=0.5, help="seconds before it that do not count")
    parser.add_argument("--rate", type=float, help="requests per second, open loop; without it: closed loop")
    parser.add_argument("--greet", action="store_true", help="before it begins, a GET /healthz on each connection")
    parser.add_argument("--duplicates", type=float, default=0.0, help="share that repeats an earlier reference")
    parser.add_argument("--run", help="8 characters in every reference; drawn at random where not given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ids", type=Path, help="get: a file of order ids, one a line (what --ids-out wrote is one)")
    parser.add_argument("--ids-out", type=Path, help="create: write `orderId sent_ns` of each accepted order there")
    options = parser.parse_args(arguments)
    if options.mode == "get" and options.ids is None:
        parser.error("get needs --ids")
    return options


def main(arguments: list[str]) -> None:
    options = parse_options(arguments)
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    host = f"{options.host}:{options.port}"
    if options.mode == "get":
        ids = [line.split()[0] for line in options.ids.read_bytes().splitlines() if line]
        next_request = get_orders(host, options.key, ids, options.seed)
    else:
        run = options.run or os.urandom(4).hex()
        next_request = create_orders(host, options.key, options.partner, run, options.duplicates, options.seed)
    result = uvloop.run(run_load(options, next_request))
    print(msgspec.json.encode(result).decode(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
