"""How Kafka is reached: what every client of ours is given of the settings."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypedDict

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError

from infra.kafka.errors import KafkaRefused, KafkaUnavailable, translated
from infra.kafka.settings import KafkaSettings

# How long one request may take. A broker that was frozen is noticed after it; so is the end of its frost.
REQUEST_MS: Final = 5000
_RETRY_MS: Final = 100


class ClientOptions(TypedDict):
    """What aiokafka's producer, consumer and client all take."""

    bootstrap_servers: list[str]
    client_id: str
    security_protocol: str
    ssl_context: ssl.SSLContext | None
    sasl_mechanism: str
    sasl_plain_username: str | None
    sasl_plain_password: str | None
    retry_backoff_ms: int


def client_options(settings: KafkaSettings, client_id: str) -> ClientOptions:
    """Address and security, for `AIOKafka…(**client_options(…), …)`. `client_id`: a name for the broker's own log."""
    encrypted = settings.security_protocol in {"SSL", "SASL_SSL"}
    return ClientOptions(
        bootstrap_servers=list(settings.bootstrap_servers),
        client_id=client_id,
        security_protocol=settings.security_protocol,
        ssl_context=ssl.create_default_context(cafile=settings.ssl_cafile) if encrypted else None,
        sasl_mechanism=settings.sasl_mechanism,
        sasl_plain_username=settings.sasl_username,
        sasl_plain_password=settings.sasl_password,
        retry_backoff_ms=_RETRY_MS,
    )


def keep_connections(client: AIOKafkaClient) -> None:
    """Of every client of the library, before its start: it may be cancelled then at any moment.

    The library forgets the connection that it asks first where it is cancelled meanwhile (aiokafka 0.14,
    `AIOKafkaClient.bootstrap`), which stays open until somebody collects garbage. So the first question is waited for,
    for as long as a request may take.
    """
    bootstrap = client.bootstrap

    async def whole() -> None:
        task = asyncio.ensure_future(bootstrap())
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task})
            raise

    client.bootstrap = whole


@asynccontextmanager
async def connected(settings: KafkaSettings, client_id: str, seconds: float) -> AsyncIterator[Any]:
    """A bare client for a few questions, all within `seconds`. Raises KafkaUnavailable, KafkaRefused."""
    client = AIOKafkaClient(**client_options(settings, client_id), request_timeout_ms=REQUEST_MS)
    keep_connections(client)
    try:
        async with asyncio.timeout(seconds):
            try:
                await client.bootstrap()
                yield client
            except KafkaConnectionError as error:
                raise await why_unreachable(settings, error) from error
    except TimeoutError as error:
        raise KafkaUnavailable(f"Kafka did not answer within {seconds:g} s") from error
    except KafkaError as error:
        raise translated(error) from error
    finally:
        await client.close()


async def why_unreachable(settings: KafkaSettings, error: BaseException) -> KafkaUnavailable | KafkaRefused:
    """Why a client could not connect: it tells only that it could not, also where a broker refuses our password."""
    options: dict[str, Any] = {**client_options(settings, "ota-cm"), "request_timeout_ms": REQUEST_MS}
    del options["bootstrap_servers"], options["retry_backoff_ms"]
    for host, port, _ in collect_hosts(list(settings.bootstrap_servers)):
        try:
            (await create_conn(host, port, **options)).close()
        except (OSError, KafkaError) as reason:
            fault = translated(reason)
            if isinstance(fault, KafkaRefused):
                return fault
    return translated(error)
