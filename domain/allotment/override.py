"""What an operator sets for one day or slot in place of the catalog's capacity. One small stream each.

Events, commands, refusals, states, `evolve`, `decide`, in this order. It outlives the catalog: whatever a later one
says, the slot's own figure counts. It is not taken away again; who wants the catalog's figure sets that.
"""

from datetime import date, time
from typing import ClassVar, TypeAlias

from msgspec import Struct


class AllotmentOverridden(Struct, frozen=True, rename="camel", omit_defaults=True):
    """`capacity`: None is unlimited. `slot_start`: of the slot that begins then, None: of the whole day."""

    admission: str
    visit_date: date
    capacity: int | None
    slot_start: time | None = None


AllotmentEvent: TypeAlias = AllotmentOverridden


class OverrideCapacity(Struct, frozen=True):
    """That the catalog has the admission and the slot is seen to before."""

    admission: str
    visit_date: date
    slot_start: time | None
    capacity: int | None


AllotmentCommand: TypeAlias = OverrideCapacity


class AllotmentRefusal(Exception):
    """The day or slot refuses this."""

    code: ClassVar[str]

    def __str__(self) -> str:
        return type(self).__doc__ or ""


class BelowTaken(AllotmentRefusal):
    """More places than this are held or sold: nothing was changed, and nothing is taken back."""

    code = "below_taken"


class AsInCatalog(Struct, frozen=True, tag=True):
    """Nobody has set anything: the capacity is the catalog's."""


class Overridden(Struct, frozen=True, tag=True):
    """`capacity` counts, None: unlimited."""

    capacity: int | None


AllotmentOverride: TypeAlias = AsInCatalog | Overridden

INITIAL: AllotmentOverride = AsInCatalog()


def evolve(state: AllotmentOverride, event: AllotmentEvent) -> AllotmentOverride:  # noqa: ARG001 - each event tells all
    """The state after one more event."""
    return Overridden(event.capacity)


def decide(state: AllotmentOverride, command: AllotmentCommand) -> list[AllotmentEvent]:
    """The events that follow; an empty list where this is what counts already.

    How many places are taken is counted beside the log: the save itself refuses a capacity that is too small, which
    whoever saves tells as BelowTaken.
    """
    if state == Overridden(command.capacity):
        return []
    return [
        AllotmentOverridden(
            admission=command.admission,
            visit_date=command.visit_date,
            capacity=command.capacity,
            slot_start=command.slot_start,
        )
    ]
