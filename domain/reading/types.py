"""Annotated types for the fields of bodies, on which both ways of reading agree."""

from datetime import date, time
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from msgspec import Meta

Uuid: TypeAlias = UUID
"""Hyphenated 8-4-4-4-12, in any case."""

IsoDate: TypeAlias = date
"""`YYYY-MM-DD`, a day that exists."""

TimeOfDay: TypeAlias = Annotated[time, Meta(tz=False)]
"""`HH:mm:ss`, without fraction or offset."""

Text10: TypeAlias = Annotated[str, Meta(max_length=10)]
Text50: TypeAlias = Annotated[str, Meta(max_length=50)]
Text100: TypeAlias = Annotated[str, Meta(max_length=100)]
Text250: TypeAlias = Annotated[str, Meta(max_length=250)]
"""Text of at most so many code points; it may be empty."""

FilledText10: TypeAlias = Annotated[str, Meta(min_length=1, max_length=10)]
FilledText20: TypeAlias = Annotated[str, Meta(min_length=1, max_length=20)]
FilledText50: TypeAlias = Annotated[str, Meta(min_length=1, max_length=50)]
FilledText250: TypeAlias = Annotated[str, Meta(min_length=1, max_length=250)]
"""Text of at least one and at most so many code points."""

Ignored: TypeAlias = Annotated[Any, Meta(extra={"ignored": True})]
"""A read-only field that is accepted, whatever is in it, and ignored: `status: Ignored = None`."""
