"""What a pooler between service and server changes, seen from the service: another key, and no notifications."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict

_BACKEND_KEY = b"K"
_NOTIFICATION = b"A"


class Pooler:
    """Listens on `port`. A pooler tells its clients a process id of its own (message `K`)."""

    def __init__(self, dsn: str) -> None:
        parameters = conninfo_to_dict(dsn)
        self.database = str(parameters["dbname"])
        self._socket = f"{parameters['host']}/.s.PGSQL.5432"
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self.swallows_notifications = False

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for end in self._open:
            end.transport.abort()
        await asyncio.gather(*self._pumps)
        await self._server.wait_closed()

    async def _connected(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(self._socket)
        self._open |= {to_client, to_server}
        for pump in (self._questions(from_client, to_server), self._answers(from_server, to_client)):
            task = asyncio.create_task(pump)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _questions(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                target.write(data)
        except OSError:
            pass
        target.close()

    async def _answers(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """Message by message: a letter, then a length that counts itself."""
        try:
            while True:
                head = await source.readexactly(5)
                body = await source.readexactly(int.from_bytes(head[1:], "big") - 4)
                if head[:1] == _BACKEND_KEY:
                    body = (1).to_bytes(4, "big") + body[4:]
                if not (head[:1] == _NOTIFICATION and self.swallows_notifications):
                    target.write(head + body)
        except (asyncio.IncompleteReadError, OSError):
            target.close()
