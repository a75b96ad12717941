"""All operations of the HTTP contract: what the application serves, the documents tell and the tests try."""

from __future__ import annotations

from services.api import (
    allotments,
    catalog,
    health,
    history,
    keys,
    manifests,
    metrics,
    on_sale,
    order_list,
    orders,
    partners,
    reprocess,
    status,
    webhooks,
)
from services.api.gate import page, tickets

OPERATIONS = (
    *orders.OPERATIONS,
    *order_list.OPERATIONS,
    *history.OPERATIONS,
    *on_sale.OPERATIONS,
    *webhooks.OPERATIONS,
    *partners.OPERATIONS,
    *keys.OPERATIONS,
    *catalog.OPERATIONS,
    *allotments.OPERATIONS,
    *reprocess.OPERATIONS,
    *tickets.OPERATIONS,
    *page.OPERATIONS,
    *manifests.OPERATIONS,
    *status.OPERATIONS,
    *health.OPERATIONS,
    *metrics.OPERATIONS,
)
