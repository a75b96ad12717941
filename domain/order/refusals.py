"""Why an order refuses a command. Each docstring is the message that the caller reads.

OrderRefusal
├── OrderInFlight
├── StatusForbids
│   ├── OrderNotReplaceable
│   ├── OrderNotConfirmable
│   └── OrderNotReprocessable
├── IdentityImmutable
├── DuplicateOrder
├── OrderAlreadyExists
└── OrderGone
"""

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
