"""The saga: what an order is asked to do next for what was learned of it."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from domain.allotment.taking import VisitSlot
from domain.issuance.saga import (
    BACK_OFF_SECONDS,
    ExternalNumberTaken,
    IssuerUnavailable,
    Minted,
    Refused,
    SagaMessage,
    Seen,
    SoldOut,
    due_at,
    react,
    retry_at,
)
from domain.order.commands import DeferIssuance, FailIssuance, RecordIssuance, ResumeIssuance, StartIssuance
from domain.order.events import AttemptLease, IssuanceDeferred, IssuanceResumed, IssuanceStarted
from domain.order.places import Places
from domain.order.state import Error, Processing, Scheduled, Submitted
from tests.unit.order.bodies import CATALOG
from tests.unit.order.examples import (
    HISTORIES,
    IDENTITY,
    JOB,
    LATER_LEASE,
    LEASE,
    LINE,
    NOW,
    OTHER_JOB,
    SCHEDULED,
    TO_PROCESSING,
    issuance,
    order,
)

SLOT = VisitSlot("MAIN", LINE.visit_date, None)

MIDDLE = 0.5
"""The jitter that changes nothing."""


def seen(now: datetime = NOW) -> Seen:
    return Seen(now=now, owner="issuer-2", job_id=OTHER_JOB, lease_seconds=30)


def lease(now: datetime = NOW) -> AttemptLease:
    return AttemptLease(owner="issuer-2", until=now + timedelta(seconds=30))


DEFERRED = IssuanceDeferred(job_id=JOB, attempt=1, retry_at=NOW + timedelta(seconds=1))


@pytest.mark.parametrize("status", ["Submitted", "Scheduled"])
def test_a_waiting_order_is_started_under_a_new_job(status: str) -> None:
    assert react(order.after(HISTORIES[status]), seen()) == [StartIssuance(OTHER_JOB, lease())]


def test_it_is_started_with_the_places_that_the_catalog_in_force_counts_and_by_that_catalog() -> None:
    catalog = replace(CATALOG, admissions=(replace(CATALOG.admissions[0], capacity=1), *CATALOG.admissions[1:]))
    message = replace(seen(), catalog=catalog, catalog_version=7)
    [command] = react(order.after(HISTORIES["Submitted"]), message)
    assert command == StartIssuance(OTHER_JOB, lease(), (Places("MAIN", LINE.visit_date, 1),), 7)
    state = (
        order.given(*HISTORIES["Submitted"])
        .when(command)
        .then(
            SCHEDULED,
            IssuanceStarted(IDENTITY, 1, OTHER_JOB, lease(), (Places("MAIN", LINE.visit_date, 1),), 7),
        )
    )
    assert isinstance(state, Processing)
    assert (state.places, state.catalog_version) == (command.places, 7)


@pytest.mark.parametrize("status", ["Submitted", "Scheduled"])
def test_what_is_sold_out_goes_its_whole_way_to_an_error_without_places(status: str) -> None:
    message = SoldOut(replace(seen(), catalog=CATALOG, catalog_version=7), SLOT, left=0)
    start, fail = react(order.after(HISTORIES[status]), message)
    assert start == StartIssuance(OTHER_JOB, lease(), (), 7)
    assert isinstance(fail, FailIssuance)
    assert (fail.job_id, fail.reason) == (OTHER_JOB, "sold_out")
    started = order.decide(order.after(HISTORIES[status]), start)
    failed = order.decide(order.after(started, order.after(HISTORIES[status])), fail)
    assert isinstance(order.after([*HISTORIES[status], *started, *failed]), Error)


@pytest.mark.parametrize("status", [status for status in HISTORIES if status not in {"Submitted", "Scheduled"}])
def test_nothing_is_sold_out_for_an_order_that_another_has_taken_further(status: str) -> None:
    assert react(order.after(HISTORIES[status]), SoldOut(replace(seen(), catalog=CATALOG), SLOT, left=0)) == []


def test_an_external_number_that_another_wallet_has_fails_the_order_and_is_not_named() -> None:
    [command] = react(order.after(TO_PROCESSING), ExternalNumberTaken(JOB, line=1, wallet=0))
    assert command == FailIssuance(
        JOB,
        "number_taken",
        "Line 200000, wallet 1: another wallet has its external reference number, and the two could not be told apart "
        "at the gate. Nothing was issued: replace the order to give another, or cancel it.",
    )


def test_an_order_that_another_has_leased_is_left_alone() -> None:
    early = LEASE.until - timedelta(microseconds=1)
    assert react(order.after(TO_PROCESSING), seen(early)) == []


def test_a_job_whose_lease_ran_out_is_taken_up() -> None:
    assert react(order.after(TO_PROCESSING), seen(LEASE.until)) == [ResumeIssuance(lease(LEASE.until), LEASE.until)]


def test_a_deferred_job_is_taken_up_when_it_is_due_and_not_before() -> None:
    state = order.after([*TO_PROCESSING, DEFERRED])
    due = DEFERRED.retry_at
    assert react(state, seen(due - timedelta(microseconds=1))) == []
    assert react(state, seen(due)) == [ResumeIssuance(lease(due), due)]


def test_what_was_minted_is_recorded() -> None:
    assert react(order.after(TO_PROCESSING), Minted(issuance())) == [RecordIssuance(issuance())]


def test_a_refusal_fails_the_order_for_good() -> None:
    assert react(order.after(TO_PROCESSING), Refused(JOB, "sold_out", "Sold out.")) == [
        FailIssuance(JOB, "sold_out", "Sold out.")
    ]


MESSAGES: list[SagaMessage] = [
    Minted(issuance()),
    Refused(JOB, "sold_out", "Sold out."),
    ExternalNumberTaken(JOB, 0, 0),
    IssuerUnavailable(JOB, NOW, MIDDLE),
]


@pytest.mark.parametrize("status", [status for status in HISTORIES if status != "Processing"])
@pytest.mark.parametrize("message", MESSAGES, ids=["minted", "refused", "number taken", "unavailable"])
def test_an_outcome_for_an_order_that_is_further_on_asks_for_nothing(status: str, message: SagaMessage) -> None:
    assert react(order.after(HISTORIES[status]), message) == []


@pytest.mark.parametrize("status", ["Absent", "Draft", "Issued", "Error", "Cancelled", "Removed"])
def test_an_order_that_is_not_in_flight_is_not_picked_up(status: str) -> None:
    assert react(order.after(HISTORIES[status]), seen()) == []


def test_the_outcome_of_another_job_asks_for_nothing() -> None:
    state = order.after(TO_PROCESSING)
    assert react(state, Minted(issuance(OTHER_JOB))) == []
    assert react(state, Refused(OTHER_JOB, "sold_out", "Sold out.")) == []
    assert react(state, ExternalNumberTaken(OTHER_JOB, 0, 0)) == []
    assert react(state, IssuerUnavailable(OTHER_JOB, NOW, MIDDLE)) == []


def test_an_issuer_that_stays_away_is_tried_for_a_quarter_of_an_hour_and_then_the_order_fails() -> None:
    state = order.after(TO_PROCESSING)
    now, waits = NOW, []
    while True:
        [command] = react(state, IssuerUnavailable(JOB, now, MIDDLE))
        if isinstance(command, FailIssuance):
            break
        assert isinstance(command, DeferIssuance)
        waits.append((command.retry_at - now).total_seconds())
        now = command.retry_at
        state = order.after(order.decide(state, command), state)
        assert react(state, IssuerUnavailable(JOB, now, MIDDLE)) == []  # already deferred: said twice, counted once
        state = order.after([IssuanceResumed(JOB, LATER_LEASE)], state)
    assert waits == [1, 5, 15, 60, 120, 300, 400]
    assert now - NOW == timedelta(minutes=15, seconds=1)
    assert command.reason == "issuer_unavailable"
    assert command.status_message == (
        "The venue's ticketing system could not be reached: 8 attempts in about 15 minutes. "
        "No tickets were issued. Replace the order to have it issued again, or cancel it."
    )


@pytest.mark.parametrize("attempt", range(1, len(BACK_OFF_SECONDS) + 1))
def test_jitter_spreads_a_wait_by_a_fifth_either_way(attempt: int) -> None:
    wait = BACK_OFF_SECONDS[attempt - 1]
    assert retry_at(attempt, NOW, 0.0) == NOW + timedelta(seconds=wait * 0.8)
    assert retry_at(attempt, NOW, 1.0) == NOW + timedelta(seconds=wait * 1.2)


def test_there_is_no_retry_after_the_last() -> None:
    assert retry_at(len(BACK_OFF_SECONDS) + 1, NOW, MIDDLE) is None


def test_when_the_sweeper_may_take_an_order() -> None:
    waiting = [order.after(HISTORIES[status]) for status in ("Submitted", "Scheduled")]
    for state in waiting:
        assert isinstance(state, Submitted | Scheduled)
        assert due_at(state) is None
    leased, deferred = order.after(TO_PROCESSING), order.after([*TO_PROCESSING, DEFERRED])
    assert isinstance(leased, Processing)
    assert isinstance(deferred, Processing)
    assert due_at(leased) == LEASE.until
    assert due_at(deferred) == DEFERRED.retry_at
