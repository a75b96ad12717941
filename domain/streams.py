"""Which stream holds what. A stream that is found by a name has an id that follows from the name.

An order's stream is its orderId; it is not made here.
"""

import hashlib
import unicodedata
from datetime import date, time
from uuid import UUID

from msgspec import convert


def named_stream(kind: str, *parts: str | bytes) -> UUID:
    """The stream of this kind and name: SHA-256 over the parts, each NFC-normalised, case kept, length before text.

    No key goes in: it could never be rotated. The length keeps ("ab", "c") and ("a", "bc") apart, and the
    normalisation makes one reference of texts that look the same however they were typed. The UUID is of version 8,
    whose bits are the application's own (RFC 9562, section 5.8).
    """
    named = b""
    for part in (kind, *parts):
        text = part if isinstance(part, bytes) else _normalised(part)
        named += len(text).to_bytes(4, "big") + text
    octets = bytearray(hashlib.sha256(named).digest()[:16])
    octets[6] = octets[6] & 0x0F | 0x80
    octets[8] = octets[8] & 0x3F | 0x80
    return convert(bytes(octets), UUID)  # UUID() itself takes twice as long


def _normalised(text: str) -> bytes:
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).encode()


def partner_stream(partner_id: UUID) -> UUID:
    return named_stream("partner", partner_id.int.to_bytes(16))


def key_stream(key_id: UUID) -> UUID:
    return named_stream("key", key_id.int.to_bytes(16))


def catalog_stream() -> UUID:
    """The one catalog: a deployment serves one venue."""
    return named_stream("catalog")


def allotment_stream(admission: str, visit_date: date, slot_start: time | None) -> UUID:
    """What operators set for one day, or for the slot of it that begins then.

    The admission goes in as it is, since its places are counted under that very name, byte by byte.
    """
    start = "" if slot_start is None else slot_start.isoformat()
    return named_stream("allotment", admission.encode(), visit_date.isoformat(), start)


def subscription_stream(subscription_id: UUID) -> UUID:
    return named_stream("subscription", subscription_id.int.to_bytes(16))


def reference_stream(partner_id: UUID, sell_to_order_reference: str) -> UUID:
    """Where a partner's order reference is reserved: its first event is what makes it unique (design: by stream)."""
    return named_stream("reference", partner_id.int.to_bytes(16), sell_to_order_reference)
