"""The log and who reads it: positions without gaps, consumers, what is parked, dead or left lying."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.doctor.finding import Finding, fail, ok, warn

if TYPE_CHECKING:
    from infra.postgres.connections import Connection
    from services.status import Figures

_WINDOW = 10_000
_LAG_SECONDS = 60.0
_IN_FLIGHT_SECONDS = 600.0

_TAIL = f"""
select count(*), coalesce(min(position), 1), coalesce(max(position), 0)
from (select notification_id as position from stored_events order by notification_id desc limit {_WINDOW}) tail
"""  # noqa: S608 - a number of ours

# Who works, and whether anyone of the service is there to: a command's own sessions do not count.
_ISSUER = """
select
    (select owner from leases where name = 'issuer' and expires_at > clock_timestamp()),
    (select count(*) from pg_stat_activity
        where datname = current_database() and application_name = 'channel-manager listen')
"""


async def of_positions(connection: Connection) -> Finding:
    """The newest positions, counted: all of them would be read for hours."""
    row = await (await connection.execute(_TAIL.encode())).fetchone()
    assert row is not None  # noqa: S101 - an aggregate has a row
    count, first, last = row
    whole = last - first + 1 == count and (count == _WINDOW or first == 1)
    if not whole:
        missing = last - first + 1 - count + (first - 1 if count < _WINDOW else 0)
        advice = (
            "Stop the service and compare with a backup: events were removed from the log, which never removes any."
        )
        return fail("positions", f"{missing} missing among the newest, up to {last}", advice)
    return ok("positions", f"{first} to {last} without a gap" if count else "no event yet")


async def of_workers(connection: Connection) -> Finding:
    row = await (await connection.execute(_ISSUER.encode())).fetchone()
    assert row is not None  # noqa: S101 - a select without a table has a row
    owner, services = row
    if not services:
        return ok("issuer's lease", "no service is running")
    if owner is None:
        advice = "Start a process with the role issuer; where one runs, see its log."
        return warn("issuer's lease", "a service is running, and nobody issues", advice)
    return ok("issuer's lease", f"held by {owner}")


def of_figures(figures: Figures) -> list[Finding]:
    """From what `status` shows."""
    return [_consumers(figures), _in_flight(figures), _drafts(figures), _parked(figures), _dead(figures)]


def _consumers(figures: Figures) -> Finding:
    if halted := [f"{one.name}: {one.halted}" for one in figures.consumers if one.halted is not None]:
        return fail("consumers", f"halted: {'; '.join(halted)}", "Mend the cause; it goes on when that is done.")
    late = [one for one in figures.consumers if figures.lag_seconds[one.name] > _LAG_SECONDS]
    if late:
        advice = "See that a process with each role runs, and what it logs."
        told = ", ".join(f"{one.name} {one.lag} events, {figures.lag_seconds[one.name]:.0f} s" for one in late)
        return warn("consumers", f"behind: {told}", advice)
    lag = max((one.lag for one in figures.consumers), default=0)
    return ok("consumers", f"at most {lag} events behind" if lag else "caught up")


def _in_flight(figures: Figures) -> Finding:
    count, oldest = sum(figures.in_flight.values()), figures.oldest_in_flight_seconds
    if count and oldest > _IN_FLIGHT_SECONDS:
        advice = "See that an issuer runs and what it logs: what waits for a venue's system is tried again by itself."
        return warn("orders in flight", f"{count}, the oldest for {oldest:.0f} s", advice)
    return ok("orders in flight", f"{count}, the oldest for {oldest:.0f} s" if count else "none")


def _drafts(figures: Figures) -> Finding:
    overdue = figures.drafts_overdue_seconds
    if overdue > _LAG_SECONDS:
        advice = "See that an issuer runs and what it logs. Of very many that are over at once, 200 go each second."
        return warn("expiring drafts", f"one should have been removed {overdue:.0f} s ago", advice)
    return ok("expiring drafts", "none overdue")


def _parked(figures: Figures) -> Finding:
    if figures.parked_events:
        advice = "Upgrade to a version that can apply them, then `channel-manager rebuild`: their orders stand still."
        return fail("parked events", str(figures.parked_events), advice)
    return ok("parked events", "none")


def _dead(figures: Figures) -> Finding:
    if dead := figures.deliveries.dead:
        return warn("dead deliveries", str(dead), "Have the partners mend their endpoints, then recover them.")
    return ok("dead deliveries", "none")
