"""What orders hold and show by the log alone: every stream is folded from its first event by the domain's own rules.

Stream by stream, so that only one order is in memory at a time, however many there are; of slots there are few.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from domain.allotment.override import AllotmentOverridden
from domain.allotment.standing import UNTOUCHED, Standing
from domain.allotment.taking import VisitSlot, changes
from domain.order.shown_numbers import number_changes
from domain.order.state import INITIAL, Order, evolve
from infra.event_store.topics import is_of_order

if TYPE_CHECKING:
    from infra.event_store.mapper import EventMapper

OVERRIDDEN = "allotment.overridden.v1"


class Row(NamedTuple):
    """A row of the log; `state` is None where it does not matter here."""

    stream: UUID
    position: int
    version: int
    topic: str
    state: bytes | None


class Unreadable(Exception):
    """The log cannot be folded: of what it holds nothing can be said."""


class PastNumber(NamedTuple):
    """A number that an order has shown, or shows: from the position `minted_at`, and `living` to this day or not.

    `remembered`: a ticket's or coupon's, which is known when it is destroyed too.
    """

    number: str
    order_id: UUID
    minted_at: int
    living: bool
    remembered: bool


@dataclass
class Fold:
    """Takes the whole log, ordered by stream and version."""

    mapper: EventMapper
    orders: int = 0
    standings: dict[VisitSlot, Standing] = field(default_factory=dict)
    _stream: UUID | None = None
    _version: int = 0
    _state: Order = INITIAL
    _shown: dict[str, PastNumber] = field(default_factory=dict)

    def take(self, row: Row) -> list[PastNumber]:
        """One more row; the numbers whose fate is known by it. Raises Unreadable."""
        ended = [] if row.stream == self._stream else self.end()
        try:
            if is_of_order(row.topic):
                ended += self._take_of_order(row)
            elif row.topic == OVERRIDDEN:
                self._override(row)
        except Exception as error:  # of whatever kind: what cannot be folded cannot be compared
            where = f"the {row.topic} at position {row.position}, version {row.version} of {row.stream}"
            raise Unreadable(f"{where}, does not fold: {type(error).__name__}: {error}") from error
        return ended

    def end(self) -> list[PastNumber]:
        """The stream ends here: the numbers that it shows to this day."""
        living = list(self._shown.values())
        self._stream, self._version, self._state, self._shown = None, 0, INITIAL, {}
        return living

    def _take_of_order(self, row: Row) -> list[PastNumber]:
        if self._stream is None:
            self._stream = row.stream
            self.orders += 1
        if row.version != self._version + 1:
            raise LookupError(f"version {row.version} cannot follow version {self._version}")
        before, self._version = self._state, row.version
        self._state = after = evolve(before, self.mapper.from_row(row.topic, row.state or b"").data)
        for slot, held, sold in changes(before, after):
            known = self.standings.get(slot, UNTOUCHED)
            self.standings[slot] = known._replace(held=known.held + held, sold=known.sold + sold)
        minted, destroyed = number_changes(before, after)
        gone = [self._shown.pop(number.number)._replace(living=False) for number in destroyed]
        for number in minted:
            self._shown[number.number] = PastNumber(
                number.number, row.stream, row.position, living=True, remembered=number.kind == "asset"
            )
        return gone

    def _override(self, row: Row) -> None:
        event: AllotmentOverridden = self.mapper.from_row(row.topic, row.state or b"").data
        slot = VisitSlot(event.admission, event.visit_date, event.slot_start)
        known = self.standings.get(slot, UNTOUCHED)
        self.standings[slot] = known._replace(overridden=True, override=event.capacity)
