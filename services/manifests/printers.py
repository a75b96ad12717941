"""Where PDFs are made: in processes of their own, started when one is asked for, gone when none is.

A thread would not do: reading fonts makes so many objects that Python's garbage collector, in whatever thread it runs,
holds all others for tenths of a second; and of what it took, little memory would be given back.

If a printer dies, the one who asked is told so, and the next one gets another. If this process dies, its printers meet
the end of their pipe and go; nobody had been promised anything.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from aiohttp import web

    from services.manifests.contents import Manifest

MANY_SHEETS: Final = 60
"""So many or more are printed by a printer of their own: others need not wait for them."""

MOST_SHEETS: Final = 4000
"""That are asked for and not printed yet; of a printer at work each takes some 20 KiB."""

PRINT_SECONDS: Final = 120.0
"""More than the largest order takes on a busy machine."""

LENGTH_BYTES: Final = 4
MADE, FAILED = b"+", b"-"

_STOP_SECONDS: Final = 2.0
# Nothing of ours, least of all the master key.
_ENVIRONMENT: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")


class PrintersBusy(Exception):
    """Too many sheets are being printed: try again."""


class PrintingFailed(Exception):
    """A PDF could not be made; the text says where in the code, and nothing of what is in it."""


class Printers:
    """One for small manifests, one for large ones."""

    def __init__(self) -> None:
        self._small, self._large = Printer(), Printer()
        self._sheets = 0

    async def pdf(self, packed: bytes, sheets: int) -> bytes:
        """Raises PrintersBusy; not where nothing else is printed, however many they are. Raises PrintingFailed."""
        if self._sheets and self._sheets + sheets > MOST_SHEETS:
            raise PrintersBusy
        self._sheets += sheets
        try:
            return await (self._large if sheets >= MANY_SHEETS else self._small).pdf(packed)
        finally:
            self._sheets -= sheets

    async def kept(self, _: web.Application) -> AsyncIterator[None]:
        """For `cleanup_ctx`: none outlives the application."""
        yield
        await asyncio.gather(self._small.stop(), self._large.stop())


class Printer:
    """A process that makes one PDF after another (`printing.py`)."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._process: Process | None = None

    async def pdf(self, packed: bytes) -> bytes:
        """Raises PrintingFailed."""
        async with self._turn:
            if self._process is not None:
                with suppress(_HadGone):
                    return await self._asked(self._process, packed)
            self._process = await _started()
            try:
                return await self._asked(self._process, packed)
            except _HadGone:
                raise PrintingFailed("it ended without a word") from None

    async def stop(self) -> None:
        if self._process is not None:
            await _ended(self._process)
            self._process = None

    async def _asked(self, process: Process, packed: bytes) -> bytes:
        """Raises _HadGone where it had ended before, having had nothing to do for a while."""
        is_done = False
        try:
            async with asyncio.timeout(PRINT_SECONDS):
                answer = await _answer(process, packed)
            is_done = True
        except TimeoutError:
            raise PrintingFailed(f"it was not done within {PRINT_SECONDS:g} s") from None
        finally:
            if not is_done:  # what it said next would be the answer to this
                self._process = None
                _kill(process)
                await asyncio.shield(process.wait())
        if answer[:1] == FAILED:
            raise PrintingFailed(answer[1:].decode())
        return answer[1:]


class _HadGone(Exception):
    """The process had ended, or ended while it was asked."""


async def _answer(process: Process, packed: bytes) -> bytes:
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018, S101 - pipes
    try:
        process.stdin.write(len(packed).to_bytes(LENGTH_BYTES, "big"))
        process.stdin.write(packed)
        await process.stdin.drain()
        length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "big")
        return await process.stdout.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        raise _HadGone from None


async def _started() -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.manifests.printing"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        start_new_session=True,  # Ctrl-C is the service's own: it ends its printers in order
    )


async def _ended(process: Process) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe
    process.stdin.close()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        _kill(process)
        await process.wait()


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


def packed(manifest: Manifest) -> bytes:
    """A manifest on its way to a printer. Raises SealBroken."""
    return pickle.dumps(manifest._replace(wallets=list(manifest.wallets)), pickle.HIGHEST_PROTOCOL)
