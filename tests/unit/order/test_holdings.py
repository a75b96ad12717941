"""Counted from the changes alone, in any history of any orders: what the orders hold, and never less than nothing."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, time, timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from domain.allotment.taking import VisitSlot, changes
from domain.issuance.issuance import Issuance
from domain.issuance.saga import (
    ExternalNumberTaken,
    IssuerUnavailable,
    Minted,
    Refused,
    SagaMessage,
    Seen,
    SoldOut,
    react,
)
from domain.order.commands import (
    CancelOrder,
    ConfirmOrder,
    ExpireDraft,
    OrderCommand,
    ReplaceOrder,
    ReprocessOrder,
    SubmitOrder,
)
from domain.order.content import OrderContent, OrderLine
from domain.order.decide import decide
from domain.order.refusals import OrderRefusal
from domain.order.shown_numbers import number_changes, shown_numbers
from domain.order.state import INITIAL, Draft, Issued, Order, Processing, evolve
from tests.unit.issuance.planning import SEED, planned
from tests.unit.order.bodies import CATALOG
from tests.unit.order.examples import IDENTITY, NOW, PARTNER

ORDERS = st.integers(0, 2)
LINES = st.builds(
    OrderLine,
    item_number=st.sampled_from(["31001", "31005", "31009", "33001"]),
    quantity=st.integers(1, 4),
    visit_date=st.sampled_from([date(2026, 12, 1), date(2026, 12, 2)]),
    visit_time=st.sampled_from([time(10, 30), time(14)]),
)
PACKAGES = st.builds(
    OrderLine,
    item_number=st.just("40001"),
    quantity=st.integers(1, 3),
    visit_date=st.just(date(2026, 12, 1)),
    visit_time=st.just(time(14)),
    is_package=st.just(True),
)
CONTENTS = st.builds(
    OrderContent,
    lines=st.lists(LINES | PACKAGES, min_size=1, max_size=3).map(tuple),
    payment_reference=st.none() | st.just("PAY-1"),
)


class Holdings(RuleBasedStateMachine):
    """Three orders; after each save their places and numbers are counted on, as the store counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[Order] = [INITIAL] * 3
        self.held: Counter[VisitSlot] = Counter()
        self.sold: Counter[VisitSlot] = Counter()
        self.living: set[str] = set()
        self.now = NOW
        self.jobs = 0

    def save(self, at: int, commands: Iterable[OrderCommand]) -> None:
        before = after = self.orders[at]
        for command in commands:
            try:
                events = decide(after, command)
            except OrderRefusal:
                continue
            for event in events:
                after = evolve(after, event)
        self.orders[at] = after
        for slot, held, sold in changes(before, after):
            self.held[slot] += held
            self.sold[slot] += sold
        minted, destroyed = number_changes(before, after)
        for number in destroyed:
            self.living.remove(number.number)
        for number in minted:
            assert number.number not in self.living
            self.living.add(number.number)

    def learn(self, at: int, message: SagaMessage) -> None:
        self.save(at, react(self.orders[at], message))

    def seen(self) -> Seen:
        self.jobs += 1
        return Seen(self.now, "issuer-1", UUID(int=self.jobs), 30, CATALOG, 3)

    def job(self, at: int) -> UUID:
        state = self.orders[at]
        return state.job_id if isinstance(state, Processing) else UUID(int=0)

    @rule(at=ORDERS, content=CONTENTS)
    def create(self, at: int, content: OrderContent) -> None:
        self.save(at, [SubmitOrder(IDENTITY, content)])

    @rule(at=ORDERS, content=CONTENTS)
    def replace(self, at: int, content: OrderContent) -> None:
        self.save(at, [ReplaceOrder(PARTNER, IDENTITY.sell_to_order_reference, content)])

    @rule(at=ORDERS, command=st.sampled_from([ConfirmOrder("PAY-2"), CancelOrder(), ReprocessOrder()]))
    def command(self, at: int, command: OrderCommand) -> None:
        self.save(at, [command])

    @rule(at=ORDERS, ttl_seconds=st.integers(1, 600))
    def expire(self, at: int, ttl_seconds: int) -> None:
        self.save(at, [ExpireDraft(self.now, ttl_seconds)])

    @rule(at=ORDERS, passed=st.integers(0, 900))
    def lease(self, at: int, passed: int) -> None:
        self.now += timedelta(seconds=passed)
        self.learn(at, self.seen())

    @rule(at=ORDERS)
    def sell_out(self, at: int) -> None:
        self.learn(at, SoldOut(self.seen(), VisitSlot("MAIN", date(2026, 12, 1), None), left=1))

    @rule(at=ORDERS)
    def mint(self, at: int) -> None:
        state = self.orders[at]
        if isinstance(state, Processing):
            self.learn(at, Minted(self.issuance(state)))

    @rule(at=ORDERS)
    def refuse(self, at: int) -> None:
        self.learn(at, Refused(self.job(at), "not_on_sale", "It is not on sale."))

    @rule(at=ORDERS)
    def take_its_number(self, at: int) -> None:
        self.learn(at, ExternalNumberTaken(self.job(at), 0, 0))

    @rule(at=ORDERS)
    def stay_away(self, at: int) -> None:
        self.learn(at, IssuerUnavailable(self.job(at), self.now, 0.5))

    def issuance(self, state: Processing) -> Issuance:
        seed = SEED + state.job_id.bytes
        made: Issuance = planned(content=state.content, job_id=state.job_id, issued_at=self.now, seed=seed)
        return replace(made, catalog_version=state.catalog_version)

    @invariant()
    def what_was_counted_is_what_the_orders_hold(self) -> None:
        held: Counter[VisitSlot] = Counter()
        sold: Counter[VisitSlot] = Counter()
        for state in self.orders:
            if isinstance(state, Processing | Draft | Issued):
                for places in state.places:
                    slot = VisitSlot(places.admission, places.visit_date, places.slot_start)
                    (sold if isinstance(state, Issued) else held)[slot] += places.count
        assert +self.held == held
        assert +self.sold == sold

    @invariant()
    def there_is_never_less_than_nothing(self) -> None:
        assert min(self.held.values(), default=0) >= 0
        assert min(self.sold.values(), default=0) >= 0

    @invariant()
    def the_living_numbers_are_those_that_the_orders_show(self) -> None:
        assert self.living == {number.number for state in self.orders for number in shown_numbers(state)}

    @invariant()
    def a_ticket_has_a_place_wherever_it_lets_in(self) -> None:
        for state in self.orders:
            if isinstance(state, Draft | Issued):
                persons = [
                    asset.persons * len(CATALOG.admissions_of(item))
                    for line in state.issuance.lines
                    for wallet in line.wallets
                    for asset in wallet.assets
                    if (item := CATALOG.item(asset.item_number)) is not None
                ]
                assert sum(persons) == sum(places.count for places in state.places)


TestHoldings = Holdings.TestCase
TestHoldings.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
