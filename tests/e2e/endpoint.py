"""The receiver's process as a test sees it: its address, and what has arrived there, signatures verified."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from tests.bench.processes import Server
from tests.e2e.client import Client

_PATH = "/hook"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt as it arrived. `taken`: it was answered with 2xx."""

    webhook_id: str
    order_id: str
    status: str
    body: str
    taken: bool


class Endpoint:
    """`url` takes deliveries; `gone_url` answers each with 410."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}{_PATH}"
        self.gone_url = f"http://127.0.0.1:{port}/gone"
        self._client = Client(lambda: port, None)

    def attempts(self) -> int:
        """How many there were so far, at any address of it."""
        return len(self.arrived())

    def arrived(self) -> list[dict[str, Any]]:
        """All attempts so far, in order, as they arrived: path, headers, body, the status of the answer."""
        arrived: list[dict[str, Any]] = self._client.got("GET", "/deliveries")
        return arrived

    def deliveries(self, secret: str, *, since: int = 0) -> list[Delivery]:
        """All attempts at `url` so far, in order; without those among the first `since` of all attempts.

        Raises WebhookVerificationError where a signature does not hold.
        """
        verifier = Webhook(secret)
        arrived = []
        for one in self.arrived()[since:]:
            if one["path"] != _PATH:
                continue
            verifier.verify(one["body"], one["headers"])
            (event,) = json.loads(one["body"])["value"]
            assert event["eventName"] == "ota_cm_order_processed"
            payload = event["payload"]
            arrived.append(
                Delivery(
                    one["headers"]["webhook-id"],
                    payload["orderId"],
                    payload["status"],
                    one["body"],
                    one["status"] < 300,
                )
            )
        return arrived

    def arrived_ids(self) -> list[str]:
        """The webhook-ids of all attempts so far, in order. Raises NoAnswer."""
        ids: list[str] = self._client.got("GET", "/ids")
        return ids

    def close(self) -> None:
        self._client.close()


@contextmanager
def running_endpoint(folder: Path, *, refuse_every: int = 0, delay_ms: int = 0) -> Iterator[Endpoint]:
    arguments = ("--refuse-every", str(refuse_every), "--delay-ms", str(delay_ms))
    with Server("tests.e2e.receiver", *arguments, log=folder / "receiver.log") as server:
        endpoint = Endpoint(server.port)
        try:
            yield endpoint
        finally:
            endpoint.close()
