"""The keys: files that only their owner may read, the master key that wraps the others, somebody who may operate."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from infra.event_store.field_encryption import SealBroken, StreamKey
from infra.postgres.connections import Connection
from services.doctor.finding import Finding, fail, ok, warn
from services.secrets import MASTER_KEY_FILE, OPERATOR_KEY_FILE, key_ring, read_master_key
from services.settings import SettingError, Settings

if TYPE_CHECKING:
    from projections.directory import Directory

_LOST = "Restore the right master key from your backup of it: without it, the guests' fields cannot be read again."

SHORTEST_KEY = 16
"""Characters that nobody guesses, if they are drawn by chance."""

_ANY_KEY = "select originator_id, master_key_id, wrapped_key from stream_keys where master_key_id = %s limit 1"
_OTHER_KEY = "select master_key_id from stream_keys where master_key_id <> %s limit 1"
_SOME_KEY = "select true from stream_keys limit 1"


def of_files(settings: Settings) -> Finding:
    """Blocks: looks at the files of an embedded database's folder."""
    if not settings.is_embedded:
        return ok("key files", "none: the keys come from the settings")
    files = [settings.data_dir / name for name in (MASTER_KEY_FILE, OPERATOR_KEY_FILE)]
    modes = {file.name: file.stat().st_mode & 0o777 for file in files if file.exists()}
    if open_to_others := [f"{name} has mode {mode:03o}" for name, mode in modes.items() if mode & 0o077]:
        names = " ".join(name for name, mode in modes.items() if mode & 0o077)
        advice = f"chmod 600 {names} in {settings.data_dir}, and replace what others may have read."
        return fail("key files", ", ".join(open_to_others), advice)
    return ok("key files", f"{' and '.join(modes)} with mode 600" if modes else "none yet")


async def of_master_key(settings: Settings, connection: Connection) -> Finding:
    """Whether it is there, and the one that wraps the rows of `stream_keys`. None is made."""
    try:
        master = await asyncio.to_thread(read_master_key, settings)
    except SettingError as error:
        return fail("master key", str(error), _LOST)
    if master is None:
        if await _row(connection, _SOME_KEY) is not None:
            return fail("master key", "there is none, and what it sealed is there", _LOST)
        return ok("master key", "none yet: the first start makes it")
    ring = key_ring(master)
    other = await _row(connection, _OTHER_KEY, ring.current)
    if other is not None:
        return fail("master key", f"keys are wrapped by {other[0]}, and this one is {ring.current}", _LOST)
    wrapped = await _row(connection, _ANY_KEY, ring.current)
    if wrapped is None:
        return ok("master key", f"{ring.current}; it wraps nothing yet")
    try:
        ring.cipher(StreamKey(*wrapped))
    except SealBroken as error:
        return fail("master key", str(error), "Restore the database: this row was altered, or moved.")
    return ok("master key", f"{ring.current}, which wraps the keys in the database")


async def of_operators(settings: Settings, directory: Directory) -> Finding:
    """Raises DatabaseUnavailable."""
    await directory.refresh()
    made = sum(key.scope == "operator" for key in directory.keys.values())
    given = settings.operator_key is not None
    kept = settings.is_embedded and await asyncio.to_thread((settings.data_dir / OPERATOR_KEY_FILE).exists)
    if not (made or given or kept):
        advice = "Run `channel-manager key create --scope operator --name …`, or set OTA_CM_OPERATOR_KEY."
        return warn("operator key", "there is none: nobody can use the operators' API", advice)
    if settings.operator_key is not None and len(settings.operator_key) < SHORTEST_KEY:
        advice = "Make a longer one: whoever guesses it may do everything. `openssl rand -hex 32` gives one."
        return warn("operator key", f"in the settings, of {len(settings.operator_key)} characters", advice)
    sources = {"in the settings": given, "in its file": kept and not given, f"{made} in the store": bool(made)}
    return ok("operator key", ", ".join(source for source, there in sources.items() if there))


async def _row(connection: Connection, query: str, *parameters: str) -> tuple[Any, ...] | None:
    return await (await connection.execute(query.encode(), parameters)).fetchone()
