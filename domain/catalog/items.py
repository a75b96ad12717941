"""The catalog: what a venue sells, as it is stored and looked up.

Of the operators' API, "Catalog". That all of it fits together is seen to before it is published (`publishing.py`).
"""

from bisect import bisect_right
from collections.abc import Hashable, Mapping
from datetime import date, time
from decimal import Decimal
from functools import cached_property
from operator import attrgetter
from typing import Any, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

ItemKind: TypeAlias = Literal["ticket", "coupon", "package"]

DEFAULT_LANGUAGE = "ENU"


class Venue(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Whose catalog it is. `id` never changes; `language` is that of texts where nothing names another."""

    id: UUID
    name: str
    time_zone: str
    currency_code: str
    language: str = DEFAULT_LANGUAGE


class Slot(Struct, frozen=True, rename="camel"):
    """Part of a day, on the venue's wall clock: start ≤ t < end."""

    start: time
    end: time


class Admission(Struct, frozen=True, rename="camel", omit_defaults=True, dict=True):
    """Somewhere that tickets let in. Timed where it has slots; `capacity` is for each slot, else for the day.

    `capacity`: None is unlimited. `closed`: days that cannot be booked. `slots`: as published, not overlapping.
    (`dict`: room for the indexes, which equality does not see.)
    """

    admission: str
    description: str = ""
    capacity: int | None = None
    closed: tuple[date, ...] = ()
    slots: tuple[Slot, ...] = ()

    @cached_property
    def _closed_days(self) -> frozenset[date]:
        return frozenset(self.closed)

    @cached_property
    def _slots_by_start(self) -> list[Slot]:
        return sorted(self.slots, key=attrgetter("start"))

    @property
    def is_timed(self) -> bool:
        return bool(self.slots)

    def is_closed_on(self, day: date) -> bool:
        return day in self._closed_days

    def slot_at(self, moment: time) -> Slot | None:
        """The slot that this time lies in, or None: between slots, or where there are none."""
        begun = bisect_right(self._slots_by_start, moment, key=attrgetter("start"))
        slot = self._slots_by_start[begun - 1] if begun else None
        return slot if slot is not None and moment < slot.end else None

    def offers(self, slot_start: time | None) -> bool:
        """Whether one of its slots starts at this time; None: whether its places are those of the whole day."""
        if slot_start is None:
            return not self.is_timed
        slot = self.slot_at(slot_start)
        return slot is not None and slot.start == slot_start


class Component(Struct, frozen=True, rename="camel"):
    """What a package holds. For a group ticket `quantity` is its persons."""

    item_number: str
    quantity: int


class Item(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What can be ordered.

    `descriptions`: language (upper case) → text. `number_pattern`: None for packages alone. `admissions`: of tickets
    alone. `components`: of packages alone. `sale_from`, `sale_to`: bound the visit date, inclusive; None is open.
    """

    item_number: str
    kind: ItemKind
    description: str
    unit_price_incl_vat: Decimal
    vat_percent: Decimal
    descriptions: Mapping[str, str] = {}
    number_pattern: str | None = None
    group_ticket: bool = False
    admissions: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    sale_from: date | None = None
    sale_to: date | None = None

    @property
    def is_package(self) -> bool:
        return self.kind == "package"

    def wallet_count(self, quantity: int) -> int:
        """How many wallets a line of this quantity becomes."""
        return 1 if self.group_ticket else quantity


class VisitsAsked:
    """Answers about visits, good for one second: the time of day decides whether a slot has ended."""

    __slots__ = ("answers", "second")

    def __init__(self) -> None:
        self.second = 0.0
        self.answers: dict[Hashable, Any] = {}


class Catalog(Struct, frozen=True, rename="camel", omit_defaults=True, dict=True):
    """A whole catalog. (`dict`: room for the indexes, which equality does not see.)"""

    venue: Venue
    admissions: tuple[Admission, ...] = ()
    items: tuple[Item, ...] = ()

    @cached_property
    def _items(self) -> dict[str, Item]:
        return {item.item_number: item for item in self.items}

    @cached_property
    def _admissions(self) -> dict[str, Admission]:
        return {admission.admission: admission for admission in self.admissions}

    @cached_property
    def visits_asked(self) -> VisitsAsked:
        """What was lately asked of visits, and answered: see `visits.visit_faults`."""
        return VisitsAsked()

    def item(self, item_number: str) -> Item | None:
        """The item of this number, or None where the catalog has none."""
        return self._items.get(item_number)

    def admission(self, admission: str) -> Admission | None:
        """The admission of this name, or None where the catalog has none."""
        return self._admissions.get(admission)

    def admissions_of(self, item: Item) -> list[Admission]:
        """Where a ticket lets in; nowhere for other items. Raises KeyError for an item of another catalog."""
        return [self._admissions[admission] for admission in item.admissions]

    def components_of(self, item: Item) -> list[tuple[Item, int]]:
        """What a package holds, in its order: each item and its quantity; nothing for other items.

        Raises KeyError as above.
        """
        return [(self._items[component.item_number], component.quantity) for component in item.components]


def description(item: Item, language: str | None) -> str:
    """The item's text in this language (any case) where the catalog has it, else its default text."""
    if language is None:
        return item.description
    return item.descriptions.get(language.upper(), item.description)
