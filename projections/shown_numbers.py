"""Whose a number is that a guest shows: a ticket's, a coupon's or a wallet's. The rows are the event store's own."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from infra.postgres.reads import Reads

_ORDER_OF = "select order_id from shown_numbers where number = %s"


class ShownNumbers:
    """Looks numbers up, as of the last commit: the rows change in the save that mints or destroys."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def order_of(self, number: str) -> UUID | None:
        """The order that shows this number, or a ticket's that it showed last; None where nobody knows the number.

        What the number is there, and whether it lives, the order's own stream tells, which is read after this. An order
        that gives the number up in between shows nothing by it, and so it was at a moment between the two reads,
        whoever may have the number next. Raises DatabaseUnavailable.
        """
        if "\0" in number:  # what no text holds here, PostgreSQL cannot be asked for
            return None
        rows = await self._reads.rows(_ORDER_OF, (number,))
        return rows[0][0] if rows else None
