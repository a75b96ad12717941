"""When Drafts expire: by their partner's time limit as it is now, whenever it was set, and never before they say so."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.issuance.issuance import Issuance
from domain.order.commands import ConfirmOrder, ExpireDraft
from domain.order.decide import decide
from domain.order.events import OrderDrafted, OrderRemoved, VoidRequested
from domain.order.expiry import expires_at
from domain.order.state import Draft, Removed
from services.api.order_answer import timestamp
from tests.unit.order.examples import (
    CONFIRMED,
    IDENTITY,
    JOB,
    NOW,
    TO_DRAFT,
    TO_PROCESSING,
    TTL_SECONDS,
    issuance,
    order,
)

DRAFT = order.after(TO_DRAFT)
assert isinstance(DRAFT, Draft)
DUE = NOW + timedelta(seconds=TTL_SECONDS)
REMOVED = OrderRemoved(order=IDENTITY, revision=1, reason="expired")

TTLS = st.none() | st.integers(1, 3_153_600_000)


def issued_at(moment: datetime) -> Issuance:
    return replace(issuance(), issued_at=moment)


def test_a_draft_is_removed_at_the_moment_at_which_its_time_is_up() -> None:
    given = order.given(*TO_DRAFT)
    given.when(ExpireDraft(DUE - timedelta(microseconds=1), TTL_SECONDS)).then_nothing_happened()
    given.when(ExpireDraft(DUE, TTL_SECONDS)).then(REMOVED, VoidRequested(job_id=JOB))


def test_without_a_time_limit_a_draft_stays() -> None:
    order.given(*TO_DRAFT).when(ExpireDraft(DUE + timedelta(days=36_500), None)).then_nothing_happened()


def test_a_longer_limit_gives_a_draft_that_is_there_more_time_and_a_shorter_one_less() -> None:
    given = order.given(*TO_DRAFT)
    given.when(ExpireDraft(DUE, TTL_SECONDS + 1)).then_nothing_happened()
    given.when(ExpireDraft(NOW + timedelta(seconds=1), 1)).then(REMOVED, VoidRequested(job_id=JOB))


def test_time_counts_from_the_issuance_and_not_from_the_order() -> None:
    drafted = OrderDrafted(order=IDENTITY, revision=1, issuance=issued_at(DUE))
    order.given(*TO_PROCESSING, drafted).when(ExpireDraft(DUE, TTL_SECONDS)).then_nothing_happened()


def test_a_draft_that_was_confirmed_first_stays() -> None:
    order.given(*CONFIRMED).when(ExpireDraft(DUE, TTL_SECONDS)).then_nothing_happened()


@given(
    issued=st.timedeltas(timedelta(0), timedelta(days=30_000)).map(lambda later: NOW + later),
    steps=st.lists(st.tuples(TTLS, st.timedeltas(timedelta(0), timedelta(days=4_000))), min_size=1, max_size=20),
    confirmed_at=st.none() | st.integers(0, 20),
)
def test_however_the_limit_changes_a_draft_goes_at_the_first_look_at_which_it_is_over_and_only_then(
    issued: datetime, steps: list[tuple[int | None, timedelta]], confirmed_at: int | None
) -> None:
    state = order.after((*TO_PROCESSING, OrderDrafted(order=IDENTITY, revision=1, issuance=issued_at(issued))))
    now = issued
    for step, (ttl_seconds, passed) in enumerate(steps):
        now += passed
        if step == confirmed_at and isinstance(state, Draft):
            state = order.after(decide(state, ConfirmOrder("PAY-1")), state)
        before = state
        state = order.after(decide(state, ExpireDraft(now, ttl_seconds)), state)
        if isinstance(before, Draft):
            is_over = ttl_seconds is not None and (now - issued).total_seconds() >= ttl_seconds
            assert isinstance(state, Removed) == is_over
            shown = expires_at(before, ttl_seconds)
            assert (shown is None) == (ttl_seconds is None)
            if isinstance(state, Removed):
                assert shown is not None
                assert timestamp(shown) <= timestamp(now)
        else:
            assert state is before
