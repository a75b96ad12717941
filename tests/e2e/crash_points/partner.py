"""A partner as a test sets it up: its key, and the secret with which its deliveries are signed."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.always_open import ALWAYS_OPEN
from tests.e2e.client import Client
from tests.e2e.service import Service


@dataclass(frozen=True, slots=True)
class Partner:
    partner_id: str
    key: str
    secret: str


def new_partner(service: Service, url: str) -> Partner:
    """A partner whose orders are announced at `url`."""
    operator = service.client()
    partner_id = str(operator.got("POST", "/admin/partners", {"name": "Agent"})["partnerId"])
    key = str(operator.got("POST", f"/admin/partners/{partner_id}/keys", {"name": "shop"})["key"])
    subscription = {"notificationUrl": url, "eventName": "ota_cm_order_processed"}
    return Partner(partner_id, key, str(service.client(key).got("POST", "/webhook", subscription)["secret"]))


def publish_catalog(operator: Client) -> None:
    """One of which any number can be sold."""
    operator.got("PUT", "/admin/catalog", json.loads(ALWAYS_OPEN.read_text()))
