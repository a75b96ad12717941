"""The places that an order holds: what its tickets take of a day, or of a slot of it, at each of their admissions."""

from datetime import date, time

from msgspec import Struct


class Places(Struct, frozen=True, rename="camel", omit_defaults=True):
    """`count` places at an admission on a day; `slot_start`: of the slot that begins then, None: of the whole day."""

    admission: str
    visit_date: date
    count: int
    slot_start: time | None = None
