"""The check says of small histories what trying every order says, and finds what was spoilt in those that are sound."""

from __future__ import annotations

import random
from itertools import permutations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chaos.calls import ORDER, call
from tests.chaos.fitting import faults_of_order
from tests.chaos.history import Call, Content, Operation, Told
from tests.chaos.linearizability import misfit

# A register: what is compared is one number, carried by the version.


def _write(value: int, invoked: float, answered: float | None) -> Call:
    return call("replace", invoked, answered, Told(ORDER, value) if answered is not None else None, if_match=value)


def _read(value: int, invoked: float, answered: float) -> Call:
    return call("get", invoked, answered, Told(ORDER, value))


def _after(state: int, one: Call) -> list[int]:
    if one.operation == "replace":
        return [one.if_match]
    assert one.told is not None
    return [state] if one.told.version == state else []


def _changes(one: Call) -> bool:
    return one.operation == "replace"


def _fits(calls: list[Call]) -> bool:
    return misfit(calls, 0, _after, _changes) is None


def _fits_some_order(calls: list[Call]) -> bool:
    """The definition itself: some subset of the unknown, some order that breaks no order in time."""
    known = [one for one in calls if one.told is not None]
    unknown = [one for one in calls if one.told is None]
    for chosen in range(1 << len(unknown)):
        taken = known + [one for at, one in enumerate(unknown) if chosen >> at & 1]
        for order in permutations(taken):
            if _in_time(order) and _explains(order):
                return True
    return False


def _in_time(order: tuple[Call, ...]) -> bool:
    return not any(
        later.told is not None and later.answered is not None and later.answered < one.invoked
        for at, one in enumerate(order)
        for later in order[at + 1 :]
    )


def _explains(order: tuple[Call, ...]) -> bool:
    state = 0
    for one in order:
        after = _after(state, one)
        if not after:
            return False
        state = after[0]
    return True


@st.composite
def _histories(draw: st.DrawFn) -> list[Call]:
    calls = []
    for _ in range(draw(st.integers(1, 5))):
        invoked = draw(st.integers(0, 8))
        answered = invoked + draw(st.integers(1, 4))
        value = draw(st.integers(0, 2))
        if draw(st.booleans()):
            calls.append(_read(value, invoked, answered))
        else:
            calls.append(_write(value, invoked, answered if draw(st.integers(0, 3)) else None))
    return calls


@settings(max_examples=400, deadline=None)
@given(_histories())
def test_it_says_what_trying_every_order_says(calls: list[Call]) -> None:
    assert _fits(calls) == _fits_some_order(calls)


def test_it_tells_how_far_it_came() -> None:
    found = misfit([_write(1, 0, 1), _read(1, 2, 3), _read(0, 4, 5)], 0, _after, _changes)
    assert found is not None
    assert [one.operation for one in found.fitted] == ["replace", "get"]
    assert [one.invoked for one in found.unfitted] == [4]
    assert found.decided


class _Shop:
    """An order kept in the simplest way, whose calls are made one at a time and then told as if they overlapped."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.calls: list[Call] = []
        self.made = 0
        self.order_id = ""
        self.status = ""
        self.version = 0
        self.content = Content("", None, "")

    def step(self) -> None:
        """One call, or one step of issuance."""
        if self.status in {"Submitted", "Processing"} and self.chance.random() < 0.4:
            self.version += 2 if self.status == "Submitted" else 1
            settled = "Issued" if self.content.payment else "Draft"
            self.status = "Processing" if self.status == "Submitted" else settled
            return
        operations: list[Operation] = ["create", "get", "get", "replace", "confirm", "cancel"]
        operation = self.chance.choice(operations) if self.order_id else "create"
        asked = Content(f"Guest {len(self.calls)}", self.chance.randint(1, 3), self.chance.choice(["", "PAY"]))
        if operation == "confirm":
            asked = msgspec.structs.replace(asked, payment=f"PAY-{len(self.calls)}")
        asked_of, code = self.order_id, self._do(operation, asked)
        told = Told(order_id=self.order_id, status=self.status)
        removed = operation == "cancel" and self.order_id == ""
        if not code:
            quantity = self.content.quantity if self.status in {"Draft", "Issued"} else None
            shown = Content(self.content.mark, quantity, self.content.payment)
            told = Told(asked_of or self.order_id, self.version, self.status, shown, removed)
        at = float(len(self.calls))
        unknown = operation != "get" and self.chance.random() < 0.15
        self.calls.append(
            call(
                operation,
                at - self.chance.random() * 3,
                at + self.chance.random() * 3,
                None if unknown else told,
                asked=asked,
                order_id=asked_of,
                code="" if unknown else code,
            )
        )

    def _do(self, operation: Operation, asked: Content) -> str:
        in_flight = self.status in {"Submitted", "Processing"}
        match operation:
            case "create" if self.order_id:
                return "duplicate_order"
            case "create":
                self.made += 1
                self.order_id, self.status, self.version = f"order-{self.made}", "Submitted", 1
                self.content = asked
            case "replace" | "confirm" | "cancel" if in_flight:
                return "order_in_flight"
            case "replace" if self.status != "Draft":
                return "invalid_status"
            case "replace":
                self.status, self.version, self.content = "Submitted", self.version + 2, asked
            case "confirm" if self.status == "Cancelled":
                return "invalid_status"
            case "confirm" if self.status == "Draft":
                self.status, self.version = "Issued", self.version + 1
                self.content = msgspec.structs.replace(self.content, payment=asked.payment)
            case "cancel" if self.status != "Cancelled":
                self.order_id = "" if self.status == "Draft" else self.order_id
                self.status, self.version = "Cancelled", self.version + 2
            case _:
                pass
        return ""


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_an_order_that_is_kept_rightly_has_no_fault(seed: int, steps: int) -> None:
    shop = _Shop(random.Random(seed))
    for _ in range(steps):
        shop.step()
    assert [*faults_of_order(shop.calls)] == []


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_a_read_that_is_told_much_later_is_found(seed: int) -> None:
    """The first answer of a read, told again after the order was replaced, confirmed or cancelled for sure."""
    shop = _Shop(random.Random(seed))
    while len(shop.calls) < 40:
        shop.step()
    reads = [one for one in shop.calls if one.operation == "get" and not one.code]
    end = shop.calls[-1].invoked + 20
    last = shop.order_id, shop.version
    stale = [one for one in reads if one.told is not None and (one.told.order_id, one.told.version) < last]
    for one in stale[:1]:
        late = msgspec.structs.replace(one, invoked=end, answered=end + 1)
        now = call("get", end - 2, end - 1, Told(*last, shop.status, _shown(shop)), order_id=shop.order_id)
        if shop.order_id:
            assert [*faults_of_order([*shop.calls, now])] == []
            assert [*faults_of_order([*shop.calls, now, late])]


def _shown(shop: _Shop) -> Content:
    quantity = shop.content.quantity if shop.status in {"Draft", "Issued"} else None
    return msgspec.structs.replace(shop.content, quantity=quantity)
