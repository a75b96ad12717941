"""Whatever partners, operators, timers and issuers do, in whatever order, these things hold for an order."""

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.issuance.saga import IssuerUnavailable, Minted, Refused, Seen, due_at, react
from domain.order.commands import (
    CancelOrder,
    ConfirmOrder,
    ExpireDraft,
    OrderCommand,
    RedeemTickets,
    ReplaceOrder,
    ReprocessOrder,
    SubmitOrder,
)
from domain.order.decide import decide
from domain.order.events import (
    IssuanceStarted,
    OrderCancelled,
    OrderConfirmed,
    OrderDrafted,
    OrderEvent,
    OrderFailed,
    OrderIssued,
    OrderRemoved,
    OrderReplaced,
    OrderReprocessed,
    OrderSubmitted,
    TicketsRedeemed,
    VoidRequested,
)
from domain.order.expiry import expires_at
from domain.order.refusals import OrderRefusal
from domain.order.state import (
    INITIAL,
    STATUSES,
    Absent,
    Draft,
    Issued,
    KnownOrder,
    Order,
    Processing,
    Removed,
    Scheduled,
    Submitted,
    evolve,
)
from tests.unit.order.examples import IDENTITY, LINE, NOW, OTHER_CONTENT, PAID, PARTNER, UNPAID, issuance

CONTENTS = st.sampled_from([PAID, UNPAID, OTHER_CONTENT])
BACK = st.sampled_from([0, 0, 1, 2])
SETTLING = (OrderIssued, OrderDrafted, OrderFailed)
NUMBER = issuance().lines[0].wallets[0].assets[0].reference_number


class OrderMachine(RuleBasedStateMachine):
    """One order under any sequence of commands and outcomes; outcomes may come late, twice, or for older jobs."""

    def __init__(self) -> None:
        super().__init__()
        self.state: Order = INITIAL
        self.history: list[OrderEvent] = []
        self.now: datetime = NOW
        self.jobs = 0

    def command(self, command: OrderCommand) -> None:
        before = self.state
        try:
            events = decide(before, command)
        except OrderRefusal:
            return
        for event in events:
            self.state = evolve(self.state, event)
        if isinstance(before, Submitted | Scheduled | Processing):
            partner_events = OrderSubmitted | OrderReplaced | OrderReprocessed | OrderConfirmed | OrderCancelled
            assert not any(isinstance(event, partner_events | OrderRemoved) for event in events)
        self.history += events

    def job(self, back: int) -> UUID:
        """The job that is being worked on, or one that may be an older one."""
        if back == 0 and isinstance(self.state, Processing):
            return self.state.job_id
        return UUID(int=max(1, self.jobs - back))

    @rule(content=CONTENTS)
    def create(self, content: object) -> None:
        self.command(SubmitOrder(order=IDENTITY, content=content))  # type: ignore[arg-type]

    @rule(content=CONTENTS, reference=st.sampled_from([IDENTITY.sell_to_order_reference, "ANOTHER"]))
    def replace(self, content: object, reference: str) -> None:
        self.command(ReplaceOrder(PARTNER, reference, content))  # type: ignore[arg-type]

    @rule()
    def confirm(self) -> None:
        self.command(ConfirmOrder("PAY-1"))

    @rule()
    def cancel(self) -> None:
        self.command(CancelOrder())

    @rule()
    def let_in(self) -> None:
        before = self.state
        self.command(RedeemTickets(NUMBER, None, LINE.visit_date, self.now))
        unused = isinstance(before, Issued) and not before.used
        assert (self.state is not before) == unused

    @rule(ttl_seconds=st.none() | st.integers(1, 2_000))
    def expire(self, ttl_seconds: int | None) -> None:
        before = self.state
        self.command(ExpireDraft(self.now, ttl_seconds))
        if isinstance(before, Draft):
            due = expires_at(before, ttl_seconds)
            assert isinstance(self.state, Removed) == (due is not None and due <= self.now)
        else:
            assert self.state is before

    @rule()
    def reprocess(self) -> None:
        self.command(ReprocessOrder())

    @rule(owner=st.sampled_from(["issuer-1", "issuer-2"]), passed=st.integers(0, 900))
    def seen(self, owner: str, passed: int) -> None:
        self.now += timedelta(seconds=passed)
        self.jobs += 1
        before = self.state
        for command in react(before, Seen(self.now, owner, UUID(int=self.jobs), 30)):
            self.command(command)
        if isinstance(before, Submitted | Scheduled | Processing):
            due = due_at(before)
            assert (self.state is not before) == (due is None or due <= self.now)

    @precondition(lambda self: self.jobs)
    @rule(back=BACK)
    def minted(self, back: int) -> None:
        for command in react(self.state, Minted(issuance(self.job(back)))):
            self.command(command)

    @precondition(lambda self: self.jobs)
    @rule(back=BACK)
    def refused(self, back: int) -> None:
        for command in react(self.state, Refused(self.job(back), "sold_out", "Sold out.")):
            self.command(command)

    @precondition(lambda self: self.jobs)
    @rule(back=BACK, jitter=st.floats(0, 1, exclude_max=True))
    def unavailable(self, back: int, jitter: float) -> None:
        for command in react(self.state, IssuerUnavailable(self.job(back), self.now, jitter)):
            self.command(command)

    @invariant()
    def an_order_has_one_status_and_its_identity_never_changes(self) -> None:
        if isinstance(self.state, KnownOrder):
            assert self.state.status in STATUSES
            assert self.state.order == IDENTITY
        for event in self.history:
            assert getattr(event, "order", IDENTITY) == IDENTITY

    @invariant()
    def assets_exist_only_in_draft_and_issued(self) -> None:
        assert hasattr(self.state, "issuance") == isinstance(self.state, Draft | Issued)

    @invariant()
    def it_settles_once_per_revision(self) -> None:
        revisions = Counter(event.revision for event in self.history if isinstance(event, SETTLING))
        assert all(count == 1 for count in revisions.values())
        if isinstance(self.state, KnownOrder):
            in_flight = isinstance(self.state, Submitted | Scheduled | Processing)
            assert sorted(revisions) == list(range(1, self.state.revision + (0 if in_flight else 1)))

    @invariant()
    def every_job_that_was_destroyed_or_abandoned_is_voided_once_and_no_other(self) -> None:
        begun = [event.job_id for event in self.history if isinstance(event, IssuanceStarted)]
        voided = Counter(event.job_id for event in self.history if isinstance(event, VoidRequested))
        match self.state:
            case Processing(job_id=alive):
                living = {alive}
            case Draft(issuance=made) | Issued(issuance=made):
                living = {made.job_id}
            case _:
                living = set()
        assert voided == Counter({job: 1 for job in begun if job not in living})

    @invariant()
    def a_ticket_is_used_once_at_most_and_then_its_order_stays(self) -> None:
        used = [
            asset.asset_id for event in self.history if isinstance(event, TicketsRedeemed) for asset in event.assets
        ]
        assert len(set(used)) == len(used)
        if used:
            assert isinstance(self.state, Issued)
            assert [asset.asset_id for asset in self.state.used] == used

    @invariant()
    def what_was_removed_stays_removed(self) -> None:
        removed = any(isinstance(event, OrderRemoved) for event in self.history)
        assert removed == isinstance(self.state, Removed)
        assert (not self.history) == isinstance(self.state, Absent)

    @invariant()
    def the_history_folds_to_the_state(self) -> None:
        state: Order = INITIAL
        for event in self.history:
            state = evolve(state, event)
        assert state == self.state


TestOrderInvariants = OrderMachine.TestCase
TestOrderInvariants.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
