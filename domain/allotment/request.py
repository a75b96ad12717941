"""What an operator's request for the capacity of a day or slot may say, and what can be wrong with it."""

from collections.abc import Iterator
from datetime import date

from msgspec import UNSET, Struct, UnsetType

from domain.allotment.override import OverrideCapacity
from domain.catalog.body import Capacity
from domain.catalog.items import Admission
from domain.faults import Fault
from domain.reading import TimeOfDay


class CapacityBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`capacity`: required, null is unlimited. `slot_start`: absent or null where the admission is not timed."""

    capacity: Capacity | UnsetType | None
    slot_start: TimeOfDay | UnsetType | None = None


def capacity_faults(body: CapacityBody, admission: Admission) -> Iterator[Fault]:
    """Every fault beyond structure; what the reader left UNSET is passed over."""
    if body.slot_start is UNSET:
        return
    if body.slot_start is None:
        if admission.is_timed:
            yield Fault("/slotStart", "required", "slotStart is required: this admission is timed.")
    elif not admission.offers(body.slot_start):
        starts = ", ".join(str(slot.start) for slot in admission.slots[:10])
        more = ", ..." if len(admission.slots) > 10 else ""
        known = f"Its slots start at {starts}{more}." if admission.is_timed else "It is not timed: leave slotStart out."
        yield Fault("/slotStart", "no_such_slot", f"This admission has no such slot. {known}")


def override_capacity(body: CapacityBody, admission: str, visit_date: date) -> OverrideCapacity:
    """The command of a body without faults. Raises ValueError for one with."""
    if isinstance(body.capacity, UnsetType) or isinstance(body.slot_start, UnsetType):
        raise ValueError("a body with faults sets nothing")
    return OverrideCapacity(admission, visit_date, body.slot_start, body.capacity)
