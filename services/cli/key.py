"""`key`: makes, lists and revokes API keys by an append to the store, whether or not a service runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from os import urandom
from uuid import UUID

import click
import msgspec
from msgspec import UNSET, Struct, UnsetType
from rich.table import Table
from rich.text import Text

from domain.api_key import (
    KEY_RANDOM_BYTES,
    ActiveKey,
    ApiKey,
    CreateKey,
    KeyCommand,
    KeyEvent,
    KeyNotFound,
    RevokeKey,
    Scope,
    decide,
    key_hash,
    key_text,
)
from domain.partner_request import KeyBody
from domain.reading import Reader
from domain.streams import key_stream
from infra.event_store.mapper import Actor
from infra.ids import uuid7
from projections.directory import Directory
from services.api.order_answer import timestamp
from services.bootstrap import now, store
from services.cli.output import log_warnings_only, say_json, screen
from services.cli.running import CANNOT_START, fail, run, settings_of_service_or_exit, settings_or_exit
from services.ordering.context import CommandContext
from services.secrets import load_key_ring
from services.settings import Settings
from services.setup.streams import KEYS, SetupStreams, Stream

_AT_THE_SHELL = Actor(scope="command-line")


class KeyLine(Struct, frozen=True, rename="camel", kw_only=True):
    """A key as it is shown. `key`: its text, when it is made, this once."""

    key_id: UUID
    key: str | UnsetType = UNSET
    scope: Scope
    partner_id: UUID | UnsetType = UNSET
    name: str
    created_at: str


@click.group()
def command() -> None:
    """Create, list and revoke API keys. Running services follow within a second."""


@command.command()
@click.option("--scope", type=click.Choice(["operator", "auditor", "gate"]), required=True, help="What the key may do.")
@click.option("--name", required=True, metavar="NAME", help="For people: whose it is, or what for.")
@click.option("--json", "as_json", is_flag=True, help="Print an object with keyId, key, scope, name and createdAt.")
def create(scope: Scope, name: str, *, as_json: bool) -> None:
    """Make a key, and print it this once. A partner's keys are made over HTTP, at the partner."""
    reading = Reader(KeyBody).read(msgspec.json.encode({"scope": scope, "name": name}))
    if reading.faults:
        fail(f"--name: {reading.faults[0].message}", CANNOT_START)
    settings = settings_or_exit()
    log_warnings_only(settings)
    made, text = run(partial(_create, settings, scope, name))
    if as_json:
        say_json(_line(made, text))
        return
    click.echo(text)
    click.echo(f"Key {made.key_id}, scope {scope}: shown this once, so keep it now.", err=True)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects.")
def list_(*, as_json: bool) -> None:
    """List the keys that are not revoked, partners' too, the newest first. Their texts are not stored."""
    settings = settings_of_service_or_exit()
    log_warnings_only(settings)
    keys = run(partial(_list, settings))
    if as_json:
        say_json([_line(key) for key in keys])
        return
    table = Table(box=None, pad_edge=False)
    for column in ("keyId", "scope", "created (UTC)"):
        table.add_column(column, no_wrap=True)  # an id that is cut cannot be revoked
    for column in ("name", "partnerId") if any(key.partner_id for key in keys) else ("name",):
        table.add_column(column, overflow="fold")
    for key in keys:
        owner = (str(key.partner_id),) if key.partner_id is not None else ()
        created = f"{key.created_at:%Y-%m-%d %H:%M}"
        table.add_row(str(key.key_id), key.scope, created, _printable(key.name), *owner)
    screen().print(table)


@command.command()
@click.argument("key_id", metavar="ID", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help='Print {"keyId", "revoked"}.')
def revoke(key_id: UUID, *, as_json: bool) -> None:
    """End the key with this keyId, a partner's too: every service refuses it within a second."""
    settings = settings_of_service_or_exit()
    log_warnings_only(settings)
    try:
        run(partial(_revoke, settings, key_id))
    except KeyNotFound:
        fail(f"there is no key {key_id}")
    if as_json:
        say_json({"keyId": key_id, "revoked": True})
    else:
        click.echo(f"revoked {key_id}")


async def _create(settings: Settings, scope: Scope, name: str) -> tuple[ActiveKey, str]:
    key_id = uuid7()
    text = key_text(scope, urandom(KEY_RANDOM_BYTES))
    # A new deployment's first key may be made before its first start.
    async with _key_streams(settings, migrates=settings.migrate) as change:
        made = await change(key_id, CreateKey(key_id, key_hash(text), scope, name, now()))
    assert isinstance(made, ActiveKey)  # noqa: S101 - `decide` made it
    return made, text


async def _revoke(settings: Settings, key_id: UUID) -> None:
    async with _key_streams(settings, migrates=False) as change:
        await change(key_id, RevokeKey(now()))


async def _list(settings: Settings) -> list[ActiveKey]:
    async with store(settings, migrates=False) as opened:
        directory = Directory(opened.recorder, opened.mapper)
        await directory.refresh()
        return sorted(directory.keys.values(), key=lambda key: (key.created_at, key.key_id), reverse=True)


@asynccontextmanager
async def _key_streams(
    settings: Settings, *, migrates: bool
) -> AsyncIterator[Callable[[UUID, KeyCommand], Awaitable[ApiKey]]]:
    """Decides commands on keys and saves what follows, under a name of its own in the history."""
    async with store(settings, migrates=migrates) as opened:
        directory = Directory(opened.recorder, opened.mapper)
        await directory.refresh()
        key_ring = await asyncio.to_thread(load_key_ring, settings)
        streams = SetupStreams(opened.recorder, opened.mapper, key_ring, opened.group_commit, directory)

        async def change(key_id: UUID, command: KeyCommand) -> ApiKey:
            context = CommandContext(
                uuid7(), now(), _AT_THE_SHELL, correlation_id=uuid7().hex, venue_id=directory.venue_id
            )
            decision = partial(_decide, command)
            return (await streams.change(KEYS, key_stream(key_id), decision, context)).state

        yield change


def _decide(command: KeyCommand, stream: Stream[ApiKey]) -> list[KeyEvent]:
    return decide(stream.state, command)


def _line(key: ActiveKey, text: str | UnsetType = UNSET) -> KeyLine:
    return KeyLine(
        key_id=key.key_id,
        key=text,
        scope=key.scope,
        partner_id=UNSET if key.partner_id is None else key.partner_id,
        name=key.name,
        created_at=timestamp(key.created_at),
    )


def _printable(name: str) -> Text:
    """A name as plain text: whoever gave it does not steer the terminal."""
    return Text("".join(symbol if symbol.isprintable() else "\N{REPLACEMENT CHARACTER}" for symbol in name))
