"""Bodies: from bytes to a typed value, or to every structural fault in them at its place.

A body is a `msgspec.Struct` with `forbid_unknown_fields=True`, made of Structs, `list[T]`, `tuple[T, ...]`,
`dict[str, T]`, `str`, `int`, `bool`, `Decimal`, `Literal` of texts, and the types of `types.py`. Bounds are
msgspec's `Meta`: `min_length`, `max_length`, `pattern` (anchored with `\\Z`: `$` lets a newline pass), `ge`, `le`.

| declared                       | absent                  | null                          | faulty      |
| ------------------------------ | ----------------------- | ----------------------------- | ----------- |
| `T`, `T | UnsetType`           | `required`, value UNSET | `required`, value UNSET       | value UNSET |
| `T | None = None`              | None                    | None                          | value UNSET |
| `T = default`                  | the default             | counts as absent: the default | value UNSET |
| `T | None | UnsetType = UNSET` | UNSET                   | None                          | value UNSET |

mypy takes a required field for always there; declare `T | UnsetType` where other checks run on a faulty body.

Marks of our own, in `Meta(extra=…)`:
- `Ignored` (`{"ignored": True}`, on `Any`): accepted and ignored; only U+0000 in its texts is a fault. Its value
  is not to be used.
- `{"read_only": "send … instead"}` on `list[Ignored]` with `max_length=0`: empty or null is accepted, filled is
  `read_only` with this advice, and is not looked into.
- `{"minimum": Decimal, "maximum": Decimal}` on a `Decimal`: its range (msgspec knows none for it), inclusive.

An array or a mapping over its `max_length` has one fault, and is not looked into. A name that occurs twice in an
object: the last one counts.
"""

from domain.reading.reader import MalformedJson, Reader, Reading
from domain.reading.types import (
    FilledText10,
    FilledText20,
    FilledText50,
    FilledText250,
    Ignored,
    IsoDate,
    Text10,
    Text50,
    Text100,
    Text250,
    TimeOfDay,
    Uuid,
)

__all__ = [
    "FilledText10",
    "FilledText20",
    "FilledText50",
    "FilledText250",
    "Ignored",
    "IsoDate",
    "MalformedJson",
    "Reader",
    "Reading",
    "Text10",
    "Text50",
    "Text100",
    "Text250",
    "TimeOfDay",
    "Uuid",
]
