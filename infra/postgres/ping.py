"""Does a PostgreSQL server answer on this socket? Asked in its wire protocol, without a client library."""

from __future__ import annotations

import enum
import socket
import struct
import time
from pathlib import Path

_PROTOCOL_3_0 = 196608
_CANNOT_CONNECT_NOW = b"57P03"


class Ping(enum.Enum):
    """What a server said to a new connection."""

    ANSWERS = "answers"
    """A session opened, or was refused by a working server (too many connections, say)."""
    STARTING = "starting"
    """The postmaster answers, and says that it is starting, recovering or shutting down."""
    SILENT = "silent"
    """Something holds the socket and says nothing: a stopped postmaster."""
    ABSENT = "absent"
    """Nobody listens."""


def ping(socket_path: Path, timeout: float = 2.0) -> Ping:
    """Open a session as user and database `postgres` on a Unix socket, and close it again.

    `timeout`: seconds for the whole exchange. Blocks; raises nothing. Protocol: PostgreSQL manual, chapter
    "Frontend/Backend Protocol", message flow of the start-up phase.
    """
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.settimeout(timeout)
            connection.connect(str(socket_path))
            parameters = b"user\0postgres\0database\0postgres\0application_name\0ping\0\0"
            connection.sendall(struct.pack("!ii", len(parameters) + 8, _PROTOCOL_3_0) + parameters)
            return _answer(connection, deadline)
        except (TimeoutError, BlockingIOError):
            # BlockingIOError: the queue of the socket is full, because nobody accepts.
            return Ping.SILENT
        except OSError:
            return Ping.ABSENT


def _answer(connection: socket.socket, deadline: float) -> Ping:
    """Read messages until the session is ready (`Z`) or refused (`E`)."""
    while True:
        kind, length = struct.unpack("!ci", _read(connection, 5, deadline))
        body = _read(connection, length - 4, deadline)
        if kind == b"Z":
            connection.sendall(b"X\0\0\0\4")
            return Ping.ANSWERS
        if kind == b"E":
            return Ping.STARTING if b"C" + _CANNOT_CONNECT_NOW + b"\0" in body else Ping.ANSWERS


def _read(connection: socket.socket, size: int, deadline: float) -> bytes:
    """Exactly `size` bytes; ConnectionError when the server hangs up before, TimeoutError after the deadline."""
    received = b""
    while len(received) < size:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        connection.settimeout(remaining)
        chunk = connection.recv(size - len(received))
        if not chunk:
            raise ConnectionResetError
        received += chunk
    return received
