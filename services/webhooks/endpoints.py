"""Where deliveries go, as the directory knows it, with what is the same for every delivery worked out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from standardwebhooks import Webhook
from yarl import URL

from services.webhooks.signing import signers


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a subscription's deliveries go. `secrets`: `whsec_…`, two while one is being rotated."""

    subscription_id: UUID
    url: str
    secrets: tuple[str, ...]
    state: Literal["active", "disabled"]


@dataclass(frozen=True, slots=True)
class Destination:
    """An endpoint, ready to be sent to: its parsed URL and what signs for it."""

    endpoint: Endpoint
    url: URL
    signing: tuple[Webhook, ...]


class Destinations:
    """Endpoints by subscription id. `endpoint` answers from memory; None where it knows no such subscription."""

    def __init__(self, endpoint: Callable[[UUID], Endpoint | None]) -> None:
        self._endpoint = endpoint
        self._ready: dict[UUID, Destination] = {}

    def of(self, subscription_id: UUID) -> Destination | None:
        """None where it is not known: deleted, or not heard of yet. Raises BadSecret, ValueError (of a bad URL)."""
        endpoint = self._endpoint(subscription_id)
        if endpoint is None:
            self._ready.pop(subscription_id, None)
            return None
        ready = self._ready.get(subscription_id)
        if ready is None or (ready.endpoint is not endpoint and ready.endpoint != endpoint):
            ready = Destination(endpoint, URL(endpoint.url), signers(endpoint.secrets))
            self._ready[subscription_id] = ready
        return ready
