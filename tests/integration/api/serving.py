"""The real application over real HTTP on loopback, on a real database; as many instances as a test wants."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import quote

from aiohttp.test_utils import TestClient, TestServer
from psycopg.conninfo import conninfo_to_dict
from yarl import URL

from services.api.app import application
from services.api.operations import OPERATIONS
from services.api.role import api_services
from services.bootstrap import Platform, platform
from services.settings import read_settings

OPERATOR_KEY = "ota_o_the_operator_of_these_tests"
PUBLIC_URL = "https://tickets.example.test/venue"
_MASTER_KEY = b64encode(bytes(range(32))).decode()


class Answer(NamedTuple):
    """What came back. `body`: decoded, numbers with a fraction as Decimal; None where there is none."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text, parse_float=Decimal) if self.text else None

    @property
    def code(self) -> str:
        """A problem's code."""
        assert self.headers["Content-Type"] == "application/problem+json", self.text
        return str(self.body["code"])

    @property
    def faults(self) -> list[tuple[str, str]]:
        """Of a request with faults: pointer and code of each."""
        assert (self.status, self.code) == (400, "validation_failed"), self.text
        return [(fault["pointer"], fault["code"]) for fault in self.body["errors"]]


@dataclass(frozen=True)
class Api:
    """One instance, and a client of it."""

    client: TestClient[Any, Any]
    platform: Platform

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = OPERATOR_KEY,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`body`: bytes as they are, else its JSON; None sends none. The operator's key unless another is given."""
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        data: BytesIO | None = None
        if body is not None:
            data = BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
            sent.setdefault("Content-Type", "application/json")
        # Encoded as it is: what a test writes is what the server sees.
        async with self.client.request(method, URL(path, encoded=True), data=data, headers=sent) as response:
            return Answer(response.status, response.headers, await response.text())

    async def made(self, path: str, body: object, *, key: str = OPERATOR_KEY) -> Any:
        """The body of a POST's 201."""
        answer = await self.call("POST", path, body, key=key)
        assert answer.status == 201, answer.text
        return answer.body

    async def partner(self, name: str = "Agent") -> str:
        """The partnerId of a new partner."""
        return str((await self.made("/admin/partners", {"name": name}))["partnerId"])

    async def partner_key(self, partner_id: str) -> str:
        return str((await self.made(f"/admin/partners/{partner_id}/keys", {"name": "shop"}))["key"])

    async def key(self, scope: str) -> str:
        return str((await self.made("/admin/keys", {"scope": scope, "name": scope}))["key"])


@asynccontextmanager
async def serving(dsn: str, **settings: str) -> AsyncIterator[Api]:
    """One instance on this database. `settings`: beside or instead of those of a test."""
    async with platform(read_settings(environment(dsn, **settings))) as running:
        services = api_services(running, PUBLIC_URL)
        server = TestServer(application(OPERATIONS, services, running.settings.public_path))
        async with TestClient(server) as client:
            yield Api(client, running)


def environment(dsn: str, **settings: str) -> dict[str, str]:
    """The settings of an instance on this database, `settings` beside or instead of them."""
    return {
        "DATABASE_URL": _url(dsn),
        "OTA_CM_MASTER_KEY": _MASTER_KEY,
        "OTA_CM_OPERATOR_KEY": OPERATOR_KEY,
        "OTA_CM_PUBLIC_URL": PUBLIC_URL,
        "OTA_CM_MIGRATE": "0",
        "OTA_CM_DATA_DIR": "/nowhere",  # nothing of it is needed
        **settings,
    }


def _url(dsn: str) -> str:
    """The connection string as the settings want it."""
    parts = conninfo_to_dict(dsn)
    database = quote(str(parts.pop("dbname")), safe="")
    query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parts.items())
    return f"postgresql:///{database}?{query}"
