"""The story of four orders: what is sent, what must come, and how it is told."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from services.demo.guest import PAGE, PDF
from services.demo.opening import CLIENT_STATE
from services.demo.order import Ordered, event_rows, ticket_rows, tickets, wallets
from services.demo.surprise import Surprise, expect
from services.demo.topic import message_rows

if TYPE_CHECKING:
    from services.demo.caller import Answer
    from services.demo.endpoint import Endpoint
    from services.demo.guest import Guest
    from services.demo.narrator import Narrator
    from services.demo.opening import Opened
    from services.demo.topic import Topic

ORDERS = "/channelManager"
ADULT, CHILD, TOUR, CLASS, COFFEE, PACKAGE = "31001", "31003", "31005", "31009", "33001", "40001"

ACCEPTED = "order taken: stored and answered"
SETTLED = "order sent, to webhook received"
COMMANDED = "order confirmed or cancelled"
READ = "order, list or history read"

_LIST_SECONDS = 5.0
_LIST_PAUSE_SECONDS = 0.02

# What happens behind the scenes of some ways: not part of what an order must have gone through.
_ASIDE = {"order.void_requested.v1", "order.issuance_deferred.v1", "order.issuance_resumed.v1"}
_WAY = ["submitted", "scheduled", "processing", "drafted"] * 2 + ["confirmed", "cancelled"]
_WAY[4] = "replaced"

# The same as other teams hear it: of each order, by the contract.
_PICKED_UP = ["submitted", "scheduled", "processing"]
_PAID = [*_PICKED_UP, "issued"]
_PAID_LATER = [*_PICKED_UP, "draft", *_PICKED_UP, "draft", "confirmed", "cancelled"]
_GIVEN_UP = [*_PICKED_UP, "draft", "removed"]


class Story:
    """Told by calls of an agent. `topic`: where there is one. `measured`: milliseconds of what is worth comparing."""

    def __init__(
        self, narrator: Narrator, opened: Opened, endpoint: Endpoint, guest: Guest, topic: Topic | None = None
    ) -> None:
        self._narrator = narrator
        self._agent = opened.agent
        self._partner_id = opened.partner_id
        self._prices = opened.prices
        self._groups = opened.groups
        self._endpoint = endpoint
        self._guest = guest
        self._topic = topic
        self._visit = opened.visit_day
        self.measured: defaultdict[str, list[float]] = defaultdict(list)

    async def tell(self) -> None:
        """From the first order to the history of the one that is paid later. Raises Surprise."""
        paid = await self._order_paid_at_once()
        outing = await self._order_of_other_kinds()
        later = await self._order_paid_later()
        await self._order_given_up()
        await self._what_is_left(paid, outing, later)

    async def _order_paid_at_once(self) -> Ordered:
        self._narrator.chapter("An order that is paid: tickets at once")
        self._narrator.say(
            "A guest has paid City Breaks for two day tickets and a coffee. City Breaks orders them; the answer comes "
            "as soon as the order is stored, and the tickets are made after it."
        )
        lines = [
            self._line(ADULT, 2, wallet={"names": ["Ada Nord", "Ben Nord"]}),
            self._line(COFFEE, 1),
        ]
        ordered = await self._create(lines, "CITY-0001", payment="PAY-77001")
        await self._settled(ordered, "Issued")
        order = await self._shown(ordered, "Issued")
        expect("tickets of the order", ["ticket", "ticket", "coupon"], [kind for kind, _ in tickets(order)])
        await self._heard(ordered, _PAID)
        return ordered

    async def _order_of_other_kinds(self) -> Ordered:
        self._narrator.chapter("A package, a guided tour and a school class")
        self._narrator.say(
            "A package is one wallet with several tickets and coupons, here a tour in the afternoon and a coffee. The "
            "tours have slots with a few places each. A class comes in on one ticket for all."
        )
        in_the_afternoon = {"itemNumber": TOUR, "visitDate": self._visit, "visitTime": "14:00:00"}
        lines = [
            self._line(PACKAGE, 1, componentSchedule=[in_the_afternoon], wallet={"names": ["Cleo Nord"]}),
            self._line(TOUR, 2),
            self._line(CLASS, 24, wallet={"names": ["Class 5b"]}),
        ]
        ordered = await self._create(lines, "CITY-0002", payment="PAY-77002")
        await self._settled(ordered, "Issued")
        order = await self._shown(ordered, "Issued")
        expect("the package's schedule", [in_the_afternoon], order["items"][0]["componentSchedule"])
        kinds = ["ticket", "coupon", "ticket", "ticket", "ticket"]
        expect("tickets of the order", kinds, [kind for kind, _ in tickets(order)])
        await self._guest_opens(order)
        await self._heard(ordered, _PAID)
        return ordered

    async def _guest_opens(self, order: dict[str, Any]) -> None:
        self._narrator.say(
            "City Breaks sends its guest the address of the tickets, which nobody can guess: a page for the phone, and "
            "a PDF for print, with a code for the gate on each ticket."
        )
        address: str = order["manifestUrl"]
        page = await self._guest.opens(address, "text/html", PAGE)
        numbers = [number for _, number in tickets(order)]
        expect("tickets on the page", numbers, [number for number in numbers if number.encode() in page.body])
        self._step("GET /manifests/{token}", f"200 {len(numbers)} tickets", page.ms, READ)
        pdf = await self._guest.opens(f"{address}.pdf", "application/pdf", PDF)
        expect("the beginning of the PDF", b"%PDF-", pdf.body[:5])
        self._narrator.step("GET /manifests/{token}.pdf", "200 PDF", pdf.ms)
        place, _, token = address.rpartition("/")
        self._narrator.show([(f"{place}/",), (token,), (f"kept: {page.kept}",), (f"kept: {pdf.kept}",)])

    async def _order_paid_later(self) -> Ordered:
        self._narrator.chapter("An order that is paid later: held, changed, paid, given back")
        self._narrator.say(
            "Without a payment the tickets are made as a Draft: reserved, but not valid at the gate yet."
        )
        ordered = await self._create([self._line(ADULT, 1)], "CITY-0003")
        await self._settled(ordered, "Draft")
        first = await self._shown(ordered, "Draft")

        self._narrator.say("The guest wants to bring a friend and a child: the whole order is sent again, changed.")
        ordered = ordered.with_lines([self._line(ADULT, 2), self._line(CHILD, 1)])
        answer = await self._agent.call("PUT", f"{ORDERS}/{ordered.order_id}", 200, ordered.body)
        self._accepted("PUT /channelManager/{orderId}", answer, ordered)
        await self._settled(ordered, "Draft")
        second = await self._shown(ordered, "Draft")
        kept = set(tickets(first)) & set(tickets(second))
        expect("tickets of the first Draft that are left", set(), kept)

        self._narrator.say("The guest has paid: the tickets of the Draft become valid, as they are.")
        confirm = f"{ORDERS}/{ordered.order_id}/confirm"
        answer = await self._agent.call("POST", confirm, 200, {"paymentReference": "PAY-77003"})
        self._commanded("POST /channelManager/{orderId}/confirm", answer, "Issued")
        expect("tickets after confirmOrder", tickets(second), tickets(answer.body))

        self._narrator.say("The guest falls ill: the order is cancelled, and its tickets are destroyed.")
        answer = await self._agent.call("DELETE", f"{ORDERS}/{ordered.order_id}", 200)
        self._commanded("DELETE /channelManager/{orderId}", answer, "Cancelled")
        expect("items of the cancelled order", [], answer.body["items"])
        await self._heard(ordered, _PAID_LATER)
        return ordered

    async def _order_given_up(self) -> None:
        self._narrator.chapter("An order that nobody pays: removed")
        self._narrator.say("The guest never pays. A Draft that is cancelled is gone, unlike a cancelled order.")
        ordered = await self._create([self._line(ADULT, 1)], "CITY-0004")
        await self._settled(ordered, "Draft")
        path = f"{ORDERS}/{ordered.order_id}"
        answer = await self._agent.call("DELETE", path, 200)
        expect("the answer's removed", True, answer.body.get("removed"))
        self._commanded("DELETE /channelManager/{orderId}", answer, "Cancelled", ", removed")
        answer = await self._agent.call("GET", path, 404)
        self._step("GET /channelManager/{orderId}", f"404 {answer.body['code']}", answer.ms, READ)
        await self._heard(ordered, _GIVEN_UP)

    async def _what_is_left(self, paid: Ordered, outing: Ordered, later: Ordered) -> None:
        self._narrator.chapter("What is left")
        self._narrator.say("City Breaks lists its orders, the newest first.")
        expected = [(later.order_id, "Cancelled"), (outing.order_id, "Issued"), (paid.order_id, "Issued")]
        answer = await self._listed(expected)
        self._step("GET /channelManager/orders/{partnerId}", f"200 {len(expected)} orders", answer.ms, READ)
        self._narrator.show(
            (row["sellToOrderReference"], row["buyFromOrderReference"], row["status"]) for row in answer.body["data"]
        )
        self._narrator.say(
            f"Nothing that happened is overwritten: the events of order {later.reference}, with the time since the "
            "first. Void requests have the tickets of the step before destroyed."
        )
        answer = await self._agent.call("GET", f"{ORDERS}/{later.order_id}/history", 200)
        events = answer.body
        self._step("GET /channelManager/{orderId}/history", f"200 {len(events)} events", answer.ms, READ)
        self._narrator.show(event_rows(events), right=(0, 2))
        way = [event["type"].split(".")[1] for event in events if event["type"] not in _ASIDE]
        expect("the events of the order", _WAY, way)

    async def _create(self, lines: list[dict[str, Any]], reference: str, payment: str | None = None) -> Ordered:
        body: dict[str, Any] = {
            "partnerId": self._partner_id,
            "sellToOrderReference": reference,
            "sellToName": "Ada Nord",
            "sellToEmail": "ada.nord@example.com",
            "items": lines,
        }
        if payment is not None:
            body["paymentReference"] = payment
        answer = await self._agent.call("POST", ORDERS, 201, body)
        ordered = Ordered(answer.body["orderId"], reference, body, answer.sent_at)
        self._accepted("POST /channelManager", answer, ordered)
        return ordered

    def _line(self, item: str, quantity: int, **more: object) -> dict[str, Any]:
        return {"itemNumber": item, "quantity": quantity, "visitDate": self._visit, "visitTime": "10:30:00", **more}

    def _accepted(self, request: str, answer: Answer, ordered: Ordered) -> None:
        expect(request, "Submitted", answer.body["status"])
        ordered.sent_at = answer.sent_at
        self._step(request, f"{answer.status} Submitted", answer.ms, ACCEPTED)

    def _commanded(self, request: str, answer: Answer, status: str, more: str = "") -> None:
        expect(request, status, answer.body["status"])
        self._step(request, f"{answer.status} {status}{more}", answer.ms, COMMANDED)

    async def _settled(self, ordered: Ordered, status: str) -> None:
        announcement = await self._endpoint.announced(ordered.order_id)
        expect("webhook's status", status, announcement.status)
        expect("webhook's clientState", CLIENT_STATE, announcement.client_state)
        ms = (announcement.at - ordered.sent_at) * 1000
        self._step("webhook (time since the order was sent)", f"{status}, signature holds", ms, SETTLED)

    async def _shown(self, ordered: Ordered, status: str) -> dict[str, Any]:
        answer = await self._agent.call("GET", f"{ORDERS}/{ordered.order_id}", 200)
        order: dict[str, Any] = answer.body
        expect("getOrder's status", status, order["status"])
        self._step("GET /channelManager/{orderId}", f"200 {status}", answer.ms, READ)
        each = [1 if line["itemNumber"] in self._groups else line["quantity"] for line in ordered.body["items"]]
        expect("wallets of the order", sum(each), len(wallets(order)))
        total = sum(self._prices[line["itemNumber"]] * line["quantity"] for line in ordered.body["items"])
        expect("the order's total", total, order["totals"]["inclVat"])
        totals = f"{order['totals']['inclVat']} {order['totals']['currencyCode']} with VAT"
        self._narrator.show([(f"order {order['buyFromOrderReference']}: {totals}",)])
        self._narrator.show(ticket_rows(order, self._groups), right=(3,))
        return order

    async def _heard(self, ordered: Ordered, kinds: list[str]) -> None:
        if self._topic is None:
            return
        self._narrator.say(f"What a consumer of another team has read of order {ordered.reference} from the topic:")
        messages = await self._topic.heard(ordered.order_id, len(kinds))
        self._narrator.show(message_rows(messages), right=(0,))
        expect("the order's messages on the topic", kinds, [one.kind for one in messages])

    async def _listed(self, expected: list[tuple[str, str]]) -> Answer:
        """Lists may lag by under a second: asked until it is there."""
        deadline = time.perf_counter() + _LIST_SECONDS
        while True:
            answer = await self._agent.call("GET", f"{ORDERS}/orders/{self._partner_id}", 200)
            listed = [(row["orderId"], row["status"]) for row in answer.body["data"]]
            if listed == expected:
                return answer
            if time.perf_counter() > deadline:
                raise Surprise("listOrdersByPartner", expected, listed)
            await asyncio.sleep(_LIST_PAUSE_SECONDS)

    def _step(self, request: str, came: str, ms: float, kind: str) -> None:
        self.measured[kind].append(ms)
        self._narrator.step(request, came, ms)
