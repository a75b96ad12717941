"""What orders hold and have is what operators and partners see, at each step of an order's life."""

from __future__ import annotations

from typing import Any

from tests.integration.api.serving import OPERATOR_KEY
from tests.integration.api.shop import Shop, line
from tests.integration.api.venue import DAY, venue_catalog


async def _tour(shop: Shop) -> tuple[int, int, int]:
    """Held and sold at ten o'clock, as operators see it, and what partners see of it as free."""
    range_ = f"from={DAY}&to={DAY}"
    allotments = await shop.get(f"/admin/allotments?admission=TOUR&{range_}", key=OPERATOR_KEY)
    available = await shop.get(f"/availability?itemNumber=31005&{range_}")
    row: dict[str, Any] = allotments.body["data"][0]
    assert row["free"] == row["capacity"] - row["held"] - row["sold"] == available.body["data"][0]["free"]
    return row["held"], row["sold"], row["free"]


def _tours(quantity: int) -> list[dict[str, Any]]:
    return [line(itemNumber="31005", quantity=quantity, visitDate=DAY.isoformat(), visitTime="10:30:00")]


async def test_places_follow_the_order(shop: Shop) -> None:
    await shop.publish(venue_catalog())
    assert await _tour(shop) == (0, 0, 20)
    async with shop.issuing():
        draft = await shop.draft(items=_tours(3))
        assert await _tour(shop) == (3, 0, 17)
        await shop.issued(items=_tours(4))
        assert await _tour(shop) == (3, 4, 13)
        assert (await shop.call("POST", f"{draft}/confirm", {"paymentReference": "P"})).status == 200
        assert await _tour(shop) == (0, 7, 13)
        assert (await shop.call("DELETE", draft)).status == 200
        assert await _tour(shop) == (0, 4, 16)
        refused = await shop.settled(await shop.created(items=_tours(17)))
        assert (refused["status"], await _tour(shop)) == ("Error", (0, 4, 16))


async def test_an_order_in_error_for_want_of_places_is_issued_once_an_operator_gives_more(shop: Shop) -> None:
    await shop.publish(venue_catalog())
    where = f"/admin/allotments/TOUR/{DAY}"
    closed = await shop.call("PUT", where, {"capacity": 0, "slotStart": "10:00:00"}, key=OPERATOR_KEY)
    assert closed.status == 200
    async with shop.issuing():
        path = await shop.created(items=_tours(1), paymentReference="P")
        order = await shop.settled(path)
        assert order["status"] == "Error"
        await shop.call("PUT", where, {"capacity": 1, "slotStart": "10:00:00"}, key=OPERATOR_KEY)
        again = f"/admin/orders/{order['orderId']}/reprocess"
        assert (await shop.call("POST", again, key=OPERATOR_KEY)).status == 200
        assert (await shop.settled(path))["status"] == "Issued"
    assert await _tour(shop) == (0, 1, 0)
