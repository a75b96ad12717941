"""Of several things wrong with a request, which one answers: each test puts all that can fail into one request, and
mends one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tests.integration.api.serving import OPERATOR_KEY
from tests.integration.api.shop import Shop, line

KEY = "Idempotency-Key"
STALE = {"If-Match": '"v99"'}


async def _tell(shop: Shop, steps: list[tuple[str, str, str, object, str | None, Mapping[str, str], str]]) -> None:
    """Each step: what is left wrong, method, path, body, key, headers, and the code that answers."""
    log = await shop.log()
    for what, method, path, body, key, headers, code in steps:
        answer = await shop.call(method, path, body, key=key, headers=headers)
        assert answer.code == code, (what, answer.text)
        assert answer.body["status"] == answer.status
    assert await shop.log() == log


async def test_of_create(shop: Shop) -> None:
    disabled, stranger = await shop.partner("Disabled"), await shop.partner("Stranger")
    disabled_key = await shop.partner_key(disabled)
    await shop.call("PATCH", f"/admin/partners/{disabled}", {"active": False}, key=OPERATOR_KEY)
    auditor = await shop.auditor_key()
    used = shop.body()
    assert (await shop.call("POST", "/channelManager", used, headers={KEY: "used"})).status == 201
    await shop.created(sellToOrderReference="TAKEN")

    def body(**changes: Any) -> dict[str, Any]:
        return shop.body(**{"sellToOrderReference": "TAKEN", "items": [line(quantity=0)], **changes})

    path = "/channelManager"
    text = {"Content-Type": "text/plain", KEY: ""}
    large = b"x" * (1024 * 1024 + 1)
    other = body(partnerId=stranger)
    await _tell(
        shop,
        [
            ("path", "PATCH", "/channelManagers", large, None, text, "resource_not_found"),
            ("method", "PATCH", path, large, None, text, "method_not_allowed"),
            ("key", "POST", path, large, None, text, "unauthorized"),
            ("key", "POST", path, large, "ota_p_unknown", text, "unauthorized"),
            ("scope", "POST", path, large, auditor, text, "forbidden"),
            ("disabled", "POST", path, large, disabled_key, text, "partner_inactive"),
            ("size", "POST", path, large, shop.key, text, "payload_too_large"),
            ("type", "POST", path, b"{", shop.key, text, "unsupported_media_type"),
            ("JSON", "POST", path, b"{", shop.key, {KEY: ""}, "malformed_json"),
            ("another's name", "POST", path, other, shop.key, {KEY: ""}, "forbidden"),
            ("another's name", "POST", path, {"partnerId": stranger}, shop.key, {KEY: "used"}, "forbidden"),
            ("nobody's name", "POST", path, body(partnerId=str(uuid4())), shop.key, {KEY: ""}, "forbidden"),
            ("disabled name", "POST", path, body(partnerId=disabled), OPERATOR_KEY, {KEY: ""}, "partner_inactive"),
            ("header", "POST", path, body(), shop.key, {KEY: ""}, "validation_failed"),
            ("header used", "POST", path, body(), shop.key, {KEY: "used"}, "idempotency_key_reused"),
            ("body", "POST", path, body(), shop.key, {KEY: "new"}, "validation_failed"),
            ("reference", "POST", path, body(items=[line()]), shop.key, {KEY: "new"}, "duplicate_order"),
        ],
    )


async def test_a_name_behind_a_hundred_faults_is_still_anothers(shop: Shop) -> None:
    stranger = await shop.partner("Stranger")
    body = {f"x{number}": 1 for number in range(150)} | {"partnerId": stranger}
    assert (await shop.call("POST", "/channelManager", body)).code == "forbidden"
    body["partnerId"] = shop.partner_id
    answer = await shop.call("POST", "/channelManager", body)
    assert (answer.code, answer.body["truncated"]) == ("validation_failed", True)


async def test_of_replace(shop: Shop) -> None:
    async with shop.issuing():
        draft = await shop.draft(sellToOrderReference="MINE")
    in_flight = await shop.created(sellToOrderReference="FLIES")
    stranger = await shop.partner("Stranger")
    strangers_key = await shop.partner_key(stranger)
    faulty = shop.body(partnerId=stranger, sellToOrderReference="OTHER", items=[line(quantity=0)])
    immutable = shop.body(partnerId=stranger, sellToOrderReference="OTHER")
    empty, nowhere = {KEY: "", **STALE}, f"/channelManager/{uuid4()}"
    await _tell(
        shop,
        [
            ("type", "PUT", nowhere, b"{", shop.key, {"Content-Type": "text/json", **empty}, "unsupported_media_type"),
            ("JSON", "PUT", nowhere, b"{", shop.key, empty, "malformed_json"),
            ("header", "PUT", nowhere, faulty, shop.key, empty, "validation_failed"),
            ("not there", "PUT", nowhere, faulty, shop.key, STALE, "resource_not_found"),
            ("no UUID", "PUT", "/channelManager/12", faulty, shop.key, STALE, "resource_not_found"),
            ("another's", "PUT", in_flight, faulty, strangers_key, STALE, "resource_not_found"),
            ("version", "PUT", in_flight, faulty, shop.key, STALE, "precondition_failed"),
            ("status", "PUT", in_flight, faulty, shop.key, {}, "order_in_flight"),
            ("body", "PUT", draft, faulty, shop.key, {}, "validation_failed"),
            ("partner", "PUT", draft, immutable, shop.key, {}, "immutable_field"),
        ],
    )
    await shop.call("PATCH", f"/admin/partners/{shop.partner_id}", {"active": False}, key=OPERATOR_KEY)
    await _tell(
        shop,
        [
            ("disabled", "PUT", nowhere, b"{", shop.key, empty, "partner_inactive"),
            ("not there", "PUT", nowhere, faulty, OPERATOR_KEY, STALE, "resource_not_found"),
            ("disabled", "PUT", in_flight, faulty, OPERATOR_KEY, STALE, "partner_inactive"),
        ],
    )
    assert (await shop.call("POST", f"{draft}/confirm", {"paymentReference": "P"}, key=OPERATOR_KEY)).status == 200
    assert (await shop.call("DELETE", draft, key=OPERATOR_KEY)).status == 200


async def test_of_confirm_and_cancel(shop: Shop) -> None:
    async with shop.issuing():
        draft = await shop.draft()
    in_flight = await shop.created()
    strangers_key = await shop.partner_key(await shop.partner("Stranger"))
    empty, nowhere = {KEY: "", **STALE}, f"/channelManager/{uuid4()}"
    await _tell(
        shop,
        [
            (
                "type",
                "POST",
                f"{nowhere}/confirm",
                b"{",
                "",
                {"Content-Type": "a/b", **empty},
                "unsupported_media_type",
            ),
            ("JSON", "POST", f"{nowhere}/confirm", b"{", "", empty, "malformed_json"),
            ("JSON", "POST", f"{draft}/confirm", b"{", strangers_key, empty, "malformed_json"),
            ("JSON", "POST", "/channelManager/12/confirm", b"{", "", STALE, "malformed_json"),
            ("no UUID", "POST", "/channelManager/12/confirm", {}, "", STALE, "resource_not_found"),
            ("header", "POST", f"{nowhere}/confirm", {}, "", empty, "validation_failed"),
            ("not there", "POST", f"{nowhere}/confirm", {}, "", STALE, "resource_not_found"),
            ("another's", "POST", f"{in_flight}/confirm", {}, strangers_key, STALE, "resource_not_found"),
            ("version", "POST", f"{in_flight}/confirm", {}, "", STALE, "precondition_failed"),
            ("status", "POST", f"{in_flight}/confirm", {}, "", {}, "order_in_flight"),
            ("body", "POST", f"{draft}/confirm", {}, "", {}, "validation_failed"),
            ("header", "DELETE", nowhere, None, "", empty, "validation_failed"),
            ("not there", "DELETE", nowhere, None, "", STALE, "resource_not_found"),
            ("another's", "DELETE", in_flight, None, strangers_key, STALE, "resource_not_found"),
            ("version", "DELETE", in_flight, None, "", STALE, "precondition_failed"),
            ("status", "DELETE", in_flight, None, "", {}, "order_in_flight"),
        ],
    )


async def test_who_sees_which_order_and_list(shop: Shop) -> None:
    path = await shop.created()
    stranger = await shop.partner("Stranger")
    strangers_key, auditor = await shop.partner_key(stranger), await shop.auditor_key()
    gate = (await shop.made("/admin/keys", {"scope": "gate", "name": "gate"}))["key"]
    lists = "/channelManager/orders"
    nobody = f"/channelManager/{uuid4()}"
    for method, place, key, status in (
        ("GET", path, auditor, 200),
        ("GET", f"{path}/history", auditor, 200),
        ("GET", f"{lists}/{shop.partner_id}", auditor, 200),
        ("GET", f"{lists}/{shop.partner_id}", OPERATOR_KEY, 200),
        ("GET", f"{lists}/{shop.partner_id.upper()}", shop.key, 200),
        ("GET", f"{lists}/{uuid4()}", auditor, 404),
        ("GET", f"{lists}/{uuid4()}", OPERATOR_KEY, 404),
        ("GET", f"{lists}/what", OPERATOR_KEY, 404),
        ("GET", f"{lists}/{stranger}", shop.key, 403),
        ("GET", f"{lists}/{uuid4()}", shop.key, 403),
        ("GET", path, gate, 403),
        ("GET", f"{lists}/{shop.partner_id}", gate, 403),
        ("DELETE", path, auditor, 403),
        ("GET", path, strangers_key, 404),
        ("GET", f"{path}/history", strangers_key, 404),
        ("GET", f"{path}?asOf=2099-01-01T00:00:00Z", strangers_key, 404),
        ("GET", nobody, shop.key, 404),
        ("GET", "/channelManager/no-uuid", shop.key, 404),
        ("GET", "/channelManager/no-uuid/history", shop.key, 404),
    ):
        answer = await shop.call(method, place, key=key)
        assert answer.status == status, (method, place, answer.text)
    of_another = await shop.get(path, key=strangers_key)
    of_nobody = await shop.get(nobody, key=strangers_key)
    assert of_another.text == of_nobody.text
