"""Deleting a partner that no order refers to, though orders may be on their way in other processes at this moment.

A partner's stream and its orders' are different streams: no save refuses one for what is in the other. So the partner
is disabled first, and looked at again once no process takes orders for it any more: an order accepted meanwhile is
found then, and the partner stands as before. What is left is a createOrder that takes longer than SETTLE_SECONDS
between its check and its save (the store hung): that order is issued as any other, and operators can cancel it.

If the process dies in between, the partner is left disabled: operators see it, and delete or enable it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from domain.partner import ChangePartner, DeletePartner, PartnerEvent, PartnerHasOrders, decide, known
from domain.streams import partner_stream
from infra.crash_points import CrashPoint, reached
from infra.event_store.group_commit import OutcomeUnknown, StoreUnavailable
from infra.postgres.errors import DatabaseUnavailable
from projections.orders import any_order_of_partner
from services.api.conditions import ensure_matches
from services.api.problems import Problem
from services.api.setup_change import changed
from services.setup.streams import PARTNERS, Stream

if TYPE_CHECKING:
    from domain.partner import Partner
    from services.api.call import Call

SETTLE_SECONDS = 1.5
"""A process knows of a change within a second; what it had checked before is saved by then."""


async def delete_partner(call: Call, partner_id: UUID) -> None:
    """Raises Problem: 404, 412, and 409 partner_has_orders, with which the partner is as it was."""
    has_orders = await any_order_of_partner(call.services.reads, partner_id)
    was_active = False

    def disabling(stream: Stream[Partner]) -> Sequence[PartnerEvent]:
        nonlocal was_active
        partner = known(stream.state)
        ensure_matches(call.request.headers, stream.version, "partner")
        if has_orders:
            raise PartnerHasOrders
        was_active = partner.active
        return decide(partner, ChangePartner(call.now, active=False))

    disabled = await changed(call, PARTNERS, partner_stream(partner_id), disabling, "partner")
    await asyncio.sleep(SETTLE_SECONDS)
    reached(CrashPoint.PARTNER_DISABLED)
    try:
        await _end(call, partner_id, disabled.version, was_active=was_active)
    except (StoreUnavailable, DatabaseUnavailable):
        # It is disabled by now: no answer may say that nothing was changed.
        raise OutcomeUnknown from None


async def _end(call: Call, partner_id: UUID, version: int, *, was_active: bool) -> None:
    """Delete the partner as it stands at `version`, or enable it again where an order has come after all."""
    has_orders = await any_order_of_partner(call.services.reads, partner_id)

    def ending(stream: Stream[Partner]) -> Sequence[PartnerEvent]:
        partner = known(stream.state)
        if stream.version != version:
            raise Problem("precondition_failed", "The partner was changed meanwhile: it was not deleted.")
        if has_orders:
            return decide(partner, ChangePartner(call.now, active=was_active))
        return decide(partner, DeletePartner(call.now, has_orders=False))

    await changed(call, PARTNERS, partner_stream(partner_id), ending, "partner")
    if has_orders:
        raise Problem(PartnerHasOrders.code, str(PartnerHasOrders()))
