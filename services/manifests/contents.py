"""What a manifest says, in words; how it looks is the page's and the sheets' affair."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from services.manifests.texts import Texts

if TYPE_CHECKING:
    from collections.abc import Iterable


class Ticket(NamedTuple):
    """A ticket or coupon. `visit`, `status`: in the wallet's language. `persons`: whom it lets in."""

    kind: str
    number: str
    description: str
    visit: str
    persons: int
    is_used: bool
    status: str


class Wallet(NamedTuple):
    """What one guest carries. `name`: "" where the partner gave none. `texts`: in its line's language."""

    name: str
    description: str
    reference: str
    texts: Texts
    tickets: tuple[Ticket, ...]


class Manifest(NamedTuple):
    """`texts`: of what stands above the wallets. `sheets`: how many tickets and coupons there are.

    `wallets` may be made as they are asked for, once: opening names and writing dates takes time where there are many.
    """

    venue: str
    order_reference: str
    issued_at: datetime
    texts: Texts
    sheets: int
    wallets: Iterable[Wallet]
