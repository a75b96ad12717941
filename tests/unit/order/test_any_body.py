"""Whatever JSON comes as an order: faults at places that exist, or an order; never a crash, and never a guess."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalog.items import Catalog
from domain.faults import FAULT_LIMIT
from domain.order.submission import order_content, submission_faults
from tests.unit.order.bodies import CATALOG, NOW, PARTNER, READER

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def mostly(*usual: Any) -> st.SearchStrategy[Any]:
    """One of the usual values, and now and then anything at all."""
    values = st.one_of([value if isinstance(value, st.SearchStrategy) else st.just(value) for value in usual])
    return st.integers(0, 40).flatmap(lambda chance: JSON if chance == 40 else values)


SCHEDULES = mostly(
    st.lists(
        st.fixed_dictionaries(
            {
                "itemNumber": mostly("31005", "33001", "31001", "99999"),
                "visitDate": mostly("2026-12-01", "2020-01-01", "2026-12-25"),
                "visitTime": mostly("10:30:00", "12:00:00"),
            }
        ),
        max_size=3,
    )
)
TEXTS = mostly(st.lists(mostly("", "A", "B"), max_size=2))
WALLETS = mostly(
    None,
    st.fixed_dictionaries({}, optional={"names": TEXTS, "externalReferenceNumbers": TEXTS}),
    st.fixed_dictionaries({}, optional={"names": TEXTS, "componentSchedule": SCHEDULES}),
)
LINES = mostly(
    st.fixed_dictionaries(
        {
            "itemNumber": mostly("31001", "31001", "33001", "31009", "40001"),
            "visitDate": mostly("2026-12-01"),
            "visitTime": mostly("10:30:00", "12:00:00"),
        },
        optional={
            "quantity": mostly(1, 1, 2),
            "sellToName": mostly(None, "", "Jane"),
            "sellToLanguage": mostly(None, "", "dan"),
            "wallet": WALLETS,
            "componentSchedule": mostly(None, None, SCHEDULES),
            "wallets": mostly(None, []),
            "lineNo": JSON,
        },
    ),
    st.fixed_dictionaries(
        {
            "itemNumber": mostly("31001", "31005", "31009", "40001", "99999"),
            "visitDate": mostly("2026-12-24", "2020-01-01", "2030-01-01"),
            "visitTime": mostly("10:30:00", "12:00:00"),
        },
        optional={"quantity": st.integers(0, 3), "wallet": WALLETS, "componentSchedule": SCHEDULES},
    ),
)
ORDERS = st.fixed_dictionaries(
    {
        "partnerId": mostly(PARTNER),
        "sellToOrderReference": mostly(st.text(min_size=1, max_size=6, alphabet="ab/~")),
        "items": mostly(st.lists(LINES, min_size=1, max_size=3)),
    },
    optional={"paymentReference": mostly(None, "", "P"), "sellToLanguage": mostly("dan", ""), "status": JSON},
)


def resolves(document: Any, pointer: str) -> bool:
    """Whether the place is in the document, or a member that an object of it lacks."""
    *containers, last = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")][1:] or [""]
    for token in containers:
        document = document[int(token)] if isinstance(document, list) else document[token]
    if isinstance(document, list):
        return pointer == "" or int(last) < len(document)
    return isinstance(document, dict) or pointer == ""


@settings(max_examples=400, deadline=None)
@given(
    body=mostly(ORDERS),
    catalog=st.sampled_from([CATALOG, CATALOG, CATALOG, None]),
    known=st.sampled_from([True, True, True, False]),
)
def test_any_json_gives_faults_at_their_places_or_an_order(body: Any, catalog: Catalog | None, known: bool) -> None:
    reading = READER.read(msgspec.json.encode(body))
    report = reading.report(submission_faults(reading.value, catalog, known, NOW))
    assert len(report.faults) <= FAULT_LIMIT
    assert all(resolves(body, fault.pointer) for fault in report.faults)
    assert len(report.faults) == len({(fault.pointer, fault.code) for fault in report.faults})
    if not report:
        assert catalog is not None
        content = order_content(reading.value, catalog, None)
        assert [line.item_number for line in content.lines] == [line["itemNumber"] for line in body["items"]]
        for line in content.lines:
            item = catalog.item(line.item_number)
            assert item is not None
            assert line.is_package == item.is_package
            assert not line.component_schedule or item.is_package
            wallets = item.wallet_count(line.quantity)
            assert len(line.wallet_names) in (0, wallets)
            assert len(line.external_reference_numbers) in (0, wallets)
