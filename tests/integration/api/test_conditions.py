"""Conditional requests: `ETag`, `If-Match`, `If-None-Match`."""

from __future__ import annotations

import pytest

from tests.integration.api.shop import Shop

MATCHING = (
    [("If-Match", '"v{version}"')],
    [("If-Match", '"v1", "v{version}"')],
    [("If-Match", '"other","v{version}" , W/"v2"')],
    [("If-Match", "*")],
    [("If-Match", '"v1"'), ("If-Match", '"v{version}"')],
)
OTHERS = ('"v1"', 'W/"v{version}"', "v{version}", '"v{version}0"', '"V{version}"', '"v1", "v2"', '""', "")


@pytest.mark.parametrize("command", ["PUT", "confirm", "DELETE"])
async def test_a_command_wants_the_version_that_it_names(shop: Shop, command: str) -> None:
    async def send(path: str, headers: list[tuple[str, str]]) -> int:
        read = await shop.get(path)
        version = read.headers["ETag"].strip('"v')
        method, place, body = {
            "PUT": ("PUT", "", shop.body(sellToOrderReference=read.body["sellToOrderReference"])),
            "confirm": ("POST", "/confirm", {"paymentReference": "P"}),
            "DELETE": ("DELETE", "", None),
        }[command]
        sent = [(name, value.format(version=version)) for name, value in headers]
        return (await shop.call(method, path + place, body, headers=sent)).status

    async with shop.issuing():
        path = await shop.draft()
        for other in OTHERS:
            assert await send(path, [("If-Match", other)]) == 412, other
        assert (await shop.get(path)).body["status"] == "Draft"
        for headers in MATCHING:
            assert await send(path, headers) == 200, headers
            path = await shop.draft()


async def test_a_read_of_what_the_caller_has_is_not_repeated(shop: Shop) -> None:
    path = await shop.created()
    history = (await shop.get(f"{path}/history")).body
    as_of = f"{path}?asOf={history[0]['recordedAt']}"
    for place in (path, as_of):
        for same in ('"v1"', 'W/"v1"', "*", '"v7", W/"v1"'):
            answer = await shop.get(place, headers={"If-None-Match": same})
            assert (answer.status, answer.text, answer.headers["ETag"]) == (304, "", '"v1"')
            assert "X-Correlation-Id" in answer.headers
        for other in ('"v2"', "v1", '""'):
            assert (await shop.get(place, headers={"If-None-Match": other})).status == 200
    polled = await shop.get(path, headers={"If-None-Match": '"v1"'})
    assert polled.headers["Retry-After"] == "1"
    async with shop.issuing():
        await shop.settled(path)
    settled = await shop.get(path, headers={"If-None-Match": '"v1"'})
    assert settled.status == 200
    unchanged = await shop.get(path, headers={"If-None-Match": settled.headers["ETag"]})
    assert (unchanged.status, "Retry-After" in unchanged.headers) == (304, False)
