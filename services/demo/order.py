"""The walk-through's orders: what was sent, and what of an answer is worth showing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any


@dataclass
class Ordered:
    """An order as it was sent. `sent_at`: when, last, of the same clock as Answer.sent_at."""

    order_id: str
    reference: str
    body: dict[str, Any]
    sent_at: float

    def with_lines(self, lines: list[dict[str, Any]]) -> Ordered:
        return replace(self, body={**self.body, "items": lines})


def tickets(order: dict[str, Any]) -> list[tuple[str, str]]:
    """Type and number of each ticket and coupon of an order's answer."""
    return [
        (asset["type"], asset["referenceNumber"])
        for line in order["items"]
        for wallet in line["wallets"]
        for asset in wallet["assets"]
    ]


def wallets(order: dict[str, Any]) -> list[dict[str, Any]]:
    """All of an order's answer."""
    return [wallet for line in order["items"] for wallet in line["wallets"]]


def ticket_rows(order: dict[str, Any], groups: Collection[str]) -> list[tuple[str, ...]]:
    """A row a ticket or coupon: its number, what for; beside the first of a wallet on which name, and the price.

    `groups`: the items of which one ticket lets in as many as were ordered.
    """
    rows: list[tuple[str, ...]] = []
    for line in order["items"]:
        persons = f", {line['quantity']} persons" if line["itemNumber"] in groups else ""
        for wallet in line["wallets"]:
            name = wallet["name"] if wallet["name"] != line["description"] else ""
            price = f"{wallet['unitPriceInclVat']} {wallet['currencyCode']}"
            for asset in wallet["assets"]:
                rows.append((asset["referenceNumber"], asset["description"] + persons, name, price))
                name = price = ""
    return rows


def event_rows(events: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """A row an event: its version, name, time since the first, and who caused it."""
    began = datetime.fromisoformat(events[0]["recordedAt"])
    return [
        (
            str(event["version"]),
            event["type"],
            f"+{(datetime.fromisoformat(event['recordedAt']) - began).total_seconds() * 1000:,.1f} ms",
            f"by {event['actor']['scope']}",
        )
        for event in events
    ]
