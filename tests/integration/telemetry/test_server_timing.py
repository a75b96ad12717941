"""`Server-Timing`: what a command waited for, and only where something was committed."""

from __future__ import annotations

import re

from tests.integration.api.serving import OPERATOR_KEY, Answer
from tests.integration.api.shop import Shop

_FORM = re.compile(r"queue;dur=(\d+\.\d\d), commit;dur=(\d+\.\d\d)")


def _times(answer: Answer) -> tuple[float, float]:
    """Milliseconds in the queue and in the commit."""
    match = _FORM.fullmatch(answer.headers["Server-Timing"])
    assert match is not None, answer.headers["Server-Timing"]
    return float(match[1]), float(match[2])


async def test_a_command_tells_its_wait_and_its_commit(shop: Shop) -> None:
    for answer in (
        await shop.create(sellToOrderReference="A"),
        await shop.create(sellToOrderReference="A"),  # refused by the store: it was asked
        await shop.call("POST", "/admin/partners", {"name": "New"}, key=OPERATOR_KEY),
    ):
        queue, commit = _times(answer)
        assert 0 <= queue < 30_000
        assert 0 < commit < 30_000


async def test_what_committed_nothing_tells_nothing(shop: Shop) -> None:
    """All on one connection: what an earlier request waited for is not told again."""
    path = await shop.created()
    for answer in (
        await shop.get(path),
        await shop.create(items=[]),
        await shop.call("DELETE", path, key="ota_p_unknown"),
        await shop.get("/metrics", key=None),
    ):
        assert "Server-Timing" not in answer.headers, answer
