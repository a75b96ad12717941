"""The contract's table of statuses, row by row; every pair that is not in it is refused and changes nothing."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from domain.order.commands import CancelOrder, ConfirmOrder, DeferIssuance, RecordIssuance, ResumeIssuance
from domain.order.decide import decide
from domain.order.events import (
    IssuanceDeferred,
    IssuanceResumed,
    OrderCancelled,
    OrderConfirmed,
    OrderDrafted,
    OrderFailed,
    OrderIssued,
    OrderRemoved,
    OrderReplaced,
    OrderReprocessed,
    VoidRequested,
)
from domain.order.refusals import (
    IdentityImmutable,
    OrderAlreadyExists,
    OrderGone,
    OrderInFlight,
    OrderNotConfirmable,
    OrderNotReplaceable,
    OrderNotReprocessable,
)
from domain.order.state import Cancelled, Draft, Error, Issued, Order, Processing, Removed, Submitted
from tests.unit.order.examples import (
    CONFIRMED,
    FAILED,
    HISTORIES,
    IDENTITY,
    JOB,
    LATER_LEASE,
    LEASE,
    NOW,
    OTHER_CONTENT,
    OTHER_JOB,
    OUR_COMMANDS,
    PAID,
    PARTNER_COMMANDS,
    REPLACE,
    SCHEDULED,
    STARTED,
    TO_DRAFT,
    TO_ERROR,
    TO_ISSUED,
    TO_PROCESSING,
    UNPAID,
    issuance,
    order,
    submitted,
)


def state_after(status: str) -> Order:
    return order.after(HISTORIES[status])


# The rows


def test_creating_an_order_submits_it_at_revision_1() -> None:
    state = order.given().when(PARTNER_COMMANDS["createOrder"]).then(submitted())
    assert state == Submitted(order=IDENTITY, content=UNPAID, revision=1)


def test_picking_up_a_submitted_order_schedules_it_and_leases_its_job() -> None:
    state = order.given(submitted()).when(OUR_COMMANDS["start"]).then(SCHEDULED, STARTED)
    assert state == Processing(order=IDENTITY, content=UNPAID, revision=1, job_id=JOB, lease=LEASE)


def test_an_order_left_between_scheduled_and_processing_is_taken_on() -> None:
    order.given(submitted(), SCHEDULED).when(OUR_COMMANDS["start"]).then(STARTED)


def test_issuance_of_a_paid_order_makes_it_issued() -> None:
    given = order.given(submitted(PAID), SCHEDULED, STARTED)
    state = given.when(OUR_COMMANDS["record"]).then(OrderIssued(order=IDENTITY, revision=1, issuance=issuance()))
    assert state == Issued(order=IDENTITY, content=PAID, revision=1, issuance=issuance())


def test_issuance_of_an_unpaid_order_makes_it_a_draft() -> None:
    given = order.given(*TO_PROCESSING)
    state = given.when(OUR_COMMANDS["record"]).then(OrderDrafted(order=IDENTITY, revision=1, issuance=issuance()))
    assert state == Draft(order=IDENTITY, content=UNPAID, revision=1, issuance=issuance())


def test_issuance_that_fails_for_good_says_why_and_abandons_the_job() -> None:
    state = order.given(*TO_PROCESSING).when(OUR_COMMANDS["fail"]).then(FAILED, VoidRequested(job_id=JOB))
    assert state == Error(order=IDENTITY, content=UNPAID, revision=1, status_message="Sold out.")


def test_confirming_a_draft_issues_it_and_the_order_carries_the_reference() -> None:
    given = order.given(*TO_DRAFT)
    state = given.when(ConfirmOrder("PAY-1")).then(OrderConfirmed(IDENTITY, 1, "PAY-1"))
    assert isinstance(state, Issued)
    assert state.content == replace(UNPAID, payment_reference="PAY-1")
    assert state.issuance == issuance()


@pytest.mark.parametrize("history", [TO_ISSUED, CONFIRMED], ids=["issued at once", "confirmed"])
def test_confirming_an_issued_order_again_changes_nothing(history: tuple[object, ...]) -> None:
    order.given(*history).when(ConfirmOrder("ANOTHER")).then_nothing_happened()  # type: ignore[arg-type]


def test_replacing_a_draft_submits_it_anew_and_destroys_what_was_minted() -> None:
    replaced = OrderReplaced(order=IDENTITY, revision=2, content=OTHER_CONTENT)
    state = order.given(*TO_DRAFT).when(REPLACE).then(replaced, VoidRequested(job_id=JOB))
    assert state == Submitted(order=IDENTITY, content=OTHER_CONTENT, revision=2)


def test_replacing_an_order_in_error_submits_it_anew_and_has_nothing_to_destroy() -> None:
    replaced = OrderReplaced(order=IDENTITY, revision=2, content=OTHER_CONTENT)
    state = order.given(*TO_ERROR).when(REPLACE).then(replaced)
    assert state == Submitted(order=IDENTITY, content=OTHER_CONTENT, revision=2)


def test_cancelling_a_draft_removes_it_and_destroys_what_was_minted() -> None:
    removed = OrderRemoved(order=IDENTITY, revision=1, reason="cancelled")
    state = order.given(*TO_DRAFT).when(CancelOrder()).then(removed, VoidRequested(job_id=JOB))
    assert state == Removed(order=IDENTITY, content=UNPAID, revision=1)


def test_cancelling_an_order_in_error_removes_it() -> None:
    removed = OrderRemoved(order=IDENTITY, revision=1, reason="cancelled")
    state = order.given(*TO_ERROR).when(CancelOrder()).then(removed)
    assert state == Removed(order=IDENTITY, content=UNPAID, revision=1)


def test_cancelling_an_issued_order_keeps_it_as_cancelled_and_destroys_what_was_minted() -> None:
    cancelled = OrderCancelled(order=IDENTITY, revision=1)
    state = order.given(*TO_ISSUED).when(CancelOrder()).then(cancelled, VoidRequested(job_id=JOB))
    assert state == Cancelled(order=IDENTITY, content=PAID, revision=1)


def test_cancelling_a_cancelled_order_changes_nothing() -> None:
    order.given(*HISTORIES["Cancelled"]).when(CancelOrder()).then_nothing_happened()


def test_reprocessing_an_order_in_error_submits_it_as_it_is() -> None:
    state = order.given(*TO_ERROR).when(PARTNER_COMMANDS["reprocess"]).then(OrderReprocessed(IDENTITY, revision=2))
    assert state == Submitted(order=IDENTITY, content=UNPAID, revision=2)


def test_a_draft_that_expires_is_removed_as_by_cancelling() -> None:
    removed = OrderRemoved(order=IDENTITY, revision=1, reason="expired")
    order.given(*TO_DRAFT).when(OUR_COMMANDS["expire"]).then(removed, VoidRequested(job_id=JOB))


# Every other pair

IN_FLIGHT = ("Submitted", "Scheduled", "Processing")


@pytest.mark.parametrize("status", [status for status in HISTORIES if status != "Absent"])
def test_an_order_id_is_used_once(status: str) -> None:
    order.given(*HISTORIES[status]).when(PARTNER_COMMANDS["createOrder"]).then_refused(OrderAlreadyExists)


@pytest.mark.parametrize("status", IN_FLIGHT)
@pytest.mark.parametrize("command", ["replaceOrder", "confirmOrder", "cancelOrder", "reprocess"])
def test_nothing_but_the_saga_moves_an_order_in_flight(status: str, command: str) -> None:
    given = order.given(*HISTORIES[status])
    given.when(PARTNER_COMMANDS[command]).then_refused(OrderInFlight, current_status=status, code="order_in_flight")


@pytest.mark.parametrize("status", ["Absent", "Removed"])
@pytest.mark.parametrize("command", ["replaceOrder", "confirmOrder", "cancelOrder", "reprocess"])
def test_an_order_that_is_not_there_or_removed_is_gone(status: str, command: str) -> None:
    given = order.given(*HISTORIES[status])
    given.when(PARTNER_COMMANDS[command]).then_refused(OrderGone, code="resource_not_found")


@pytest.mark.parametrize("status", ["Issued", "Cancelled"])
def test_only_draft_and_error_can_be_replaced(status: str) -> None:
    given = order.given(*HISTORIES[status])
    given.when(REPLACE).then_refused(OrderNotReplaceable, current_status=status, code="invalid_status")


@pytest.mark.parametrize("status", ["Error", "Cancelled"])
def test_only_a_draft_can_be_confirmed(status: str) -> None:
    given = order.given(*HISTORIES[status])
    given.when(ConfirmOrder("PAY-1")).then_refused(OrderNotConfirmable, current_status=status, code="invalid_status")


@pytest.mark.parametrize("status", ["Draft", "Issued", "Cancelled"])
def test_only_an_order_in_error_can_be_reprocessed(status: str) -> None:
    given = order.given(*HISTORIES[status])
    given.when(PARTNER_COMMANDS["reprocess"]).then_refused(OrderNotReprocessable, current_status=status)


@pytest.mark.parametrize("status", ["Draft", "Error"])
def test_the_partner_and_its_reference_cannot_be_changed(status: str) -> None:
    given = order.given(*HISTORIES[status])
    given.when(replace(REPLACE, partner_id=OTHER_JOB)).then_refused(IdentityImmutable, field="partnerId")
    another = replace(REPLACE, sell_to_order_reference="ANOTHER")
    given.when(another).then_refused(IdentityImmutable, field="sellToOrderReference", code="immutable_field")


def test_a_reference_typed_in_another_way_is_the_same_reference() -> None:
    identity = replace(IDENTITY, sell_to_order_reference="caf\u00e9")
    state = replace(state_after("Error"), order=identity)
    command = replace(REPLACE, sell_to_order_reference="cafe\u0301")
    replaced = order.after(decide(state, command), state)
    assert isinstance(replaced, Submitted)
    assert replaced.order == identity


# What the saga repeats, or learns too late


@pytest.mark.parametrize("status", [status for status in HISTORIES if status not in ("Submitted", "Scheduled")])
def test_an_order_that_is_further_on_is_not_started_again(status: str) -> None:
    order.given(*HISTORIES[status]).when(OUR_COMMANDS["start"]).then_nothing_happened()


@pytest.mark.parametrize("status", [status for status in HISTORIES if status != "Processing"])
@pytest.mark.parametrize("command", ["resume", "defer", "record", "fail"])
def test_an_outcome_for_an_order_that_is_not_processing_changes_nothing(status: str, command: str) -> None:
    order.given(*HISTORIES[status]).when(OUR_COMMANDS[command]).then_nothing_happened()


@pytest.mark.parametrize("command", ["defer", "record", "fail"])
def test_the_outcome_of_an_older_job_changes_nothing(command: str) -> None:
    started = replace(STARTED, job_id=OTHER_JOB)
    order.given(submitted(), SCHEDULED, started).when(OUR_COMMANDS[command]).then_nothing_happened()


@pytest.mark.parametrize("status", [status for status in HISTORIES if status != "Draft"])
def test_an_expiry_that_comes_too_late_changes_nothing(status: str) -> None:
    order.given(*HISTORIES[status]).when(OUR_COMMANDS["expire"]).then_nothing_happened()


def test_a_leased_job_is_not_taken_from_its_owner_not_even_by_the_owner() -> None:
    early = LEASE.until - timedelta(microseconds=1)
    given = order.given(*TO_PROCESSING)
    given.when(ResumeIssuance(lease=LATER_LEASE, now=early)).then_nothing_happened()
    own = replace(LATER_LEASE, owner=LEASE.owner)
    given.when(ResumeIssuance(lease=own, now=early)).then_nothing_happened()


def test_a_job_whose_lease_ran_out_is_taken_up_again_under_the_same_id() -> None:
    given = order.given(*TO_PROCESSING)
    state = given.when(ResumeIssuance(lease=LATER_LEASE, now=LEASE.until)).then(IssuanceResumed(JOB, LATER_LEASE))
    assert state == Processing(order=IDENTITY, content=UNPAID, revision=1, job_id=JOB, lease=LATER_LEASE)


def test_a_deferred_job_waits_for_its_time_whatever_its_lease() -> None:
    retry_at = LEASE.until + timedelta(seconds=60)
    deferred = IssuanceDeferred(job_id=JOB, attempt=1, retry_at=retry_at)
    given = order.given(*TO_PROCESSING, deferred)
    given.when(ResumeIssuance(lease=LATER_LEASE, now=LEASE.until)).then_nothing_happened()
    state = given.when(ResumeIssuance(lease=LATER_LEASE, now=retry_at)).then(IssuanceResumed(JOB, LATER_LEASE))
    assert isinstance(state, Processing)
    assert (state.attempt, state.retry_at) == (1, None)


def test_attempts_are_counted_and_a_repeated_deferral_is_not() -> None:
    first = IssuanceDeferred(job_id=JOB, attempt=1, retry_at=NOW)
    order.given(*TO_PROCESSING).when(DeferIssuance(JOB, NOW)).then(first)
    order.given(*TO_PROCESSING, first).when(DeferIssuance(JOB, NOW)).then_nothing_happened()
    resumed = order.given(*TO_PROCESSING, first, IssuanceResumed(JOB, LATER_LEASE))
    resumed.when(DeferIssuance(JOB, NOW)).then(IssuanceDeferred(job_id=JOB, attempt=2, retry_at=NOW))


def test_a_late_success_of_a_deferred_job_counts() -> None:
    deferred = IssuanceDeferred(job_id=JOB, attempt=1, retry_at=NOW)
    given = order.given(*TO_PROCESSING, deferred)
    given.when(RecordIssuance(issuance())).then(OrderDrafted(order=IDENTITY, revision=1, issuance=issuance()))


def test_a_refusal_reads_as_a_sentence_with_its_facts() -> None:
    assert str(OrderNotConfirmable("Error")) == "Only an order in Draft can be confirmed; this one is Error."
    assert str(IdentityImmutable("partnerId")) == "partnerId cannot be changed: cancel this order and create another."


def test_a_failure_carries_its_reason_and_revision() -> None:
    history = (*TO_ERROR, OrderReprocessed(IDENTITY, revision=2), SCHEDULED, STARTED)
    failed = OrderFailed(order=IDENTITY, revision=2, reason="sold_out", status_message="Sold out.")
    order.given(*history).when(OUR_COMMANDS["fail"]).then(failed, VoidRequested(job_id=JOB))
