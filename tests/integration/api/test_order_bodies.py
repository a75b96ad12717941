"""What a body of createOrder may say: every row of the contract's table, and every fault at its place."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from tests.integration.api.serving import OPERATOR_KEY
from tests.integration.api.shop import SHOP_CATALOG, TICKET, Shop, line

EMOJI = "🎟"
READ_ONLY = (
    *("orderId", "status", "statusMessage", "buyFromOrderReference", "receivedAt", "expiresAt", "jobId"),
    *("manifestUrl", "totals"),
)


def wallet(**members: Any) -> dict[str, Any]:
    return {"wallet": members}


REFUSED: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("partnerId absent", {"partnerId": ...}, [("/partnerId", "required")]),
    ("partnerId null", {"partnerId": None}, [("/partnerId", "required")]),
    ("partnerId no UUID", {"partnerId": "21e8c1d23f4a4c5b9e6d7f8a9b0c1d2e"}, [("/partnerId", "bad_format")]),
    ("partnerId no text", {"partnerId": 1}, [("/partnerId", "wrong_type")]),
    ("reference absent", {"sellToOrderReference": ...}, [("/sellToOrderReference", "required")]),
    ("reference null", {"sellToOrderReference": None}, [("/sellToOrderReference", "required")]),
    ("reference empty", {"sellToOrderReference": ""}, [("/sellToOrderReference", "too_short")]),
    ("reference long", {"sellToOrderReference": EMOJI * 51}, [("/sellToOrderReference", "too_long")]),
    ("reference with NUL", {"sellToOrderReference": "A\0"}, [("/sellToOrderReference", "bad_format")]),
    ("payment long", {"paymentReference": "P" * 51}, [("/paymentReference", "too_long")]),
    ("payment no text", {"paymentReference": 1}, [("/paymentReference", "wrong_type")]),
    ("name long", {"sellToName": EMOJI * 101}, [("/sellToName", "too_long")]),
    ("e-mail long", {"sellToEmail": "e" * 101}, [("/sellToEmail", "too_long")]),
    ("language long", {"sellToLanguage": "E" * 11}, [("/sellToLanguage", "too_long")]),
    ("name with NUL", {"sellToName": "a\0b"}, [("/sellToName", "bad_format")]),
    ("items absent", {"items": ...}, [("/items", "required")]),
    ("items null", {"items": None}, [("/items", "required")]),
    ("items empty", {"items": []}, [("/items", "too_few")]),
    ("items an object", {"items": {}}, [("/items", "wrong_type")]),
    ("501 items, not looked into", {"items": [None] * 501}, [("/items", "too_many")]),
    ("item null", {"items": [None, line()]}, [("/items/0", "wrong_type")]),
    ("item number absent", {"items": [line(itemNumber=...)]}, [("/items/0/itemNumber", "required")]),
    ("item number empty", {"items": [line(itemNumber="")]}, [("/items/0/itemNumber", "too_short")]),
    ("item number long", {"items": [line(itemNumber="1" * 21)]}, [("/items/0/itemNumber", "too_long")]),
    ("item unknown", {"items": [line(itemNumber="99999")]}, [("/items/0/itemNumber", "unknown_item")]),
    ("quantity 0", {"items": [line(quantity=0)]}, [("/items/0/quantity", "out_of_range")]),
    ("quantity 10000", {"items": [line(quantity=10_000)]}, [("/items/0/quantity", "out_of_range")]),
    ("quantity huge", {"items": [line(quantity=10**30)]}, [("/items/0/quantity", "out_of_range")]),
    ("quantity true", {"items": [line(quantity=True)]}, [("/items/0/quantity", "wrong_type")]),
    ("quantity 1.0", {"items": [line(quantity=1.0)]}, [("/items/0/quantity", "wrong_type")]),
    ("quantity text", {"items": [line(quantity="1")]}, [("/items/0/quantity", "wrong_type")]),
    ("wallets 2001", {"items": [line(quantity=2000), line()]}, [("/items", "too_many")]),
    ("day absent", {"items": [line(visitDate=...)]}, [("/items/0/visitDate", "required")]),
    ("day null", {"items": [line(visitDate=None)]}, [("/items/0/visitDate", "required")]),
    ("day that is none", {"items": [line(visitDate="2099-02-30")]}, [("/items/0/visitDate", "bad_format")]),
    ("day with time", {"items": [line(visitDate="2099-02-03T00:00:00")]}, [("/items/0/visitDate", "bad_format")]),
    ("day past", {"items": [line(visitDate="2020-01-01")]}, [("/items/0/visitDate", "past_date")]),
    ("time absent", {"items": [line(visitTime=...)]}, [("/items/0/visitTime", "required")]),
    ("time short", {"items": [line(visitTime="10:30")]}, [("/items/0/visitTime", "bad_format")]),
    ("time with fraction", {"items": [line(visitTime="10:30:00.5")]}, [("/items/0/visitTime", "bad_format")]),
    ("time that is none", {"items": [line(visitTime="24:00:00")]}, [("/items/0/visitTime", "bad_format")]),
    ("line name long", {"items": [line(sellToName="n" * 101)]}, [("/items/0/sellToName", "too_long")]),
    ("wallet no object", {"items": [line(wallet=[])]}, [("/items/0/wallet", "wrong_type")]),
    (
        "names of another length",
        {"items": [line(quantity=2, **wallet(names=["A"], externalReferenceNumbers=["1", "2", "3"]))]},
        [("/items/0/wallet/names", "wallet_count"), ("/items/0/wallet/externalReferenceNumbers", "wallet_count")],
    ),
    (
        "name null, name long",
        {"items": [line(quantity=2, **wallet(names=[None, EMOJI * 101]))]},
        [("/items/0/wallet/names/0", "wrong_type"), ("/items/0/wallet/names/1", "too_long")],
    ),
    (
        "an external reference twice, over lines",
        {
            "items": [
                line(quantity=3, **wallet(externalReferenceNumbers=["", "X", ""])),
                line(quantity=2, **wallet(externalReferenceNumbers=["Y", "X"])),
            ]
        },
        [("/items/1/wallet/externalReferenceNumbers/1", "duplicate")],
    ),
    ("wallet with another field", {"items": [line(**wallet(phone="1"))]}, [("/items/0/wallet/phone", "unknown_field")]),
    ("filled wallets", {"items": [line(wallets=[{"name": "A"}])]}, [("/items/0/wallets", "read_only")]),
    ("wallets no array", {"items": [line(wallets="A")]}, [("/items/0/wallets", "wrong_type")]),
    (
        "components of a ticket",
        {
            "items": [
                line(componentSchedule=[{"itemNumber": "33001", "visitDate": "2099-01-01", "visitTime": "10:00:00"}])
            ]
        },
        [("/items/0/componentSchedule", "not_a_package")],
    ),
    ("another field", {"amount": 1}, [("/amount", "unknown_field")]),
    ("a name in another case", {"PaymentReference": "P"}, [("/PaymentReference", "unknown_field")]),
    ("a name with / and ~", {"a/b~c": 1}, [("/a~1b~0c", "unknown_field")]),
    ("NUL in what is ignored", {"status": {"a": ["\0"]}}, [("/status/a/0", "bad_format")]),
    (
        "in the order of the document, what is missing last",
        {
            "sellToName": 1,
            "items": [line(quantity=0, itemNumber=...), line(visitDate="2020-01-01", extra=1)],
            "zebra": 1,
            "sellToOrderReference": ...,
        },
        [
            ("/items/0/quantity", "out_of_range"),
            ("/items/0/itemNumber", "required"),
            ("/items/1/visitDate", "past_date"),
            ("/items/1/extra", "unknown_field"),
            ("/sellToName", "wrong_type"),
            ("/zebra", "unknown_field"),
            ("/sellToOrderReference", "required"),
        ],
    ),
]

ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("a partnerId in capitals", {"partnerId": "upper"}),
    ("50 code points", {"sellToOrderReference": EMOJI * 50}),
    ("100 code points", {"sellToName": EMOJI * 100, "sellToEmail": "é" * 100}),
    ("10 code points", {"sellToLanguage": "e" * 10}),
    ("null counts as absent", {"paymentReference": None, "sellToName": None, "sellToLanguage": None}),
    ("and so it does in a line", {"items": [line(quantity=None, wallet=None, componentSchedule=None, wallets=None)]}),
    ("an empty array of components", {"items": [line(componentSchedule=[], **wallet(componentSchedule=[]))]}),
    ("null arrays in a wallet", {"items": [line(**wallet(names=None, externalReferenceNumbers=None))]}),
    ("2,000 wallets", {"items": [line(quantity=2000)]}),
    ("500 lines", {"items": [line() for _ in range(500)]}),
    ("empty references are not compared", {"items": [line(quantity=3, **wallet(externalReferenceNumbers=[""] * 3))]}),
    (
        "what is read-only, whatever it is",
        {name: {"any": [1.5, None]} for name in READ_ONLY},
    ),
    ("and of a line", {"items": [line(lineNo="x", description=1, isPackage=[], wallets=[])]}),
]


async def test_every_fault_has_its_place_and_changes_nothing(shop: Shop) -> None:
    log = await shop.log()
    wrong = {}
    for what, changes, faults in REFUSED:
        answer = await shop.create(**changes)
        found = answer.faults if answer.status == 400 else answer.status
        if found != faults:
            wrong[what] = found
    assert wrong == {}
    assert await shop.log() == log


async def test_what_is_accepted(shop: Shop) -> None:
    for what, changes in ACCEPTED:
        if changes.get("partnerId") == "upper":
            changes = {"partnerId": shop.partner_id.upper()}
        answer = await shop.create(**changes)
        assert answer.status == 201, (what, answer.text)
        assert answer.body["partnerId"] == shop.partner_id


async def test_faults_are_told_to_a_hundred(shop: Shop) -> None:
    for count in (100, 101, 400):
        answer = await shop.create(items=[line(itemNumber="99999") for _ in range(count)])
        assert answer.faults == [(f"/items/{index}/itemNumber", "unknown_item") for index in range(100)]
        assert answer.body.get("truncated", False) is (count > 100)


async def test_a_partner_that_is_not_there_is_a_fault_for_an_operator(shop: Shop) -> None:
    body = shop.body(partnerId=str(uuid4()), sellToName=1)
    answer = await shop.call("POST", "/channelManager", body, key=OPERATOR_KEY)
    assert answer.faults == [("/partnerId", "unknown_partner"), ("/sellToName", "wrong_type")]


async def test_of_a_name_that_occurs_twice_the_last_one_counts(shop: Shop) -> None:
    stranger = await shop.partner("Stranger")
    first = json.dumps(shop.body())[:-1]
    for last, status in (
        (f'"sellToName": 1, "sellToName": "J", "partnerId": "{shop.partner_id}"', 201),
        ('"sellToName": "J", "sellToName": 1', 400),
        (f'"partnerId": "{stranger}"', 403),
    ):
        answer = await shop.call("POST", "/channelManager", f"{first}, {last}}}".encode())
        assert answer.status == status, answer.text
        if status == 201:
            assert answer.body["sellToName"] == "J"


async def test_a_line_inherits_clears_or_has_its_own(shop: Shop) -> None:
    lines = [
        line(),
        line(sellToName=None, sellToEmail=None, sellToLanguage=None),
        line(sellToName="", sellToEmail="own@example.com", sellToLanguage="dan"),
    ]
    header = {"sellToName": "Jane", "sellToEmail": "jane@example.com", "sellToLanguage": "enu"}
    path = await shop.failed(items=lines, **header)
    rows = (await shop.get(path)).body["items"]
    assert [(row["sellToName"], row["sellToEmail"], row["sellToLanguage"]) for row in rows] == [
        ("Jane", "jane@example.com", "ENU"),
        ("", "", ""),
        ("", "own@example.com", "DAN"),
    ]
    assert [row["quantity"] for row in rows] == [1, 1, 1]


async def test_what_was_put_on_sale_a_moment_ago_is_known(shop: Shop) -> None:
    """On this instance or another: before a refusal, the log is asked."""
    new = {**TICKET, "itemNumber": "NEW"}
    assert (await shop.create(items=[line(itemNumber="NEW")])).faults == [("/items/0/itemNumber", "unknown_item")]
    await shop.publish({**SHOP_CATALOG, "items": [TICKET, new]})
    assert (await shop.create(items=[line(itemNumber="NEW")])).status == 201
