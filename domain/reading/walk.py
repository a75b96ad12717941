"""One walk over one decoded document: the faults so far, and where the walk stands."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import UNSET, UnsetType

from domain.faults import FAULT_LIMIT, Fault, Token, pointer_to

POINTER_ROOM = 2 * 1024 * 1024
"""Characters of all pointers of a document together. The names of a body of 1 MiB stay below it; a hundred faults under
one long name, in what is ignored, would make the answer a hundred times as long as the body."""


class Walk:
    """Collects faults as they are met, so in document order, up to one more than an answer shows.

    `path`: the containers around the value that is looked at; None stands for the document itself.
    `nul`: whether U+0000 can be in the document at all; most documents need not be searched for it.
    `truncated`: whether a fault was left out because the pointers had become too long to show.
    """

    __slots__ = ("_room", "faults", "nul", "path", "truncated")

    def __init__(self, *, nul: bool) -> None:
        self.faults: list[Fault] = []
        self.path: list[Token | None] = []
        self.nul = nul
        self.truncated = False
        self._room = POINTER_ROOM

    def fault(self, token: Token | None, code: str, message: str) -> UnsetType:
        """Notes a fault at `token` of the container that the walk is in (None: at the document itself)."""
        if len(self.faults) <= FAULT_LIMIT and not self.truncated:
            pointer = pointer_to(*(step for step in (*self.path, token) if step is not None))
            self._room -= len(pointer)
            if self._room < 0:
                self.truncated = True
            else:
                self.faults.append(Fault(pointer, code, message))
        return UNSET


Check: TypeAlias = Callable[[object, Token | None, Walk], object]
"""Looks at one value, at one token, on one walk; the typed value, or UNSET where it is faulty."""


def kind_of(value: object) -> str:
    """What came, in the words of a fault's message."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a string"
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return "a number"
