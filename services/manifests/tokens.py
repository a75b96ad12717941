"""The addresses of manifests: who has one has been given it.

A token is the order, the issuance, the wallet (or none) and a MAC of these in base64url: 64 characters for an order, 68
for a wallet. Nobody can make one without the secret, so a forged one is known before anything is looked up. It names
the issuance, so it ends with it: an order that was issued anew has other ones.

The MAC is keyed BLAKE2b (RFC 7693), which does what HMAC does in a third of the time: every answer about an Issued
order has one for each wallet.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from domain.issuance.issuance import Issuance

PATH: Final = "/manifests"

_ID_BYTES: Final = 16
_WALLET_BYTES: Final = 3
_MAC_BYTES: Final = 16
_ISSUANCE_BYTES: Final = 2 * _ID_BYTES

# All lengths are a multiple of three bytes: no padding, and one spelling only.
_TOKEN: Final = re.compile(r"(?:[A-Za-z0-9_-]{64}|[A-Za-z0-9_-]{68})\Z")


class Claim(NamedTuple):
    """What a token that we made shows. `wallet`: its place in the issuance, from 0; None: all of the order."""

    order_id: UUID
    job_id: UUID
    wallet: int | None


class ManifestTokens:
    """Makes and reads tokens. `secret`: 16 to 64 bytes that the service alone knows."""

    __slots__ = ("_keyed",)

    def __init__(self, secret: bytes) -> None:
        self._keyed = blake2b(key=secret, digest_size=_MAC_BYTES)

    def token(self, claim: Claim) -> str:
        """Raises OverflowError past 16 million wallets."""
        claimed = claim.order_id.bytes + claim.job_id.bytes
        if claim.wallet is not None:
            claimed += claim.wallet.to_bytes(_WALLET_BYTES, "big")
        return self._sealed(claimed)

    def wallet_tokens(self, order_id: UUID, job_id: UUID, count: int) -> list[str]:
        """Of all wallets of an issuance, in its order. Raises OverflowError past 16 million."""
        issuance = order_id.bytes + job_id.bytes
        return [self._sealed(issuance + place.to_bytes(_WALLET_BYTES, "big")) for place in range(count)]

    def read(self, token: str) -> Claim | None:
        """None for what is no token of ours."""
        if _TOKEN.match(token) is None:
            return None
        data = urlsafe_b64decode(token)
        claimed, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(claimed)):
            return None
        wallet = claimed[_ISSUANCE_BYTES:]
        return Claim(
            UUID(bytes=claimed[:_ID_BYTES]),
            UUID(bytes=claimed[_ID_BYTES:_ISSUANCE_BYTES]),
            int.from_bytes(wallet, "big") if wallet else None,
        )

    def _sealed(self, claimed: bytes) -> str:
        return urlsafe_b64encode(claimed + self._mac(claimed)).decode()

    def _mac(self, claimed: bytes) -> bytes:
        mac = self._keyed.copy()  # the key's own block is hashed already
        mac.update(claimed)
        return mac.digest()


class ManifestAddresses:
    """Where a guest finds what is issued. `public_url`: without a slash at its end, with its path."""

    __slots__ = ("_prefix", "_tokens")

    def __init__(self, public_url: str, tokens: ManifestTokens) -> None:
        self._prefix = f"{public_url}{PATH}/"
        self._tokens = tokens

    def of_order(self, order_id: UUID, issuance: Issuance) -> str:
        return self._prefix + self._tokens.token(Claim(order_id, issuance.job_id, None))

    def of_wallets(self, order_id: UUID, issuance: Issuance) -> list[str]:
        """Those of its wallets, in its order."""
        count = sum([len(line.wallets) for line in issuance.lines])
        return [self._prefix + token for token in self._tokens.wallet_tokens(order_id, issuance.job_id, count)]
