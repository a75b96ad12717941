"""A new version is rolled out: each process is told to stop in its turn and started anew, under load, over Kafka.

Every role has two processes, and the two apis share one port. Nothing is lost, and no request is answered with a server
error but a short 503 that says when to come back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra.kafka.local_broker import free_port
from infra.kafka.settings import KafkaSettings
from services.settings import ROLES
from tests.chaos.jobs import faults_of_jobs, jobs_by_issuer
from tests.e2e.client import Answer, Client, NoAnswer
from tests.e2e.endpoint import running_endpoint
from tests.e2e.load import CLIENTS, Load
from tests.e2e.service import Service
from tests.e2e.topic import faults_of_topic, kafka_environment, records, repeats
from tests.e2e.truth import read_database
from tests.e2e.venue import Venue

LONGEST_RETRY_SECONDS = 5
ANSWERS_BETWEEN = 20


@dataclass
class Told:
    """What all clients were told. `broken`: connections that ended before an answer, as they do where one stops."""

    statuses: Counter[int] = field(default_factory=Counter)
    refusals: list[Answer] = field(default_factory=list)
    broken: int = 0


class Noting(Client):
    """A client that notes how it was answered."""

    def __init__(self, port: int, key: str, told: Told) -> None:
        super().__init__(lambda: port, key)
        self._told = told

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        try:
            answer = super().call(method, path, body, headers)
        except NoAnswer:
            self._told.broken += 1
            raise
        self._told.statuses[answer.status] += 1
        if answer.status >= 500:
            self._told.refusals.append(answer)
        return answer


@pytest.mark.timeout(180)
def test_each_process_is_restarted_under_load_and_nothing_is_lost(
    service: Callable[..., Service], folder: Path, kafka_settings: KafkaSettings
) -> None:
    port = free_port()
    processes = {
        (role, number): service(
            *("--roles", role),
            *(("--port", str(port), "--reuse-port") if role == "api" else ()),
            name=f"{role}-{number}",
            settings={"OTA_CM_INSTANCE": f"{role}-{number}", **kafka_environment(kafka_settings)},
        ).start()
        for role in ROLES
        for number in (1, 2)
    }
    for one in processes.values():
        one.ready(90)
    with running_endpoint(folder) as endpoint:
        venue = Venue(processes["api", 1], endpoint)
        told = Told()
        load = Load(9, venue.partner_id, lambda: Noting(port, venue.key, told))
        load.start()
        venue.wait_for_answers(load, 5 * CLIENTS)
        for number in (1, 2):
            for role in ROLES:
                # Its double works: it has been started again before, or not been stopped yet.
                processes[role, 3 - number].ready(90)
                _restart(processes[role, number])
                venue.wait_for_answers(load, ANSWERS_BETWEEN)
        for one in processes.values():
            one.ready(90)
        venue.wait_for_answers(load, 5 * CLIENTS)
        load.stop()
        venue.wait_until_done(40)
        print(f"{told.statuses}, {told.broken} connections ended, {len(load.ledger.asked)} commands")
        assert [one for one in told.refusals if not _is_short(one)] == []
        database = read_database(venue.dsn)
        found = records(kafka_settings)
        print(f"{len(found)} messages, {len(repeats(found))} again; jobs {jobs_by_issuer(database)}")
        assert [*faults_of_topic(found, database), *faults_of_jobs(database)] == []
        assert len(jobs_by_issuer(database)) == 2, "one issuer did all of it"
        venue.hold_against_the_truth("a rolling restart", load)


def _restart(one: Service) -> None:
    one.terminate()
    assert one.exit_status() == 0, one.output()[-3000:]
    one.start()


def _is_short(answer: Answer) -> bool:
    after = answer.headers.get("retry-after", "")
    return answer.status == 503 and after.isdigit() and 1 <= int(after) <= LONGEST_RETRY_SECONDS
