"""The walk-through's orders: what was sent, and what of an answer is worth showing."""

from __future__ import annotations

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


def wallet_rows(order: dict[str, Any]) -> list[tuple[str, ...]]:
    """A row a wallet: its tickets, what for, on which name, price."""
    return [
        (
            ", ".join(asset["referenceNumber"] for asset in wallet["assets"]),
            line["description"],
            wallet["name"] if wallet["name"] != line["description"] else "",
            f"{wallet['unitPriceInclVat']} {wallet['currencyCode']}",
        )
        for line in order["items"]
        for wallet in line["wallets"]
    ]


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
