"""The event store is the eventsourcing library's: its own cases pass over the writer that the service runs.

And each reads what the other wrote, also while both write.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import ApplicationRecorder, IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder
from eventsourcing.tests import persistence as library_cases

from tests.contract.stock_recorder import stock_recorder
from tests.contract.synchronous_recorder import SynchronousRecorder


@pytest.fixture(params=["dsn", "dsn16"])
def any_dsn(request: pytest.FixtureRequest) -> str:
    """Embedded PostgreSQL in the newest version and in the oldest that we support."""
    dsn: str = request.getfixturevalue(request.param)
    return dsn


@pytest.fixture
def recorder(any_dsn: str) -> Iterator[SynchronousRecorder]:
    recorder = SynchronousRecorder(any_dsn)
    yield recorder
    recorder.close()


_CASES = [
    (cases, name)
    for cases in (library_cases.ApplicationRecorderTestCase, library_cases.NonInterleavingNotificationIDsBaseCase)
    for name in sorted(dir(cases))
    if name.startswith(("test", "optional_test"))
]


@pytest.mark.parametrize(("cases", "name"), _CASES, ids=[name for _, name in _CASES])
def test_the_librarys_case_passes(recorder: SynchronousRecorder, cases: type[Any], name: str) -> None:
    # Made here: pytest would collect a class of the module's, and run it without a recorder.
    concrete = type(
        "Concrete",
        (cases,),
        {"create_recorder": lambda _: recorder, "new_originator_id": lambda _: uuid4()},
    )
    getattr(concrete(name), name)()


def test_there_are_as_many_cases_as_the_library_has() -> None:
    assert len(_CASES) == 6


@pytest.fixture
def stock(any_dsn: str) -> Iterator[PostgresApplicationRecorder]:
    with stock_recorder(any_dsn) as recorder:
        yield recorder


def _events(count: int) -> list[StoredEvent]:
    stream = uuid4()
    return [StoredEvent(stream, version, "order.test.v1", b"{}") for version in range(1, count + 1)]


def test_each_reads_what_the_other_wrote(recorder: SynchronousRecorder, stock: PostgresApplicationRecorder) -> None:
    ours, theirs = _events(3), _events(2)
    assert list(recorder.insert_events(ours) or ()) == [1, 2, 3]
    assert stock.insert_events(theirs) == [4, 5]
    assert list(recorder.insert_events(_events(1)) or ()) == [6]
    assert stock.select_events(ours[0].originator_id) == ours
    assert recorder.select_events(theirs[0].originator_id) == theirs
    assert stock.select_notifications(1, 10) == recorder.select_notifications(1, 10)
    assert stock.max_notification_id() == recorder.max_notification_id() == 6


def test_each_refuses_a_place_that_the_other_took(
    recorder: SynchronousRecorder, stock: PostgresApplicationRecorder
) -> None:
    ours, theirs = _events(1), _events(1)
    recorder.insert_events(ours)
    stock.insert_events(theirs)
    with pytest.raises(IntegrityError):
        stock.insert_events(ours)
    with pytest.raises(IntegrityError):
        recorder.insert_events(theirs)


def test_both_write_at_once_and_positions_have_no_gap_nor_doublet(
    recorder: SynchronousRecorder, stock: PostgresApplicationRecorder
) -> None:
    saves = 60

    def write(writer: ApplicationRecorder, failures: list[Exception]) -> None:
        try:
            for _ in range(saves):
                writer.insert_events(_events(5))
        except Exception as error:
            failures.append(error)

    failures: list[Exception] = []
    writers = [threading.Thread(target=write, args=(writer, failures)) for writer in (recorder, stock, recorder, stock)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    assert failures == []
    read = recorder.select_notifications(1, 10_000)
    assert [notification.id for notification in read] == list(range(1, 4 * saves * 5 + 1))
