"""What became of a command that was to be saved: it is, or another one stands where this one wanted to.

Structs, not tuples: what differs only in its kind must not be equal.
"""

from msgspec import Struct


class Appended(Struct, frozen=True):
    """The positions `first` … `first + count - 1` are the command's; None: an earlier call stored it."""

    first: int | None


class VersionTaken(Struct, frozen=True):
    """One of its streams has an event of that version."""


class RecordTaken(Struct, frozen=True):
    """The Idempotency-Key was used meanwhile."""


class NumberTaken(Struct, frozen=True):
    """A living wallet has a number that it shows; `at`: which of the command's `shown`, from 0."""

    at: int


class TooFewPlaces(Struct, frozen=True):
    """`at`: in which of the command's `slots`, from 0. `left`: how many places were free in it."""

    at: int
    left: int


class CapacityBelowTaken(Struct, frozen=True):
    """More places are taken than its `override` would leave."""


Conflict = VersionTaken | RecordTaken | NumberTaken | TooFewPlaces | CapacityBelowTaken
Outcome = Appended | Conflict
