"""When a Draft expires: so many seconds after it was issued, by what its partner's `draftTtlSeconds` is now.

The one rule for what a partner is shown (`expiresAt`) and for the timer that removes it. It counts from the issuance,
the `issuedAt` of the Draft's wallets, so that a changed limit moves the end of Drafts that are there already.
"""

from datetime import datetime, timedelta

from domain.order.state import Draft


def expires_at(draft: Draft, ttl_seconds: int | None) -> datetime | None:
    """From when on the Draft may be removed; None: never. `ttl_seconds`: its partner's, at most a hundred years."""
    return None if ttl_seconds is None else draft.issuance.issued_at + timedelta(seconds=ttl_seconds)
