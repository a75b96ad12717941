"""One issuer that hangs or fails, behind the port beside a healthy one: the shop stays open, and the others' orders
are issued as if it were not there."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Literal
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from domain.issuance.issuance import Issuance
from domain.issuance.issuer import IssueJob, IssuerAway, TicketIssuer
from services.issuer import patience
from services.issuer.role import issuer_role
from tests.integration.api.serving import OPERATOR_KEY
from tests.integration.api.shop import Shop, eventually, line, projecting, stocked

SICK, HEALTHY = "33001", "31001"
BACKLOG_SECONDS = 2.0
Sickness = Literal["hangs", "is away", "fails"]


class TwoIssuers:
    """Behind one port: who issues coffee may be sick, who issues tickets never is."""

    def __init__(self, healthy: TicketIssuer) -> None:
        self._healthy = healthy
        self.sickness: Sickness | None = None
        self.asked: Counter[str] = Counter()
        self._well = asyncio.Event()

    def heal(self) -> None:
        self.sickness = None
        self._well.set()

    async def issue(self, job: IssueJob) -> Issuance:
        item = job.content.lines[0].item_number
        self.asked[item] += 1
        if item == SICK:
            await self._suffer()
        return await self._healthy.issue(job)

    async def confirm(self, job_id: UUID) -> None:
        await self._suffer()
        await self._healthy.confirm(job_id)

    async def void(self, job_id: UUID) -> None:
        await self._suffer()
        await self._healthy.void(job_id)

    async def _suffer(self) -> None:
        match self.sickness:
            case "hangs":
                await self._well.wait()
            case "is away":
                raise IssuerAway
            case "fails":
                raise RuntimeError("a fault of the issuer's")
            case None:
                pass


@asynccontextmanager
async def issuing(shop: Shop, *, sickness: Sickness | None = None) -> AsyncIterator[TwoIssuers]:
    two = TwoIssuers(shop.platform.issuer)
    two.sickness = sickness
    with capture_logs():  # where logging is not configured, a traceback takes a tenth of a second
        async with issuer_role(replace(shop.platform, issuer=two)):
            yield two


@pytest.fixture
async def running(dsn: str) -> AsyncIterator[Shop]:
    async with stocked(dsn, OTA_CM_MAX_BACKLOG_SECONDS=str(BACKLOG_SECONDS)) as shop, projecting(shop):
        yield shop


async def _ordered(shop: Shop, item: str, count: int) -> list[str]:
    """The paths of so many new orders."""
    gate = asyncio.Semaphore(32)

    async def one() -> str:
        async with gate:
            return await shop.created(paymentReference="PAY-1", items=[line(itemNumber=item)])

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def _statuses(shop: Shop) -> Counter[str]:
    rows = await shop.platform.reads.rows("select status, count(*) from orders group by status")
    return Counter(dict(rows))


@pytest.mark.parametrize("sickness", ["hangs", "is away", "fails"])
async def test_the_others_are_issued_and_the_shop_stays_open(running: Shop, sickness: Sickness) -> None:
    async with issuing(running, sickness=sickness):
        ours: list[str] = []
        # As many sick ones at once as there is room for jobs, and then more: each wave longer than a backlog may be.
        async with asyncio.timeout(60):
            for _ in range(3):
                await _ordered(running, SICK, 150)
                healthy = await _ordered(running, HEALTHY, 20)
                for path in healthy:
                    assert (await running.settled(path))["status"] == "Issued"
                ours += healthy
        assert len(ours) == 60
        await running.projected()
        statuses = await _statuses(running)
        assert (statuses["Issued"], statuses["Processing"]) == (60, 450)

        async def longer_than_a_backlog_may_be() -> Any:
            oldest = (await running.call("GET", "/admin/status", key=OPERATOR_KEY)).body["oldestInFlightSeconds"]
            return oldest > BACKLOG_SECONDS + 1

        await eventually(longer_than_a_backlog_may_be)
        assert (await running.create()).status == 201


async def test_a_batch_that_is_mostly_sick_keeps_its_healthy_ones_from_nothing(
    running: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 60.0)
    sick, healthy = await _ordered(running, SICK, 100), await _ordered(running, HEALTHY, 5)
    async with issuing(running, sickness="hangs") as issuer:
        for path in healthy:
            assert (await running.settled(path))["status"] == "Issued"
        assert issuer.asked[SICK] == len(sick)
        issuer.heal()
        for path in sick:
            assert (await running.settled(path))["status"] == "Issued"


async def test_a_job_that_hangs_is_tried_again_and_issued_once(running: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 0.3)
    async with issuing(running, sickness="hangs") as issuer:
        (path,) = await _ordered(running, SICK, 1)

        async def deferred() -> bool:
            rows = await running.platform.reads.rows(
                "select count(*) from stored_events where topic = 'order.issuance_deferred.v1'"
            )
            return bool(rows[0][0])

        await eventually(deferred)
        issuer.heal()
        assert (await running.settled(path))["status"] == "Issued"
    topics = [topic for _, _, topic, *_ in await running.log(path)]
    assert topics.count("order.issued.v1") == 1
    assert topics[-3:] == ["order.issuance_deferred.v1", "order.issuance_resumed.v1", "order.issued.v1"]


async def test_a_confirmation_that_hangs_is_answered_in_time(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 0.3)
    async with stocked(dsn) as shop:
        async with shop.issuing():
            draft = await shop.draft()

        async def hang(_: UUID) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(shop.platform.issuer, "confirm", hang)
        answer = await shop.call("POST", f"{draft}/confirm", {"paymentReference": "P"})
        assert (answer.status, answer.code) == (503, "unavailable")
        assert (await shop.get(draft)).body["status"] == "Draft"


async def test_a_void_that_hangs_or_fails_keeps_no_other_from_being_ticked_off(
    running: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 0.3)
    async with issuing(running) as issuer:
        paths = await _ordered(running, HEALTHY, 3)
        jobs = {UUID((await running.settled(path))["jobId"]): path for path in paths}
        sick = dict(zip(jobs, ("hangs", "fails", None), strict=True))
        void = issuer.void

        async def voided(job_id: UUID) -> None:
            issuer.sickness = sick[job_id]  # type: ignore[assignment]
            await void(job_id)

        monkeypatch.setattr(issuer, "void", voided)
        for path in paths:
            assert (await running.call("DELETE", path)).status == 200

        async def waiting() -> bool:
            rows = await running.platform.reads.rows("select job_id from void_jobs where attempts > 0")
            return {row[0] for row in rows} == {job for job, sickness in sick.items() if sickness}

        await eventually(waiting)
