"""The clocks: this machine's against the database's, and the log's last moment against it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from infra.postgres.connections import Connection
from services.doctor.finding import Finding, fail, ok, warn

_WARN_SECONDS = 1.0

# Receivers of webhooks refuse a signature that is five minutes away from their own clock.
_FAIL_SECONDS = 60.0

_ADVICE = "Have both synchronise their clocks (chrony, systemd-timesyncd): due times and signatures go by them."


async def of_clocks(connection: Connection, now: Callable[[], datetime]) -> list[Finding]:
    return [await _skew(connection, now)]


async def of_log(connection: Connection) -> list[Finding]:
    """Only where the schema is there."""
    row = await (
        await connection.execute(
            "select extract(epoch from recorded_at - clock_timestamp())::float8 from stored_events"
            " order by notification_id desc limit 1"
        )
    ).fetchone()
    if row is not None and row[0] > _WARN_SECONDS:
        advice = (
            "Find out why the database's clock went back: until it is there again, events are given the last moment."
        )
        return [warn("log's clock", f"the last event was recorded {row[0]:.1f} s from now", advice)]
    return [ok("log's clock", "the last event is not in the future" if row is not None else "no event yet")]


async def _skew(connection: Connection, now: Callable[[], datetime]) -> Finding:
    """The database's clock is read somewhere between two looks at ours."""
    before = now()
    row = await (await connection.execute("select clock_timestamp()")).fetchone()
    after = now()
    assert row is not None  # noqa: S101 - it has a row
    late, early = (before - row[0]).total_seconds(), (row[0] - after).total_seconds()
    skew = max(late, early, 0.0)
    if skew < _WARN_SECONDS:
        return ok("clock", "this machine's and the database's agree")
    finding = f"this machine's is {skew:.1f} s {'ahead of' if late > early else 'behind'} the database's"
    return fail("clock", finding, _ADVICE) if skew >= _FAIL_SECONDS else warn("clock", finding, _ADVICE)
