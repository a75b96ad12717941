"""The timer of Drafts by a clock of the test's own; the role's, which the issuer runs too, goes by the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from projections.expiring_drafts import ExpiringDrafts
from services.issuer.expiry import DraftExpiry
from tests.integration.api.serving import OPERATOR_KEY
from tests.integration.api.shop import Shop, now, projecting, stocked

if TYPE_CHECKING:
    from projections.directory import Directory
    from services.bootstrap import Platform

# Longer than any test takes, so that the role's own timer finds nothing to do.
TTL_SECONDS = 3_600
LATER = timedelta(seconds=TTL_SECONDS + 60)


class Timer(DraftExpiry):
    """`clock`: what it takes for now; a while ahead, so that a Draft of this minute is over where TTL_SECONDS count."""

    def __init__(
        self, platform: Platform, drafts: ExpiringDrafts | None = None, directory: Directory | None = None
    ) -> None:
        self.clock = now() + LATER
        super().__init__(
            drafts or ExpiringDrafts(platform.reads),
            platform.ordering,
            directory or platform.directory,
            now=lambda: self.clock,
        )


@asynccontextmanager
async def limited(dsn: str) -> AsyncIterator[Shop]:
    """A shop with issuer and projector at work; its partner's Drafts live for TTL_SECONDS."""
    async with stocked(dsn) as shop, projecting(shop), shop.issuing():
        await set_limit(shop, TTL_SECONDS)
        yield shop


async def set_limit(shop: Shop, seconds: int | None, partner_id: str = "") -> None:
    path = f"/admin/partners/{partner_id or shop.partner_id}"
    answer = await shop.call("PATCH", path, {"draftTtlSeconds": seconds}, key=OPERATOR_KEY)
    assert (answer.status, answer.body["draftTtlSeconds"]) == (200, seconds), answer.text


def end_of(draft: Any, seconds: int) -> str:
    """`expiresAt` of an order's answer, to the millisecond."""
    issued = datetime.fromisoformat(draft["items"][0]["wallets"][0]["issuedAt"])
    return (issued + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def drafts(shop: Shop, count: int, **changes: Any) -> list[str]:
    return list(await asyncio.gather(*(shop.draft(**changes) for _ in range(count))))


async def draft_of(shop: Shop, partner_id: str) -> str:
    answer = await shop.call("POST", "/channelManager", shop.body(partnerId=partner_id), key=OPERATOR_KEY)
    path = f"/channelManager/{answer.body['orderId']}"
    assert (await shop.settled(path))["status"] == "Draft"
    return path


async def is_there(shop: Shop, path: str) -> bool:
    return (await shop.get(path, key=OPERATOR_KEY)).status == 200


async def topics(shop: Shop, path: str) -> list[str]:
    return [row[2] for row in await shop.log(path)]


async def numbers(shop: Shop, query: str) -> tuple[int, ...]:
    return tuple((await shop.platform.reads.rows(query))[0])
