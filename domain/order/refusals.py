"""Why an order refuses a command. Each docstring is the message that the caller reads.

OrderRefusal
├── OrderInFlight
├── StatusForbids
│   ├── OrderNotReplaceable
│   ├── OrderNotConfirmable
│   └── OrderNotReprocessable
├── HoldsUsedTicket
├── TicketAlreadyUsed
├── TicketNotValid
│   ├── TicketUnconfirmed
│   ├── TicketNotToday
│   └── TicketVoid
├── PersonsOutOfRange
├── NotShown
├── IdentityImmutable
├── DuplicateOrder
├── OrderAlreadyExists
└── OrderGone
"""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID


class OrderRefusal(Exception):
    """The order refuses this."""

    code: ClassVar[str]

    def __str__(self) -> str:
        return (type(self).__doc__ or "").format(**self.__dict__)


class OrderInFlight(OrderRefusal):
    """The order is being issued ({current_status}): wait until it has settled, then try again."""

    code = "order_in_flight"

    def __init__(self, current_status: str) -> None:
        super().__init__(current_status)
        self.current_status = current_status


class StatusForbids(OrderRefusal):
    """This is not possible while the order is {current_status}."""

    code = "invalid_status"

    def __init__(self, current_status: str) -> None:
        super().__init__(current_status)
        self.current_status = current_status


class OrderNotReplaceable(StatusForbids):
    """Only an order in Draft or Error can be replaced; this one is {current_status}."""


class OrderNotConfirmable(StatusForbids):
    """Only an order in Draft can be confirmed; this one is {current_status}."""


class OrderNotReprocessable(StatusForbids):
    """Only an order in Error can be reprocessed; this one is {current_status}."""


class HoldsUsedTicket(OrderRefusal):
    """A ticket or coupon of this order was used: it cannot be cancelled any more."""

    code = "ticket_used"

    def __init__(self, current_status: str) -> None:
        super().__init__(current_status)
        self.current_status = current_status


class TicketAlreadyUsed(OrderRefusal):
    """This was used already: nobody is let in on it again."""

    code = "already_used"

    def __init__(self, used_at: datetime) -> None:
        super().__init__(used_at)
        self.used_at = used_at


class TicketNotValid(OrderRefusal):
    """Nobody is let in on this: it is {current_status}."""

    code = "not_valid"

    def __init__(self, current_status: str) -> None:
        super().__init__(current_status)
        self.current_status = current_status


class TicketUnconfirmed(TicketNotValid):
    """This is not confirmed yet: it becomes valid when its order is paid."""

    def __init__(self) -> None:
        super().__init__("Unconfirmed")


class TicketNotToday(TicketNotValid):
    """This is for {visit_date}, and today is {today}."""

    def __init__(self, visit_date: date, today: date) -> None:
        super().__init__("Valid")
        self.visit_date = visit_date
        self.today = today


class TicketVoid(TicketNotValid):
    """This was destroyed: its order was cancelled, replaced or not paid in time."""

    def __init__(self) -> None:
        super().__init__("Void")


class PersonsOutOfRange(OrderRefusal):
    """Persons are 1 to {most} here."""

    code = "out_of_range"

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


class NotShown(OrderRefusal):
    """Nothing that lives in this order has this reference."""

    code = "resource_not_found"


class IdentityImmutable(OrderRefusal):
    """{field} cannot be changed: cancel this order and create another."""

    code = "immutable_field"

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class DuplicateOrder(OrderRefusal):
    """Another order has this sellToOrderReference: {existing_order_id}."""

    code = "duplicate_order"

    def __init__(self, existing_order_id: UUID) -> None:
        super().__init__(existing_order_id)
        self.existing_order_id = existing_order_id


class OrderAlreadyExists(OrderRefusal):
    """An order with this orderId exists already."""

    code = "invalid_status"


class OrderGone(OrderRefusal):
    """There is no such order."""

    code = "resource_not_found"
