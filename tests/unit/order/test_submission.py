"""The table of createOrder's body, rule by rule: what is taken, and which fault stands where."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.order.bodies import PARTNER, faults, line, order, report


def test_the_least_body_has_no_fault() -> None:
    assert faults(order()) == []


def test_a_body_with_everything_has_no_fault() -> None:
    whole = order(
        partnerId=PARTNER.upper(),
        paymentReference="PAY-1",
        sellToName="Jane Doe",
        sellToEmail="guest@example.com",
        sellToLanguage="enu",
        items=[
            line(
                quantity=2,
                sellToName=None,
                sellToEmail="",
                sellToLanguage="dan",
                wallet={"names": ["Jane", ""], "externalReferenceNumbers": ["", "X-1"], "componentSchedule": []},
                componentSchedule=[],
            )
        ],
    )
    assert faults(whole) == []


def test_what_answers_have_beside_is_accepted_and_ignored() -> None:
    read_only = {
        "orderId": 7,
        "status": "Issued",
        "statusMessage": "",
        "buyFromOrderReference": [],
        "receivedAt": "yesterday",
        "expiresAt": None,
        "jobId": "",
        "manifestUrl": {"a": 1},
        "totals": {"exclVat": 1.5},
    }
    of_line = {"lineNo": "x", "description": 7, "isPackage": "no", "wallets": []}
    assert faults(order(**read_only, items=[line(**of_line), line(wallets=None)])) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"partnerId": ...}, ("/partnerId", "required")),
        ({"partnerId": None}, ("/partnerId", "required")),
        ({"partnerId": "21e8c1d23f4a4c5b9e6d7f8a9b0c1d2e"}, ("/partnerId", "bad_format")),
        ({"sellToOrderReference": ...}, ("/sellToOrderReference", "required")),
        ({"sellToOrderReference": ""}, ("/sellToOrderReference", "too_short")),
        ({"sellToOrderReference": "x" * 51}, ("/sellToOrderReference", "too_long")),
        ({"paymentReference": "x" * 51}, ("/paymentReference", "too_long")),
        ({"paymentReference": 5}, ("/paymentReference", "wrong_type")),
        ({"sellToName": "x" * 101}, ("/sellToName", "too_long")),
        ({"sellToName": "a\0b"}, ("/sellToName", "bad_format")),
        ({"sellToEmail": "x" * 101}, ("/sellToEmail", "too_long")),
        ({"sellToLanguage": "x" * 11}, ("/sellToLanguage", "too_long")),
        ({"items": ...}, ("/items", "required")),
        ({"items": []}, ("/items", "too_few")),
        ({"items": [{}] * 501}, ("/items", "too_many")),
        ({"items": {}}, ("/items", "wrong_type")),
        ({"items": [None]}, ("/items/0", "wrong_type")),
        ({"note": "x"}, ("/note", "unknown_field")),
    ],
    ids=str,
)
def test_a_fault_in_the_header(changes: dict[str, Any], expected: tuple[str, str]) -> None:
    assert faults(order(**changes)) == [expected]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"itemNumber": ...}, ("itemNumber", "required")),
        ({"itemNumber": ""}, ("itemNumber", "too_short")),
        ({"itemNumber": "x" * 21}, ("itemNumber", "too_long")),
        ({"itemNumber": "99999"}, ("itemNumber", "unknown_item")),
        ({"quantity": 0}, ("quantity", "out_of_range")),
        ({"quantity": 10_000}, ("quantity", "out_of_range")),
        ({"quantity": 1.5}, ("quantity", "wrong_type")),
        ({"visitDate": ...}, ("visitDate", "required")),
        ({"visitDate": "2026-02-30"}, ("visitDate", "bad_format")),
        ({"visitDate": "2026-11-22"}, ("visitDate", "past_date")),
        ({"visitDate": "2026-12-24"}, ("visitDate", "closed_day")),
        ({"visitDate": "2027-07-01"}, ("itemNumber", "not_on_sale")),
        ({"visitTime": ...}, ("visitTime", "required")),
        ({"visitTime": "10:30"}, ("visitTime", "bad_format")),
        ({"sellToName": 7}, ("sellToName", "wrong_type")),
        ({"wallets": [{}]}, ("wallets", "read_only")),
        ({"wallet": []}, ("wallet", "wrong_type")),
        ({"wallet": {"colour": "red"}}, ("wallet/colour", "unknown_field")),
        ({"wallet": {"names": [None]}}, ("wallet/names/0", "wrong_type")),
        ({"wallet": {"names": ["x" * 101]}}, ("wallet/names/0", "too_long")),
        ({"wallet": {"names": []}}, ("wallet/names", "wallet_count")),
        ({"wallet": {"names": ["a", "b"]}}, ("wallet/names", "wallet_count")),
        ({"wallet": {"externalReferenceNumbers": ["a", "b"]}}, ("wallet/externalReferenceNumbers", "wallet_count")),
        ({"wallet": {"componentSchedule": [{}]}, "itemNumber": ...}, None),
    ],
    ids=str,
)
def test_a_fault_in_a_line(changes: dict[str, Any], expected: tuple[str, str] | None) -> None:
    found = faults(order(items=[line(), line(**changes)]))
    if expected is not None:
        assert found == [(f"/items/1/{expected[0]}", expected[1])]
    else:
        assert {code for _, code in found} == {"required"}


def test_the_advice_for_filled_wallets_says_what_to_send() -> None:
    [fault] = report(order(items=[line(wallets=[{"seqNo": 1}])])).faults
    assert "send wallet.names and wallet.externalReferenceNumbers" in fault.message


def test_a_partner_that_does_not_exist_is_unknown() -> None:
    assert faults(order(), known=False) == [("/partnerId", "unknown_partner")]
    assert faults(order(partnerId="x"), known=False) == [("/partnerId", "bad_format")]


def test_without_a_catalog_every_item_is_unknown() -> None:
    assert faults(order(items=[line(), line(visitDate="2020-01-01")]), catalog=None) == [
        ("/items/0/itemNumber", "unknown_item"),
        ("/items/1/itemNumber", "unknown_item"),
    ]


def test_the_day_counts_at_the_venue() -> None:
    late = datetime(2026, 12, 1, 23, 30, tzinfo=UTC)  # half past midnight in Copenhagen
    assert faults(order(), now=late) == [("/items/0/visitDate", "past_date")]
    assert faults(order(), now=datetime(2026, 12, 1, 22, 59, tzinfo=UTC)) == []


def test_the_day_of_an_unknown_item_is_looked_at_all_the_same() -> None:
    assert faults(order(items=[line(itemNumber="99999", visitDate="2020-01-01")])) == [
        ("/items/0/itemNumber", "unknown_item"),
        ("/items/0/visitDate", "past_date"),
    ]


@pytest.mark.parametrize("item", ["31005", "31009", "40001"], ids=["timed", "group ticket", "package"])
def test_everything_in_the_catalog_can_be_ordered(item: str) -> None:
    assert faults(order(items=[line(itemNumber=item)])) == []


def test_a_timed_item_needs_a_slot() -> None:
    assert faults(order(items=[line(itemNumber="31005", visitTime="12:00:00")])) == [
        ("/items/0/visitTime", "no_such_slot")
    ]


def test_a_slot_that_ended_an_hour_ago_is_past_and_one_that_goes_on_is_not() -> None:
    today = line(itemNumber="31005", visitTime="10:30:00")
    an_hour_ago = datetime(2026, 12, 1, 11, tzinfo=UTC)  # 12:00 at the venue; the slot was from 10 to 11
    assert faults(order(items=[today]), now=an_hour_ago) == [("/items/0/visitTime", "past_date")]
    assert faults(order(items=[today]), now=datetime(2026, 12, 1, 9, 59, 59, tzinfo=UTC)) == []
    in_a_package = {**today, "itemNumber": "40001"}
    assert faults(order(items=[in_a_package]), now=an_hour_ago) == [("/items/0/visitTime", "past_date")]


# Wallets


def test_a_wallet_count_is_the_quantity() -> None:
    assert faults(order(items=[line(quantity=2, wallet={"names": ["a", "b"]})])) == []
    assert faults(order(items=[line(quantity=3, wallet={"names": ["a", "b"]})])) == [
        ("/items/0/wallet/names", "wallet_count")
    ]


def test_a_group_ticket_has_one_wallet_whatever_its_quantity() -> None:
    wallet = {"names": ["5b", "5c"]}
    one = {"names": ["5b"], "externalReferenceNumbers": ["SCHOOL-5B"]}
    assert faults(order(items=[line(itemNumber="31009", quantity=24, wallet=one)])) == []
    assert faults(order(items=[line(itemNumber="31009", quantity="?", wallet=wallet)])) == [
        ("/items/0/quantity", "wrong_type"),
        ("/items/0/wallet/names", "wallet_count"),
    ]


@pytest.mark.parametrize("changes", [{"itemNumber": "99999"}, {"quantity": 0}])
def test_wallets_are_not_counted_where_their_number_cannot_be_told(changes: dict[str, Any]) -> None:
    codes = [code for _, code in faults(order(items=[line(**changes, wallet={"names": ["a", "b"]})]))]
    assert codes in (["unknown_item"], ["out_of_range"])


def test_an_order_has_at_most_so_many_wallets() -> None:
    items = [line(quantity=1000), line(quantity=1001)]
    assert faults(order(items=items)) == [("/items", "too_many")]
    assert faults(order(items=items), max_wallets=2001) == []
    assert faults(order(items=[line(quantity=2000)])) == []
    groups = [line(itemNumber="31009", quantity=9999)] * 500
    assert faults(order(items=groups)) == []
    assert faults(order(items=[*groups, line(itemNumber="40001", quantity=2000)])) == [("/items", "too_many")]


def test_an_external_reference_number_is_given_once_in_an_order() -> None:
    items = [
        line(quantity=3, wallet={"externalReferenceNumbers": ["X-1", "", "X-1"]}),
        line(quantity=3, wallet={"externalReferenceNumbers": ["X-2", "X-1", ""]}),
    ]
    assert faults(order(items=items)) == [
        ("/items/0/wallet/externalReferenceNumbers/2", "duplicate"),
        ("/items/1/wallet/externalReferenceNumbers/1", "duplicate"),
    ]


def test_a_faulty_external_reference_number_is_not_compared() -> None:
    items = [line(quantity=2, wallet={"externalReferenceNumbers": [7, 7]})]
    assert [code for _, code in faults(order(items=items))] == ["wrong_type", "wrong_type"]


# The whole


def test_faults_come_in_the_order_of_the_document_and_what_is_missing_last() -> None:
    body = b"""{"items": [{"visitTime": "25:00:00", "quantity": 0, "itemNumber": "99999", "visitDate": "2020-01-01"},
                          {"wallet": {"names": ["a", "b", 3]}, "itemNumber": "31001"}],
                "colour": "red", "partnerId": "21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e"}"""
    assert faults(body, known=False) == [
        ("/items/0/visitTime", "bad_format"),
        ("/items/0/quantity", "out_of_range"),
        ("/items/0/itemNumber", "unknown_item"),
        ("/items/0/visitDate", "past_date"),
        ("/items/1/wallet/names", "wallet_count"),
        ("/items/1/wallet/names/2", "wrong_type"),
        ("/items/1/visitDate", "required"),
        ("/items/1/visitTime", "required"),
        ("/colour", "unknown_field"),
        ("/partnerId", "unknown_partner"),
        ("/sellToOrderReference", "required"),
    ]


def test_a_hundred_faults_are_shown_and_more_are_told_of() -> None:
    hundred = report(order(items=[line(itemNumber="99999")] * 100))
    assert (len(hundred.faults), hundred.truncated) == (100, False)
    more = report(order(items=[line(itemNumber="99999")] * 101))
    assert (len(more.faults), more.truncated) == (100, True)
    assert more.faults[-1].pointer == "/items/99/itemNumber"
    mixed = report(order(items=[line(itemNumber="99999", quantity=0)] * 500))
    assert [fault.pointer for fault in mixed.faults[:3]] == [
        "/items/0/itemNumber",
        "/items/0/quantity",
        "/items/1/itemNumber",
    ]
    assert (len(mixed.faults), mixed.truncated) == (100, True)


@pytest.mark.parametrize("body", [b"null", b"[]", b'"order"', b"7", b"true"])
def test_what_is_no_object_has_one_fault(body: bytes) -> None:
    assert faults(body) == [("", "wrong_type")]
