"""PDFs are made in processes of their own, which may die, hang and be asked too much: without harm to others."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from services.manifests import printers
from services.manifests.printers import Printer, Printers, PrintersBusy, PrintingFailed, packed
from tests.unit.manifests.tickets import line, order, shown

ONE = packed(shown(order(line("Ada Nord"))))


@pytest.fixture
async def printer() -> AsyncIterator[Printer]:
    made = Printer()
    yield made
    await made.stop()


def pid_of(printer: Printer) -> int:
    assert printer._process is not None
    return printer._process.pid


async def test_one_process_makes_one_pdf_after_another(printer: Printer) -> None:
    first, second = await asyncio.gather(printer.pdf(ONE), printer.pdf(ONE))
    assert first == second
    assert len(pypdfium2.PdfDocument(first)) == 1


async def test_one_that_has_gone_is_replaced(printer: Printer) -> None:
    await printer.pdf(ONE)
    gone = pid_of(printer)
    os.kill(gone, signal.SIGKILL)
    assert (await printer.pdf(ONE)).startswith(b"%PDF")
    assert pid_of(printer) != gone


async def test_one_that_dies_at_work_harms_nobody_but_who_asked(
    printer: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/bin/false")
        with pytest.raises(PrintingFailed, match="without a word"):
            await printer.pdf(ONE)
    assert (await printer.pdf(ONE)).startswith(b"%PDF")


async def test_one_that_hangs_is_ended(printer: Printer, monkeypatch: pytest.MonkeyPatch) -> None:
    await printer.pdf(ONE)
    hanging = pid_of(printer)
    os.kill(hanging, signal.SIGSTOP)
    monkeypatch.setattr(printers, "PRINT_SECONDS", 0.05)
    with pytest.raises(PrintingFailed, match=r"within 0.05 s"):
        await printer.pdf(ONE)
    with pytest.raises(ProcessLookupError):
        os.kill(hanging, 0)
    monkeypatch.undo()
    assert (await printer.pdf(ONE)).startswith(b"%PDF")


async def test_who_gives_up_leaves_no_answer_for_the_next(printer: Printer) -> None:
    await printer.pdf(ONE)
    os.kill(pid_of(printer), signal.SIGSTOP)
    waiting = asyncio.create_task(printer.pdf(packed(shown(order(line("Ada", "Ben"))))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(pypdfium2.PdfDocument(await printer.pdf(ONE))) == 1


async def test_what_fails_is_told_without_what_was_in_it(printer: Printer) -> None:
    with pytest.raises(PrintingFailed) as failed:
        await printer.pdf(packed(shown(order(line("Ada Nord")))._replace(texts=None)))  # type: ignore[arg-type]
    assert "AttributeError" in str(failed.value)
    assert "sheets.py" in str(failed.value)
    assert "Ada" not in str(failed.value)
    assert (await printer.pdf(ONE)).startswith(b"%PDF")


async def test_it_knows_nothing_of_the_services_secrets(printer: Printer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTA_CM_MASTER_KEY", "secret")
    await printer.pdf(ONE)
    environment = await asyncio.to_thread(Path(f"/proc/{pid_of(printer)}/environ").read_bytes)
    assert b"OTA_CM" not in environment
    assert b"PATH=" in environment


async def test_none_is_left_when_the_application_ends() -> None:
    both = Printers()
    context = both.kept(None)  # type: ignore[arg-type]
    await anext(context)
    await both.pdf(ONE, 1)
    pid = pid_of(both._small)
    with pytest.raises(StopAsyncIteration):
        await anext(context)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_too_many_sheets_are_refused_and_any_order_alone_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    both, go_on = Printers(), asyncio.Event()

    async def held(_self: Printer, packed: bytes) -> bytes:
        await go_on.wait()
        return packed

    monkeypatch.setattr(Printer, "pdf", held)
    ask: Callable[[int], Any] = partial(both.pdf, b"made")
    waiting = [asyncio.create_task(ask(printers.MOST_SHEETS * 10))]
    await asyncio.sleep(0)
    with pytest.raises(PrintersBusy):
        await ask(1)
    go_on.set()
    assert await asyncio.gather(*waiting) == [b"made"]
    go_on.clear()
    waiting = [asyncio.create_task(ask(sheets)) for sheets in (printers.MOST_SHEETS - 1, 1)]
    await asyncio.sleep(0)
    with pytest.raises(PrintersBusy):
        await ask(1)
    go_on.set()
    await asyncio.gather(*waiting)
