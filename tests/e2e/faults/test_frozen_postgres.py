"""PostgreSQL stopped for ten seconds, or only the backend that holds the writer lock.

Meanwhile every request is answered within its deadline, by 503 where it needs what is stopped; afterwards writes go on
within a second, and whatever was answered is true.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from infra.postgres.cluster_processes import ClusterProcesses
from infra.postgres.run_as import choose
from infra.postgres.server_settings import binaries
from tests.e2e.faults.siege import Siege, besieged
from tests.e2e.service import Service, wait_for
from tests.own_server import OwnServer

FROZEN_SECONDS = 10.0
GOES_ON_SECONDS = 1.0
READS_GO_ON_SECONDS = 2.0
PAUSE_SECONDS = 1.5

CREATE = "POST /channelManager"


def test_all_of_postgres_stopped_for_ten_seconds(
    own_server: OwnServer, service_over: Callable[..., Service], folder: Path
) -> None:
    with besieged(service_over(own_server.dsn), folder, own_server.dsn) as siege:
        siege.until_answers(50)
        own_server.signal_all(signal.SIGSTOP)
        siege.begin()
        time.sleep(FROZEN_SECONDS)
        siege.end()
        own_server.signal_all(signal.SIGCONT)
        siege.until_answers(50)
    heard = siege.in_the_dark()
    assert [one for one in heard if one.status != 503 and one.operation != "GET /healthz"] == []
    assert {one.operation for one in heard} > {CREATE, "PUT /channelManager/{id}", "GET /admin/status", "GET /readyz"}
    _goes_on(siege)


def test_the_backend_that_holds_the_writer_lock_stopped_for_ten_seconds(
    service: Callable[..., Service], folder: Path
) -> None:
    """Reads go on, writes are refused; the embedded server's keeper leaves a server alone that answers."""
    running = service().start()
    running.ready()
    postmaster = running.postmaster()
    processes = _processes(running)
    with besieged(running, folder) as siege:
        siege.until_answers(50)
        holder = _stopped_holder(running.dsn, processes)
        siege.begin()
        time.sleep(FROZEN_SECONDS)
        siege.end()
        assert processes.signal(holder, signal.SIGCONT)
        siege.until_answers(50)
        assert running.postmaster() == postmaster
    heard = siege.in_the_dark()
    assert {one.status for one in heard if one.operation == CREATE} == {503}
    assert {one.status for one in heard if not one.is_write} <= {200, 401}
    _goes_on(siege)


def test_the_embedded_server_is_replaced_when_it_is_stopped_and_not_when_it_pauses(
    service: Callable[..., Service], folder: Path
) -> None:
    running = service().start()
    running.ready()
    postmaster = running.postmaster()
    processes = _processes(running)

    def signal_all(number: signal.Signals) -> None:
        for pid in processes.pids():
            processes.signal(pid, number)

    with besieged(running, folder) as siege:
        siege.until_answers(20)
        signal_all(signal.SIGSTOP)
        time.sleep(PAUSE_SECONDS)
        signal_all(signal.SIGCONT)
        siege.until_answers(20)
        assert running.postmaster() == postmaster
        signal_all(signal.SIGSTOP)
        siege.begin()
        back = wait_for("another server", lambda: running.postmaster() not in {None, postmaster}, FROZEN_SECONDS)
        siege.until_answers(50)
        siege.end()
    print(f"another server after {back:.1f} s")


def _goes_on(siege: Siege) -> None:
    writes = siege.seconds_until(lambda one: one.is_write)
    reads = siege.seconds_until(lambda one: one.operation == "GET /channelManager/{id}")
    print(f"writes went on after {writes:.2f} s, reads after {reads:.2f} s")
    assert writes <= GOES_ON_SECONDS
    assert reads <= READS_GO_ON_SECONDS


def _processes(service: Service) -> ClusterProcesses:
    cluster = service.data / "pg18"
    return ClusterProcesses([cluster], binaries(18), choose(cluster))


def _stopped_holder(dsn: str, processes: ClusterProcesses) -> int:
    """The pid of the writer's backend, stopped while it holds the lock: stopped while it waits, then given it."""
    with psycopg.connect(dsn, autocommit=True) as looking, psycopg.connect(dsn) as blocker:

        def backends(*, granted: bool) -> set[int]:
            query = (
                "select pid from pg_locks where locktype = 'advisory' and objid = 779501 and granted = %s and pid <> %s"
            )
            return {row[0] for row in looking.execute(query, (granted, blocker.info.backend_pid))}

        blocker.execute("select pg_advisory_xact_lock(779501)")
        wait_for("a waiting writer", lambda: backends(granted=False), 5)
        (pid,) = backends(granted=False)
        assert processes.signal(pid, signal.SIGSTOP)
        blocker.rollback()
        assert backends(granted=True) == {pid}
        return pid
