"""What can be wrong with the admissions of a catalog, and with their slots."""

from bisect import bisect_right, insort
from collections.abc import Iterator
from datetime import time

from msgspec import UNSET, UnsetType

from domain.catalog.body import AdmissionBody, SlotBody
from domain.faults import Fault, pointer_to, until_enough


def admission_faults(admissions: tuple[AdmissionBody | UnsetType, ...]) -> list[Fault]:
    """Names that occur twice, slots without a length, slots that overlap. What is UNSET is passed over."""
    names: set[str] = set()
    return until_enough(
        _faults_in(index, admission, names) for index, admission in enumerate(admissions) if admission is not UNSET
    )


def _faults_in(index: int, admission: AdmissionBody, names: set[str]) -> Iterator[Fault]:
    if admission.admission is not UNSET:
        if admission.admission in names:
            pointer = pointer_to("admissions", index, "admission")
            yield Fault(pointer, "duplicate", "Another admission has this name.")
        names.add(admission.admission)
    if admission.slots is not UNSET:
        yield from _slot_faults(index, admission.slots)


def _slot_faults(admission: int, slots: tuple[SlotBody | UnsetType, ...]) -> Iterator[Fault]:
    taken: list[tuple[time, time]] = []  # what was right so far, by start; none overlaps another
    for index, slot in enumerate(slots):
        if slot is UNSET or slot.start is UNSET or slot.end is UNSET:
            continue
        if slot.end <= slot.start:
            pointer = pointer_to("admissions", admission, "slots", index, "end")
            yield Fault(pointer, "out_of_range", "A slot ends after its start, on the same day.")
            continue
        after = bisect_right(taken, (slot.start, time.max))
        begins_within = after > 0 and slot.start < taken[after - 1][1]
        reaches_next = after < len(taken) and taken[after][0] < slot.end
        if begins_within or reaches_next:
            pointer = pointer_to("admissions", admission, "slots", index, "start")
            yield Fault(pointer, "duplicate", "This slot overlaps one before it.")
        else:
            insort(taken, (slot.start, slot.end))
