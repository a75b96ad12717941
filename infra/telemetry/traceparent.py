"""The header `traceparent` of W3C Trace Context: which trace a request, an event or a message belongs to.

Source: https://www.w3.org/TR/trace-context/#traceparent-header
"""

from __future__ import annotations

import random
import re
from typing import Final

HEADER: Final = "traceparent"

# Version ff, and ids of zeros alone, are invalid.
_WELL_FORMED: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")


def well_formed(text: str | None) -> str | None:
    """The text where it is one; anything else is dropped, as is no text."""
    return text if text is not None and _WELL_FORMED.match(text) else None


def fresh() -> str:
    """Of a trace that begins with us and that nobody records: it ties together what follows from one request."""
    return f"00-{_not_zero(128):032x}-{_not_zero(64):016x}-00"


def _not_zero(bits: int) -> int:
    return random.getrandbits(bits) or 1
