"""What the service shows over HTTP, held against what its database holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.e2e.client import Client
from tests.e2e.load import Asked, order_body
from tests.e2e.truth import Database, status_of


def listed(partner: Client, partner_id: str) -> dict[str, Any]:
    """By orderId every summary of listOrdersByPartner, page by page."""
    found: dict[str, Any] = {}
    path = f"/channelManager/orders/{partner_id}?pageSize=100"
    while True:
        page = partner.got("GET", path)
        for summary in page["data"]:
            assert summary["orderId"] not in found
            found[summary["orderId"]] = summary
        if not page["morePages"]:
            return found
        path = f"/channelManager/orders/{partner_id}?pageSize=100&pageKey={page['nextPageKey']}"


def faults_of_reads(partner: Client, operator: Client, partner_id: str, database: Database) -> Iterator[str]:
    """getOrder, the list and the history show every order as its events have it."""
    summaries = listed(partner, partner_id)
    orders = database.orders()
    living = {order_id for order_id, events in orders.items() if status_of(events) != "removed"}
    if summaries.keys() != living:
        yield f"listed and not living, or living and not listed: {sorted(summaries.keys() ^ living)}"
    for order_id, events in orders.items():
        read = partner.call("GET", f"/channelManager/{order_id}")
        if order_id in living:
            order = dict(read.body)
            order.pop("items", None)
            if (read.status, order.get("status"), read.version) != (200, status_of(events), events[-1].version):
                yield f"{order_id} is {status_of(events)} at {events[-1].version}, and reads {read}"
            if order != summaries.get(order_id):
                yield f"{order_id} reads {order}, and is listed as {summaries.get(order_id)}"
        elif read.status != 404:
            yield f"{order_id} is removed, and reads {read}"
        history = operator.got("GET", f"/channelManager/{order_id}/history")
        told = [(event["position"], event["version"], event["type"]) for event in history]
        if told != [(event.position, event.version, event.topic) for event in events]:
            yield f"the history of {order_id} is {told}"


def faults_of_refused(partner: Client, partner_id: str, asked: list[Asked], most: int = 20) -> Iterator[str]:
    """The references of orders that were refused, and only refused, are free: they are taken now."""
    creates = [one for one in asked if one.operation == "create"]
    taken = {one.reference for one in creates if one.outcome != "refused"}
    free = sorted({one.reference for one in creates} - taken)
    for reference in free[:most]:
        answer = partner.call("POST", "/channelManager", order_body(partner_id, reference, paid=True))
        if answer.status != 201:
            yield f"{reference} was refused, and is taken: {answer}"


def lags(operator: Client) -> list[str]:
    """What is not done yet: consumers behind the log, orders in flight; and what should never be there."""
    status = operator.got("GET", "/admin/status")
    behind = [f"{one['name']} lags by {one['lag']}" for one in status["consumers"] if one["lag"]]
    flying = [f"{count} {name}" for name, count in status["inFlight"].items() if count]
    wrong = [f"{name}: {status[name]}" for name in ("deadDeliveries", "parkedEvents", "deadLetters") if status[name]]
    halted = [f"{one['name']} halted: {one['halted']}" for one in status["consumers"] if one["halted"]]
    return behind + flying + wrong + halted
