"""A TCP proxy before a PostgreSQL server: breaks connections, and loses answers, at the moment that a test chooses."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_SYNC = b"S\0\0\0\4"


class Proxy:
    """Passes everything on.

    `loses_answers`: what the server sends from now on does not arrive. `delays_calls`: what clients send from now on is
    kept until `deliver`, also when the client is gone by then. `cuts_call_with`: of a call that holds these bytes, the
    end (its Sync, without which nothing is committed) does not arrive. `late_seconds`: how much later answers arrive.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._socket = f"{conninfo_to_dict(dsn)['host']}/.s.PGSQL.5432"
        self._open: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._delayed: list[tuple[asyncio.StreamWriter, bytes]] = []
        self.loses_answers = False
        self.delays_calls = False
        self.cuts_call_with: bytes | None = None
        self.calls_cut = 0
        self.late_seconds = 0.0
        self.accepted = 0

    @property
    def dsn(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()
        return make_conninfo(self._dsn, host=host, port=port, sslmode="disable")

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self._delayed.clear()
        self.cut()
        await asyncio.gather(*self._pumps)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Break every connection, on both sides but where a delayed call is on its way to the server. New ones pass."""
        kept = {server for server, _ in self._delayed}
        for end in self._open - kept:
            end.transport.abort()
        self._open &= kept

    async def until_delayed(self) -> None:
        """Wait until a call is kept back."""
        while not self._delayed:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    def deliver(self) -> None:
        """Pass the delayed calls on."""
        self.delays_calls = False
        for server, data in self._delayed:
            server.write(data)
        self._delayed.clear()

    async def _connected(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.accepted += 1
        from_server, to_server = await asyncio.open_unix_connection(self._socket)
        ends = {to_client, to_server}
        self._open |= ends
        for source, target in ((from_client, to_server), (from_server, to_client)):
            pump = asyncio.create_task(self._pump(source, target, ends, answers=target is to_client))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, ends: set[asyncio.StreamWriter], answers: bool
    ) -> None:
        try:
            while data := await source.read(65536):
                if not answers and self.delays_calls:
                    self._delayed.append((target, data))
                elif not answers and self.cuts_call_with is not None and self.cuts_call_with in data:
                    assert data.endswith(_SYNC)
                    self.calls_cut += 1
                    target.write(data.removesuffix(_SYNC))
                elif answers and self.late_seconds:
                    asyncio.get_running_loop().call_later(self.late_seconds, _write, target, data)
                elif not (answers and self.loses_answers):
                    target.write(data)
                    await target.drain()
        except OSError:
            pass  # cut, or broken by one of the two
        kept = {server for server, _ in self._delayed}
        for end in ends - kept:
            end.transport.abort()
        self._open -= ends - kept


def _write(target: asyncio.StreamWriter, data: bytes) -> None:
    if not target.is_closing():
        target.write(data)
