"""An order's lines, and plans of them."""

from datetime import date, time
from typing import Any
from uuid import UUID

import pytest

from domain.catalog.items import Catalog
from domain.issuance.issuance import Issuance
from domain.issuance.issuer import IssuanceRefused
from domain.issuance.plan import plan
from domain.order.content import OrderContent, OrderLine
from tests.unit.order.bodies import CATALOG, NOW

JOB = UUID(int=77)
SEED = bytes(range(32))

DAY, MORNING = date(2026, 12, 1), time(10, 30)
TICKET = OrderLine("31001", 2, DAY, MORNING, sell_to_language="DAN")
TOUR = OrderLine("31005", 1, DAY, MORNING)
GROUP = OrderLine("31009", 24, DAY, MORNING)
COUPON = OrderLine("33001", 1, DAY, MORNING)
PACKAGE = OrderLine("40001", 1, DAY, MORNING, is_package=True)


def planned(*lines: OrderLine, catalog: Catalog | None = CATALOG, **changes: Any) -> Issuance:
    whole: dict[str, Any] = {
        "content": OrderContent(lines=lines),
        "catalog": catalog,
        "catalog_version": 3,
        "job_id": JOB,
        "issued_at": NOW,
        "seed": SEED,
        "partner_language": None,
    }
    return plan(**{**whole, **changes})


def refusal(*lines: OrderLine, **changes: Any) -> tuple[str, str]:
    """Reason and message."""
    with pytest.raises(IssuanceRefused) as caught:
        planned(*lines, **changes)
    return caught.value.reason, caught.value.status_message


def numbers(issuance: Issuance) -> list[str]:
    """All that guests show: of each wallet its own, then those of its tickets and coupons."""
    wallets = [wallet for line in issuance.lines for wallet in line.wallets]
    return [
        number
        for wallet in wallets
        for number in (wallet.wallet_reference_number, *(asset.reference_number for asset in wallet.assets))
    ]
