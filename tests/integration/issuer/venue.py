"""A venue with few places, and what is counted there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.issuance.issuer import TicketIssuer
from services.bootstrap import now
from services.issuer.issuance import Issuance
from tests.integration.api.ordering import CATALOG
from tests.integration.api.shop import COFFEE, TICKET, Shop, line, order_id

TOUR = {
    **TICKET,
    "itemNumber": "31005",
    "description": "Guided tour",
    "admissions": ["TOUR"],
    "numberPattern": "R[AN*14]",
}
GROUP = {**TICKET, "itemNumber": "31009", "description": "School class", "groupTicket": True}


def venue(*, tours: int | None = 1, **changes: Any) -> dict[str, Any]:
    """A catalog in which a tour has so many places."""
    whole = {
        **CATALOG,
        "admissions": [
            {"admission": "MAIN"},
            {
                "admission": "TOUR",
                "capacity": tours,
                "slots": [{"start": "10:00:00", "end": "11:00:00"}, {"start": "14:00:00", "end": "15:00:00"}],
            },
        ],
        "items": [TICKET, COFFEE, TOUR, GROUP],
    }
    return {**whole, **changes}


VENUE = venue()


def tour(quantity: int = 1, **changes: Any) -> dict[str, Any]:
    return line(itemNumber="31005", quantity=quantity, **changes)


def issuance(
    shop: Shop, *, issuer: TicketIssuer | None = None, owner: str = "issuer-1", at: Callable[[], datetime] = now
) -> Issuance:
    """The saga as a process has it, to be told which orders to settle."""
    platform = shop.platform
    return Issuance(
        platform.orders,
        platform.group_commit,
        issuer or platform.issuer,
        platform.directory,
        owner=owner,
        now=at,
    )


async def settle(shop: Shop, *paths: str, **how: Any) -> None:
    await issuance(shop, **how).settle([order_id(path) for path in paths])


async def taken(shop: Shop, admission: str = "TOUR") -> dict[str | None, tuple[int, int]]:
    """Held and sold of the admission, by the start of the slot, None: of the whole day."""
    rows = await shop.platform.reads.rows(
        "select nullif(slot_start, '24:00')::text, held, sold from allotments where admission = %s", (admission,)
    )
    return {start: (held, sold) for start, held, sold in rows}


async def numbers(shop: Shop) -> dict[str, tuple[UUID, bool]]:
    """Whose each number is, and whether it lives."""
    rows = await shop.platform.reads.rows("select number, order_id, living from shown_numbers")
    return {number: (owner, living) for number, owner, living in rows}
