"""The bare server that the service is compared with: `python -m tests.bench.bare [--port 0]`.

An aiohttp application under uvloop that decodes a createOrder body and answers 201 with fixed bytes, and answers
getOrder with fixed bytes: what any service on this stack must spend before it does anything.
"""

import argparse
import sys

import msgspec
import uvloop
from aiohttp import web
from multidict import CIMultiDict

from tests.bench.serving import serve_until_stopped

_ORDER_ID = "9c6b2f4e-2b71-4d23-9d6a-a3b4c5d6e7f8"
_HEADER = {
    "orderId": _ORDER_ID,
    "status": "Submitted",
    "statusMessage": "",
    "partnerId": "21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e",
    "sellToOrderReference": "BENCH-00000000-0000000000",
    "buyFromOrderReference": "CM-7KQ2M-9XD4T-8HF2",
    "sellToEmail": "guest@example.com",
    "sellToName": "Jane Doe",
    "sellToLanguage": "ENU",
    "paymentReference": "PAY-987654",
    "receivedAt": "2026-11-23T10:15:30.123Z",
}
_ACCEPTED = msgspec.json.encode({**_HEADER, "jobId": "", "items": []})


def _wallet(number: int) -> dict[str, object]:
    return {
        "seqNo": number,
        "walletId": _ORDER_ID,
        "walletReferenceNumber": "W-123456789012",
        "externalReferenceNumber": "",
        "name": "Jane Doe",
        "issuedAt": "2026-11-23T10:15:30.456Z",
        "unitPriceExclVat": 100.25,
        "unitPriceInclVat": 125.25,
        "currencyCode": "DKK",
        "assets": [
            {
                "id": _ORDER_ID,
                "type": "ticket",
                "assetId": _ORDER_ID,
                "referenceNumber": "T123456789012ABCDEF",
                "itemNumber": "31001",
                "description": "Day ticket, adult",
            }
        ],
    }


_ISSUED = msgspec.json.encode(
    {
        **_HEADER,
        "status": "Issued",
        "jobId": _ORDER_ID,
        "items": [
            {
                "lineNo": 100000,
                "itemNumber": "31001",
                "description": "Day ticket, adult",
                "isPackage": False,
                "quantity": 2,
                "visitDate": "2026-12-01",
                "visitTime": "10:30:00",
                "sellToName": "Jane Doe",
                "sellToEmail": "guest@example.com",
                "sellToLanguage": "ENU",
                "wallets": [_wallet(1), _wallet(2)],
            }
        ],
        "totals": {"exclVat": 200.5, "vat": 50.25, "inclVat": 250.5, "currencyCode": "DKK"},
    }
)
_JSON = CIMultiDict({"Content-Type": "application/json"})  # the cheapest way to say it: the comparison is not helped


class Wallet(msgspec.Struct):
    names: list[str] = []


class Line(msgspec.Struct, rename="camel"):
    item_number: str
    visit_date: str
    visit_time: str
    quantity: int = 1
    wallet: Wallet | None = None


class Order(msgspec.Struct, rename="camel"):
    """A createOrder body, as far as the load generator sends it."""

    partner_id: str
    sell_to_order_reference: str
    items: list[Line]
    payment_reference: str = ""
    sell_to_name: str = ""
    sell_to_email: str = ""
    sell_to_language: str = ""


decode = msgspec.json.Decoder(Order).decode


async def create_order(request: web.Request) -> web.Response:
    decode(await request.read())
    return web.Response(status=201, body=_ACCEPTED, headers=_JSON)


async def get_order(request: web.Request) -> web.Response:  # noqa: ARG001  aiohttp's signature
    return web.Response(body=_ISSUED, headers=_JSON)


async def serve(port: int) -> None:
    app = web.Application()
    app.add_routes([web.post("/channelManager", create_order), web.get("/channelManager/{orderId}", get_order)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        await serve_until_stopped(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bare", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    uvloop.run(serve(parser.parse_args(arguments).port))


if __name__ == "__main__":
    main(sys.argv[1:])
