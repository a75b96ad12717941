"""Which stream holds what. A stream that is found by a name has an id that follows from the name.

An order's stream is its orderId; it is not made here.
"""

import hashlib
import unicodedata
from uuid import UUID

# RFC 9562, section 5.8: version 8, whose bits are the application's own (appendix B.2 does this with SHA-256).
_VERSION_AND_VARIANT = (0xF000 << 64) | (0xC000 << 48)
_VERSION_8_RFC_VARIANT = (0x8000 << 64) | (0x8000 << 48)


def named_stream(kind: str, *parts: str) -> UUID:
    """The stream of this kind and name: SHA-256 over the parts, each NFC-normalised, case kept, length before text.

    No key goes in: it could never be rotated. The length keeps ("ab", "c") and ("a", "bc") apart, and the
    normalisation makes one reference of texts that look the same however they were typed.
    """
    named = b""
    for part in (kind, *parts):
        text = (part if part.isascii() else unicodedata.normalize("NFC", part)).encode()
        named += len(text).to_bytes(4, "big") + text
    number = int.from_bytes(hashlib.sha256(named).digest()[:16], "big")
    return UUID(int=(number & ~_VERSION_AND_VARIANT) | _VERSION_8_RFC_VARIANT)


def partner_stream(partner_id: UUID) -> UUID:
    return named_stream("partner", str(partner_id))


def key_stream(key_id: UUID) -> UUID:
    return named_stream("key", str(key_id))


def catalog_stream() -> UUID:
    """The one catalog: a deployment serves one venue."""
    return named_stream("catalog")


def subscription_stream(subscription_id: UUID) -> UUID:
    return named_stream("subscription", str(subscription_id))


def reference_stream(partner_id: UUID, sell_to_order_reference: str) -> UUID:
    """Where a partner's order reference is reserved: its first event is what makes it unique (design: by stream)."""
    return named_stream("reference", str(partner_id), sell_to_order_reference)
