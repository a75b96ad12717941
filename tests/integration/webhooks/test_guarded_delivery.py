"""No delivery reaches an address that is not public, whatever leads there."""

from __future__ import annotations

import socket
from uuid import UUID

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from infra.postgres.connections import Connection, Pool
from services.webhooks.attempt import attempt
from services.webhooks.client import open_session
from tests.integration.webhooks.queue import new_delivery, row, until
from tests.integration.webhooks.receiver import Receiver, always
from tests.integration.webhooks.sending import LOOPBACK, Endpoints, queue_and_offer, sending, session

FIRST = UUID(int=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_loopback_is_refused_by_number_and_by_name(receiver: Receiver, host: str) -> None:
    async with session(()) as guarded:
        answer = await attempt(guarded, URL(receiver.url(host)), {}, b"{}")
    assert answer.status is None
    assert answer.error is not None
    assert "are not allowed" in answer.error
    assert receiver.received == []


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001"])
async def test_other_spellings_of_loopback_do_not_get_through(receiver: Receiver, host: str) -> None:
    async with session(()) as guarded:
        answer = await attempt(guarded, URL(receiver.url(host)), {}, b"{}")
    assert answer.error is not None
    assert receiver.received == []


class LeadsHome(AbstractResolver):
    """Says of every name that it is loopback."""

    asked = 0

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002
    ) -> list[ResolveResult]:
        self.asked += 1
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        pass


async def test_what_a_resolver_says_is_not_trusted(receiver: Receiver) -> None:
    resolver = LeadsHome()
    async with open_session((), resolver=resolver) as guarded:
        answer = await attempt(guarded, URL(receiver.url("partner.example")), {}, b"{}")
    assert resolver.asked == 1
    assert answer.error == "address not allowed: deliveries to 127.0.0.1 are not allowed"
    assert receiver.received == []


@pytest.fixture
async def redirected(receiver: Receiver, other_receiver: Receiver) -> Receiver:
    receiver.answer = always(307, headers={"location": other_receiver.url()})
    return receiver


async def test_a_redirect_is_not_followed(redirected: Receiver, other_receiver: Receiver) -> None:
    async with session(LOOPBACK) as guarded:
        answer = await attempt(guarded, URL(redirected.url()), {}, b"{}")
    assert answer.status == 307
    assert len(redirected.received) == 1
    assert other_receiver.received == []


async def test_a_refused_address_is_told_in_the_attempt(pool: Pool, conn: Connection, receiver: Receiver) -> None:
    endpoints = Endpoints()
    endpoints.add(FIRST, receiver.url("localhost"))
    new = new_delivery(FIRST)
    async with sending(pool, endpoints, allowed=(), waits=[60]) as sender:
        await queue_and_offer(pool, sender, [new])
        await until(lambda: sender.in_hand == 0)
    stored = await row(conn, new.id)
    assert stored.status == "pending"
    [made] = stored.attempts
    assert made["statusCode"] is None
    assert "not allowed" in made["error"]
    assert receiver.received == []


async def test_a_name_that_does_not_exist_is_told(receiver: Receiver) -> None:
    async with session(()) as guarded:
        answer = await attempt(guarded, URL(receiver.url("nowhere.invalid")), {}, b"{}")
    assert answer.status is None
    assert answer.error is not None
    assert "nowhere.invalid" in answer.error
