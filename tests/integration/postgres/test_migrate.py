"""Migrations: once, in order, whole, whoever runs them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from importlib.resources import files

import psycopg
import pytest

from infra.postgres import migrate as migrating
from infra.postgres.connections import connect
from infra.postgres.errors import MigrationError
from infra.postgres.migrate import Migration, migrate, pending

ALL = sorted(
    file.name.removesuffix(".sql")
    for file in files("infra.postgres").joinpath("migrations").iterdir()
    if file.name.endswith(".sql")
)

TWO = [
    Migration(
        "0001_first",
        b"CREATE TABLE a (n int); INSERT INTO a VALUES (1);\n"
        b"CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN n * 2; -- 100 % safe; done\n"
        b"END $$;",
    ),
    Migration("0002_second", b"ALTER TABLE a ADD m int; UPDATE a SET m = twice(n)"),
]


def only(monkeypatch: pytest.MonkeyPatch, *migrations: Migration) -> None:
    monkeypatch.setattr(migrating, "_load", lambda: list(migrations))


async def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    async with await connect(dsn, application_name="test") as connection:
        cursor = await connection.execute(query.encode())
        return await cursor.fetchall()


async def test_every_file_is_applied_once_and_in_order(empty_dsn: str) -> None:
    assert await pending(empty_dsn) == ALL
    assert await migrate(empty_dsn) == ALL
    assert await pending(empty_dsn) == []
    assert await migrate(empty_dsn) == []
    assert await rows(empty_dsn, "SELECT name FROM schema_migrations ORDER BY applied_at") == [(name,) for name in ALL]


async def test_every_file_works_on_version_16(dsn16: str) -> None:
    assert await pending(dsn16) == []


def test_two_processes_at_once_apply_each_file_once(empty_dsn: str) -> None:
    command = (
        "import asyncio, sys; from infra.postgres.migrate import migrate; print(*asyncio.run(migrate(sys.argv[1])))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    processes = [
        subprocess.Popen([sys.executable, "-c", command, empty_dsn], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    applied = []
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0
        applied += output.splitlines()[-1].split()
    assert sorted(applied) == ALL


async def test_many_at_once_apply_each_file_once(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, *TWO)
    applied = await asyncio.gather(*(migrate(empty_dsn) for _ in range(4)))
    assert sorted(name for names in applied for name in names) == ["0001_first", "0002_second"]
    assert await rows(empty_dsn, "SELECT n, m FROM a") == [(1, 2)]


async def test_a_file_that_fails_leaves_nothing_behind(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Migration("0003_broken", b"CREATE TABLE half (n int); SELECT 1/0")
    only(monkeypatch, *TWO, broken)
    with pytest.raises(MigrationError, match="0003_broken failed: division by zero"):
        await migrate(empty_dsn)
    assert await pending(empty_dsn) == ["0003_broken"]
    assert await rows(empty_dsn, "SELECT to_regclass('half')") == [(None,)]


async def test_a_file_must_not_end_its_transaction(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, Migration("0001_commits", b"CREATE TABLE a (n int); COMMIT"))
    with pytest.raises(MigrationError, match="must not COMMIT"):
        await migrate(empty_dsn)


async def test_a_file_that_was_changed_later_is_refused(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, *TWO)
    await migrate(empty_dsn)
    only(monkeypatch, TWO[0], Migration("0002_second", b"ALTER TABLE a ADD other int"))
    for step in (migrate, pending):
        with pytest.raises(MigrationError, match="0002_second was changed after it was applied"):
            await step(empty_dsn)


async def test_line_ends_of_another_system_are_no_change(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, *TWO)
    await migrate(empty_dsn)
    only(monkeypatch, *(Migration(one.name, one.sql.replace(b"\n", b"\r\n")) for one in TWO))
    assert await migrate(empty_dsn) == []


async def test_a_schema_newer_than_the_code_is_worked_with(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, *TWO)
    await migrate(empty_dsn)
    only(monkeypatch, TWO[0])
    assert await migrate(empty_dsn) == []


async def test_a_schema_of_another_line_of_versions_is_refused(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, *TWO)
    await migrate(empty_dsn)
    only(monkeypatch, Migration("0003_third", b"SELECT"))
    with pytest.raises(MigrationError, match=r"never had.*0001_first, 0002_second"):
        await migrate(empty_dsn)


async def test_a_table_in_use_is_waited_for(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, TWO[0])
    await migrate(empty_dsn)
    only(monkeypatch, *TWO)
    waited = asyncio.Event()
    pause = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waited.set()
        await pause(seconds)

    async with await connect(empty_dsn, application_name="reader", transaction_timeout=None) as reader:
        await reader.execute("SET idle_in_transaction_session_timeout = 0")
        async with reader.transaction():
            await reader.execute("SELECT FROM a")
            task = asyncio.create_task(migrate(empty_dsn))
            monkeypatch.setattr("infra.postgres.migrate.asyncio.sleep", sleep)
            await waited.wait()
            monkeypatch.undo()
    assert await task == ["0002_second"]


def test_a_role_that_may_not_create_tables_is_told(empty_dsn: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(empty_dsn)["dbname"]
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN".encode())
        try:
            with pytest.raises(MigrationError, match="permission denied"):
                asyncio.run(migrate(f"{empty_dsn} user={name}"))
        finally:
            connection.execute(f"DROP ROLE {name}".encode())
