"""From a body to what an order asks for, or to the problem with it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from domain.order.body import OrderBody
from domain.order.submission import order_content, submission_faults
from domain.reading import Reader, Reading
from services.api.call import forbidden, parse_uuid
from services.api.problems import Problem, validation_failed

if TYPE_CHECKING:
    from domain.order.content import OrderContent
    from services.api.call import Call

ORDER_BODY = Reader(OrderBody)


async def ensure_may_order_for(call: Call, reading: Reading[OrderBody]) -> None:
    """A partner creates in its own name only; nobody creates for a disabled one. Raises Problem 403."""
    named = _named_partner(reading)
    if named is None:
        return  # a fault of the body, told with the others
    if not call.sees(named):
        raise forbidden("This key creates orders for its own partner only.")
    directory = call.services.directory
    if call.caller.partner_id is None and not directory.is_active(named):  # its own was looked at with its key
        await directory.refresh()
        ensure_not_disabled(call, named)


async def look_before_refusing(call: Call, partner_id: UUID) -> None:
    """A partner that was disabled may be active again by what another process has done."""
    if call.services.directory.is_disabled(partner_id):
        await call.services.directory.refresh()


def ensure_not_disabled(call: Call, partner_id: UUID) -> None:
    """Nobody creates or replaces for a disabled partner, an operator neither. Raises Problem 403."""
    if call.services.directory.is_disabled(partner_id):
        raise Problem("partner_inactive", "This partner is disabled: nobody may create or replace orders for it.")


async def accepted_content(call: Call, reading: Reading[OrderBody], partner_id: UUID | None) -> OrderContent | Problem:
    """What the order asks for; or 400 with every fault, after a look at what the directory may not know yet.

    `partner_id`: whose order it is, None where the body's own is to be looked up.
    """
    content = _checked(call, reading, partner_id)
    if isinstance(content, Problem) and await call.services.directory.refresh():
        content = _checked(call, reading, partner_id)
    return content


def _checked(call: Call, reading: Reading[OrderBody], partner_id: UUID | None) -> OrderContent | Problem:
    services = call.services
    directory = services.directory
    body = reading.value
    named = partner_id or _named_partner(reading)
    partner = directory.partners.get(named) if named is not None else None
    faults = submission_faults(
        body,
        directory.catalog,
        known_partner=partner is not None or named is None,
        now=call.now,
        max_wallets=services.max_wallets,
    )
    if reading.faults or faults:
        return validation_failed(reading.report(faults))
    assert directory.catalog is not None  # noqa: S101 - without one every item is a fault
    return order_content(body, directory.catalog, partner.language if partner is not None else None)


def _named_partner(reading: Reading[OrderBody]) -> UUID | None:
    """None where the body names none. Behind a hundred faults of its own, a name is not read, but stands there."""
    named: object = reading.value.partner_id
    if isinstance(named, UUID):
        return named
    written = reading.raw.get("partnerId") if isinstance(reading.raw, dict) else None
    return parse_uuid(written) if isinstance(written, str) else None
