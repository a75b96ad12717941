"""What is wrong with a body: every fault at its place, in the document's order, a hundred at most in one answer."""

from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct

FAULT_LIMIT = 100
"""More faults than this are not reported; the answer says `truncated` then."""

Token: TypeAlias = str | int


class Fault(Struct, frozen=True):
    """One thing wrong with a body.

    `pointer`: where, as a JSON Pointer (RFC 6901). `code`: stable, one of the contract's validation codes. `message`:
    an English sentence for the partner's engineer; it never repeats text of the body, which may be about a person.
    """

    pointer: str
    code: str
    message: str


class FaultReport(Struct, frozen=True):
    """The faults that an answer shows, and whether there were more. False where there are none."""

    faults: tuple[Fault, ...] = ()
    truncated: bool = False

    def __bool__(self) -> bool:
        return bool(self.faults)


def pointer_to(*tokens: Token) -> str:
    """The JSON Pointer to a place: names of members and indexes of elements, from the outside in."""
    return "".join(f"/{_escaped(token)}" for token in tokens)


def _escaped(token: Token) -> str:
    text = str(token)
    if "~" in text or "/" in text:
        return text.replace("~", "~0").replace("/", "~1")
    return text


def until_enough(parts: Iterable[Iterable[Fault]]) -> list[Fault]:
    """The faults of a document's parts, which come in its order, up to the part with which there are too many to show.

    A fault of a later part could not be among the first hundred, and a body may hold a third of a million.
    """
    found: list[Fault] = []
    for faults in parts:
        found += faults
        if len(found) > FAULT_LIMIT:
            break
    return found


def report_of(raw: object, faults: Iterable[Fault]) -> FaultReport:
    """The first hundred in the order of the document `raw` (as decoded: dicts, lists, scalars)."""
    ordered = in_document_order(raw, faults)
    return FaultReport(faults=tuple(ordered[:FAULT_LIMIT]), truncated=len(ordered) > FAULT_LIMIT)


def in_document_order(raw: object, faults: Iterable[Fault]) -> list[Fault]:
    """The faults sorted by where each pointer stands in `raw`; equal places keep the order in which they came.

    A container comes before what is in it, and what is missing after what its object has.
    """
    places = _Places()
    return sorted(faults, key=lambda fault: places.of(raw, fault.pointer))


class _Places:
    """Where pointers stand in one document. Remembers the order of names in each object that it passed."""

    def __init__(self) -> None:
        # By identity: the document outlives this object, so no id is used twice.
        self._ordinals: dict[int, dict[object, int]] = {}

    def of(self, raw: object, pointer: str) -> tuple[int, ...]:
        """The ordinal of each token among its siblings, down to the first one that the document lacks."""
        place: list[int] = []
        here = raw
        for token in pointer.split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            if isinstance(here, dict) and name in here:
                place.append(self._ordinal(here, name))
                here = here[name]
            elif isinstance(here, list) and name.isdecimal() and int(name) < len(here):
                place.append(int(name))
                here = here[int(name)]
            else:
                place.append(len(here) if isinstance(here, dict | list) else 0)
                break
        return tuple(place)

    def _ordinal(self, members: dict[object, object], name: str) -> int:
        ordinals = self._ordinals.get(id(members))
        if ordinals is None:
            ordinals = self._ordinals[id(members)] = {key: ordinal for ordinal, key in enumerate(members)}
        return ordinals[name]
