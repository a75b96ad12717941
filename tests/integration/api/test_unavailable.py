"""What is our own fault: told apart by whether anything may have been accepted, and without inner detail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from infra.event_store.group_commit import OutcomeUnknown, RefusedByStore, StoreUnavailable
from infra.postgres.errors import DatabaseUnavailable
from tests.integration.api.serving import Answer
from tests.integration.api.shop import Shop, eventually, projecting, stocked


def _failing(error: Exception) -> Callable[..., asyncio.Future[Any]]:
    def fail(*_: object, **__: object) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_exception(error)
        return future

    return fail


async def test_what_cannot_be_saved(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop.issuing():
        path = await shop.issued()
    log = await shop.log()
    for error, status, code in (
        (StoreUnavailable(), 503, "unavailable"),
        (OutcomeUnknown(), 503, "outcome_unknown"),
        (RefusedByStore("22021"), 500, "internal_error"),
        (RuntimeError("secret of the inside"), 500, "internal_error"),
    ):
        monkeypatch.setattr(shop.platform.group_commit, "append", _failing(error))
        with capture_logs():
            answers = (await shop.create(), await shop.call("DELETE", path))
        for answer in answers:
            assert (answer.status, answer.code) == (status, code)
            assert ("Retry-After" in answer.headers) is (status == 503)
            if status == 500:
                assert answer.body["correlationId"] == answer.headers["X-Correlation-Id"]
                assert "secret" not in answer.text
                assert "22021" not in answer.text
    assert (await shop.get(path)).status == 200
    monkeypatch.undo()
    assert await shop.log() == log


async def test_what_cannot_be_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await shop.created()
    monkeypatch.setattr(shop.platform.reads, "rows", _failing(DatabaseUnavailable("at 10.0.0.1")))
    for method, place in (
        ("GET", path),
        ("GET", f"{path}/history"),
        ("GET", f"/channelManager/orders/{shop.partner_id}"),
        ("DELETE", path),
    ):
        answer = await shop.call(method, place)
        assert (answer.status, answer.code, "10.0.0.1" in answer.text) == (503, "unavailable", False), (method, place)
        assert answer.headers["Retry-After"]


async def test_nothing_new_is_taken_while_issuance_is_too_far_behind(dsn: str) -> None:
    async with stocked(dsn, OTA_CM_MAX_BACKLOG_SECONDS="0.01") as shop, projecting(shop):
        async with shop.issuing():
            draft, issued = await shop.draft(sellToOrderReference="R"), await shop.issued()

        async def closed() -> Answer | None:
            answer = await shop.create()
            return answer if answer.status == 503 else None

        refused = await eventually(closed)
        assert (refused.code, int(refused.headers["Retry-After"]) >= 1) == ("unavailable", True)
        log = await shop.log()
        replaced = await shop.call("PUT", draft, shop.body(sellToOrderReference="R"))
        assert (replaced.status, replaced.code) == (503, "unavailable")
        assert (await shop.create(items=[])).status == 400  # what can never be taken is told so
        assert await shop.log() == log
        assert (await shop.call("POST", f"{draft}/confirm", {"paymentReference": "P"})).status == 200
        assert (await shop.call("DELETE", issued)).status == 200
        async with shop.issuing():

            async def opened() -> bool:
                return (await shop.create()).status == 201

            await eventually(opened)
