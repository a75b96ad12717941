"""All operations of the HTTP contract: what the application serves, the documents tell and the tests try."""

from __future__ import annotations

from services.api import catalog, health, history, keys, metrics, order_list, orders, partners, status, webhooks

OPERATIONS = (
    *orders.OPERATIONS,
    *order_list.OPERATIONS,
    *history.OPERATIONS,
    *webhooks.OPERATIONS,
    *partners.OPERATIONS,
    *keys.OPERATIONS,
    *catalog.OPERATIONS,
    *status.OPERATIONS,
    *health.OPERATIONS,
    *metrics.OPERATIONS,
)
