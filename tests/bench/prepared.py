"""Requests as bytes that are ready to be sent: only a fixed-width part differs from one to the next."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

NextRequest = Callable[[], bytes]

_SAME_MOMENT = 64  # a repeat as a nervous client sends it: its original is perhaps still on its way


def visit_date() -> str:
    """The day that all of them want."""
    return (datetime.now(UTC) + timedelta(days=30)).date().isoformat()


def create_order_body(partner_id: str, reference: str) -> bytes:
    """A createOrder body as the trade sends it: one line, two guests by name, paid."""
    return msgspec.json.encode(
        {
            "partnerId": partner_id,
            "sellToOrderReference": reference,
            "paymentReference": "PAY-987654",
            "sellToName": "Jane Doe",
            "sellToEmail": "guest@example.com",
            "sellToLanguage": "ENU",
            "items": [
                {
                    "itemNumber": "31001",
                    "quantity": 2,
                    "visitDate": visit_date(),
                    "visitTime": "10:30:00",
                    "wallet": {"names": ["Jane Doe", "John Doe"]},
                }
            ],
        }
    )


def create_orders(host: str, key: str, partner_id: str, run: str, duplicates: float, seed: int) -> NextRequest:
    """createOrder requests, each with a reference of its own.

    `run` keeps the references of two loads apart. `duplicates` (0 to 1) is the share that repeats an earlier
    reference: every other repeat one of the last few, so that the original may still be in flight, and the rest
    one from any time before.
    """
    mark = "#" * 10
    body = create_order_body(partner_id, f"BENCH-{run}-{mark}")
    head = (
        f"POST /channelManager HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    before, after = (head + body).split(mark.encode())
    chance = random.Random(seed).random
    last = 0
    repeats = 0

    def next_request() -> bytes:
        nonlocal last, repeats
        number = last
        if duplicates and last and chance() < duplicates:
            repeats += 1
            reach = min(last, _SAME_MOMENT) if repeats % 2 else last
            number = last - 1 - int(chance() * reach)
        else:
            last += 1
        return b"%b%010d%b" % (before, number, after)

    return next_request


def get_orders(host: str, key: str, order_ids: list[bytes], seed: int) -> NextRequest:
    """getOrder requests over the given orders, in shuffled order, round and round."""
    shuffled = list(order_ids)
    random.Random(seed).shuffle(shuffled)
    head = b"GET /channelManager/"
    rest = f" HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    count = len(shuffled)
    sent = 0

    def next_request() -> bytes:
        nonlocal sent
        order_id = shuffled[sent % count]
        sent += 1
        return head + order_id + rest

    return next_request
