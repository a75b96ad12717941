"""An event's leaf in the audit log: computed from its row alone.

Source: RFC 6962, section 2.1 (leaf hash); the entry's line is the HTTP contract's.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.event_store.recorder import LogRow

_LEAF_PREFIX = b"\x00"


def entry(row: LogRow) -> bytes:
    """`ota-cm/1 <position> <stream> <version> <topic> <hex SHA-256 of the stored state>\\n`, ASCII."""
    digest = sha256(row.state).hexdigest()
    return f"ota-cm/1 {row.position} {row.stream} {row.version} {row.topic} {digest}\n".encode("ascii")


def leaf_hash(row: LogRow) -> str:
    """The base64 leaf hash of the row's entry."""
    return b64encode(sha256(_LEAF_PREFIX + entry(row)).digest()).decode("ascii")
