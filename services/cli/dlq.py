"""`dlq`: the messages on the topic that the issuer could not read, listed and sent back."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click
from msgspec import Struct
from rich.table import Table
from rich.text import Text

from infra.feeds.dead_letter_box import DeadLetterBox, WaitingLetter, open_box
from infra.feeds.dead_letters import SECONDS
from infra.feeds.kafka_signals import Unreadable, header, signal_of
from infra.kafka.errors import KafkaRefused, KafkaUnavailable
from infra.kafka.producer import TopicProducer
from services.api.order_answer import timestamp
from services.cli.output import log_warnings_only, say_json, screen
from services.cli.running import CANNOT_START, fail, run, settings_or_exit
from services.relay.integration_events import SUBMITTED

if TYPE_CHECKING:
    from infra.kafka.settings import KafkaSettings

T = TypeVar("T")

MOST = 100


class LetterLine(Struct, frozen=True, rename="camel"):
    """A dead letter as it is shown. `origin`: topic/partition/offset where it came; `subject`: as its header says."""

    offset: int
    at: str
    origin: str
    error: str
    type: str
    subject: str
    bytes: int


@dataclass(slots=True)
class Replayed:
    """`unreadable`: of those sent back, how many this version cannot read either. `left_out`: not sent back."""

    sent_back: int = 0
    unreadable: int = 0
    left_out: int = 0
    refused: str | None = None


@click.group()
def command() -> None:
    """Messages on the topic that the issuer could not read: they lie on a topic of their own, named <topic>.dlq."""


@command.command("list")
@click.option("--limit", type=click.IntRange(1), default=MOST, show_default=True, help="So many at most, oldest first.")
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects.")
def list_(limit: int, *, as_json: bool) -> None:
    """List the messages that were not sent back yet, and why they could not be read."""
    kafka = _kafka_or_exit()
    letters, waiting = _run(partial(_list, kafka, limit))
    lines = [_line(letter) for letter in letters]
    if as_json:
        say_json(lines)
    else:
        _show(lines)
    if waiting > len(lines):
        click.echo(f"{waiting - len(lines)} more; --limit shows them", err=True)


@command.command()
@click.option("--json", "as_json", is_flag=True, help='Print {"sentBack", "unreadable", "leftOut"}.')
def replay(*, as_json: bool) -> None:
    """Send the messages that were not sent back yet to the topic again, as they came.

    What could not be read for a fault that was mended since is then handled; what still cannot be read comes back here.
    """
    kafka = _kafka_or_exit()
    done = _run(partial(_replay, kafka))
    if as_json:
        say_json({"sentBack": done.sent_back, "unreadable": done.unreadable, "leftOut": done.left_out})
    else:
        click.echo(f"sent back: {done.sent_back}")
        if done.unreadable:
            click.echo(f"of these, {done.unreadable} cannot be read by this version either, and will come back")
        if done.left_out:
            click.echo(f"not sent back, because nothing of them is kept here: {done.left_out}")
    if done.refused is not None:
        fail(f"Kafka refused the next one: {done.refused}")


def _kafka_or_exit() -> KafkaSettings:
    settings = settings_or_exit()
    if settings.kafka is None:
        fail("KAFKA_BOOTSTRAP_SERVERS is not set: without Kafka there are no dead letters", CANNOT_START)
    log_warnings_only(settings)
    return settings.kafka


def _run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    try:
        return run(work)
    except (KafkaUnavailable, KafkaRefused) as error:
        fail(str(error), CANNOT_START)


async def _list(kafka: KafkaSettings, limit: int) -> tuple[Sequence[WaitingLetter], int]:
    """The first ones, and how many there are."""
    letters: list[WaitingLetter] = []
    waiting = 0
    async with open_box(kafka) as box:
        async for page in box.pages():
            letters += page[: limit - len(letters)]
            waiting += len(page)
    return letters, waiting


async def _replay(kafka: KafkaSettings) -> Replayed:
    done = Replayed()
    producer = TopicProducer(kafka, "ota-cm-dlq-replay")
    try:
        async with open_box(kafka) as box:
            async for page in box.pages():
                if not await _send_back(box, producer, page, done):
                    break
    finally:
        await producer.close()
    return done


async def _send_back(
    box: DeadLetterBox, producer: TopicProducer, page: Sequence[WaitingLetter], done: Replayed
) -> bool:
    """Noted after it was acknowledged: what comes between sends them once more, which consumers ignore."""
    try:
        await _sent(box, producer, page, done)
    except KafkaRefused as refused:
        if refused.reason != "too_large":
            raise
        for letter in page:
            try:
                await _sent(box, producer, [letter], done)
            except KafkaRefused as one_refused:
                done.refused = f"{letter.origin}: {one_refused}"
                return False
    return True


async def _sent(box: DeadLetterBox, producer: TopicProducer, page: Sequence[WaitingLetter], done: Replayed) -> None:
    whole = [letter for letter in page if not letter.left_out]
    if whole:
        await producer.publish([letter.message for letter in whole], SECONDS)
    await box.sent_back(page)
    done.sent_back += len(whole)
    done.unreadable += sum(not _is_readable(letter) for letter in whole)
    for letter in page:
        if letter.left_out:
            done.left_out += 1
            click.echo(f"{letter.origin} is not sent back: {letter.left_out} ({letter.error})", err=True)


def _is_readable(letter: WaitingLetter) -> bool:
    try:
        signal_of(letter.message.headers, SUBMITTED.encode())
    except Unreadable:
        return False
    return True


def _line(letter: WaitingLetter) -> LetterLine:
    headers = letter.message.headers
    ce_type, subject = ((header(headers, name) or b"").decode(errors="replace") for name in ("ce_type", "ce_subject"))
    size = len(letter.message.value or b"")
    return LetterLine(letter.offset, timestamp(letter.at), letter.origin, letter.error, ce_type, subject, size)


def _show(lines: Sequence[LetterLine]) -> None:
    if not lines:
        click.echo("no dead letters")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("offset", "at (UTC)", "origin"):
        table.add_column(column, no_wrap=True)
    for column in ("type", "subject", "error"):
        table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(str(line.offset), line.at, *map(_printable, (line.origin, line.type, line.subject, line.error)))
    screen().print(table)


def _printable(text: str) -> Text:
    """Whoever sent the message does not steer the terminal."""
    return Text("".join(symbol if symbol.isprintable() else "\N{REPLACEMENT CHARACTER}" for symbol in text))
