"""What a message on the topic says to the saga, by its headers."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from infra.feeds.kafka_signals import Unreadable, position_of, signal_of
from infra.kafka.producer import Message
from tests.integration.feeds.poison import GOOD, UNREADABLE, with_
from tests.integration.feeds.stage import OTHERS, message

SUBMITTED = b"ota.cm.order.submitted.v1"


def test_a_submission_is_a_signal() -> None:
    order_id = uuid4()
    signal = signal_of(message(order_id, 3, 17).headers, SUBMITTED)
    assert signal == (order_id, 3, 17)
    assert isinstance(signal.order_id, UUID)


@pytest.mark.parametrize("ce_type", [*OTHERS, "ota.cm.order.submitted.v2", "com.example.else"])
def test_any_other_type_is_none_and_no_fault(ce_type: str) -> None:
    assert signal_of(message(uuid4(), 1, 1, ce_type).headers, SUBMITTED) is None


def test_of_another_type_nothing_else_is_looked_at() -> None:
    assert signal_of([("ce_type", b"ota.cm.order.issued.v1"), ("position", b"?")], SUBMITTED) is None


@pytest.mark.parametrize("poison", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_one_that_breaks_the_contract_says_how(poison: Message) -> None:
    with pytest.raises(Unreadable, match=r"^it(s| has) "):
        signal_of(poison.headers, SUBMITTED)


def test_the_position_is_told_where_there_is_one() -> None:
    assert position_of(GOOD.headers) == 1
    assert position_of(with_("position", b"somewhere").headers) == 0
    assert position_of([]) == 0
