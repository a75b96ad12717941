"""Deleting a partner: with all that is its, and never past an order that is on its way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import chain
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from domain.api_key import KeyCreated, key_hash
from domain.order.commands import SubmitOrder
from domain.order.content import OrderContent
from domain.streams import key_stream
from infra.event_store.mapper import Actor
from infra.postgres.errors import DatabaseUnavailable
from services.api import partner_deletion
from services.ordering.context import CommandContext
from services.setup.streams import KEYS
from tests.integration.api.ordering import publish_catalog, submit
from tests.integration.api.serving import Answer, Api
from tests.unit.order.examples import IDENTITY, LINE

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)


def _context() -> CommandContext:
    return CommandContext(uuid4(), NOW, Actor("operator"), "test")


async def _disabled(api: Api, path: str) -> None:
    """Returns once the partner is disabled: the deletion has looked for orders once, and will again."""
    while (await api.call("GET", path)).body["active"]:
        pass


async def test_a_deleted_partner_is_gone_with_its_keys_and_subscriptions(api: Api) -> None:
    partner_id = await api.partner()
    key = await api.partner_key(partner_id)
    webhook = {"notificationUrl": "https://agent.example.com/", "eventName": "ota_cm_order_processed"}
    subscription = await api.made("/webhook", webhook, key=key)
    deleted = await api.call("DELETE", f"/admin/partners/{partner_id}")
    assert (deleted.status, deleted.text) == (204, "")
    assert (await api.call("GET", "/webhook", key=key)).status == 401
    for path in (
        f"/admin/partners/{partner_id}",
        f"/admin/partners/{partner_id}/keys",
        f"/webhook/{subscription['id']}",
        f"/webhook?partnerId={partner_id}",
    ):
        assert (await api.call("GET", path)).status == 404, path
    assert (await api.call("GET", "/admin/partners")).body["data"] == []
    assert (await api.call("GET", "/webhook")).body["data"] == []
    assert (await api.call("DELETE", f"/admin/partners/{partner_id}")).status == 404
    # its history names it for ever
    again = await api.call("POST", "/admin/partners", {"name": "Agent", "partnerId": partner_id})
    assert (again.status, again.code) == (409, "partner_exists")


async def test_a_partner_is_not_deleted_for_an_order_that_no_list_shows_yet(api: Api) -> None:
    """Nothing projects here: the order is in the log alone, as one accepted a moment ago is."""
    await publish_catalog(api)
    partner_id = await api.partner()
    assert (await submit(api, partner_id)).status == 201
    path = f"/admin/partners/{partner_id}"
    before = await api.call("GET", path)
    refused = await api.call("DELETE", path)
    assert (refused.status, refused.code) == (409, "partner_has_orders")
    after = await api.call("GET", path)
    assert (after.body, after.headers["ETag"]) == (before.body, before.headers["ETag"])


async def test_orders_that_race_with_a_deletion_lose_or_keep_the_partner(api: Api, other: Api) -> None:
    await publish_catalog(api)
    partner_id = await api.partner()
    path = f"/admin/partners/{partner_id}"
    deletion = asyncio.create_task(api.call("DELETE", path))

    async def order(instance: Api, number: int) -> list[Answer]:
        """One after the other on one instance, until the deletion is through."""
        answers: list[Answer] = []
        while not deletion.done():
            answers.append(await submit(instance, partner_id, f"R-{number}-{len(answers)}"))
        return answers

    answers = list(chain.from_iterable(await asyncio.gather(order(api, 1), order(other, 2))))
    deleted = await deletion
    accepted = [answer for answer in answers if answer.status == 201]
    if deleted.status == 204:
        assert accepted == []
        assert (await api.call("GET", path)).status == 404
    else:
        assert (deleted.status, deleted.code) == (409, "partner_has_orders")
        assert accepted
        assert (await api.call("GET", path)).body["active"] is True
    assert {answer.code for answer in answers if answer.status == 403} <= {"partner_inactive"}


async def test_an_order_that_another_process_takes_after_the_first_look_keeps_the_partner(api: Api) -> None:
    partner_id = await api.partner()
    path = f"/admin/partners/{partner_id}"
    before = (await api.call("GET", path)).body
    deletion = asyncio.create_task(api.call("DELETE", path))
    await _disabled(api, path)
    # as by a process that has not heard of it yet
    identity = replace(IDENTITY, partner_id=UUID(partner_id))
    await api.platform.ordering.submit(uuid4(), SubmitOrder(identity, OrderContent((LINE,))), _context())
    refused = await deletion
    assert (refused.status, refused.code) == (409, "partner_has_orders")
    assert (await api.call("GET", path)).body == before


async def test_a_partner_that_is_changed_meanwhile_is_not_deleted(api: Api) -> None:
    partner_id = await api.partner()
    path = f"/admin/partners/{partner_id}"
    deletion = asyncio.create_task(api.call("DELETE", path))
    await _disabled(api, path)
    assert (await api.call("PATCH", path, {"active": True})).status == 200
    refused = await deletion
    assert (refused.status, refused.code) == (412, "precondition_failed")
    assert (await api.call("GET", path)).body["active"] is True


async def test_no_answer_says_that_nothing_changed_once_it_is_disabled(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> bool:
        raise DatabaseUnavailable

    partner_id = await api.partner()
    path = f"/admin/partners/{partner_id}"
    deletion = asyncio.create_task(api.call("DELETE", path))
    await _disabled(api, path)
    with monkeypatch.context() as while_it_is_away:
        while_it_is_away.setattr(partner_deletion, "any_order_of_partner", away)
        unknown = await deletion
    assert (unknown.status, unknown.code) == (503, "outcome_unknown")
    assert (await api.call("DELETE", path)).status == 204


async def test_a_key_that_is_made_while_its_partner_is_deleted_ends_with_it(api: Api) -> None:
    partner_id = await api.partner()
    assert (await api.call("DELETE", f"/admin/partners/{partner_id}")).status == 204
    key_id = uuid4()
    late = KeyCreated(key_id, key_hash("late"), "partner", "late", NOW, UUID(partner_id))
    await api.platform.setup.change(KEYS, key_stream(key_id), lambda _: [late], _context())
    assert (await api.call("GET", "/webhook", key="late")).status == 401
