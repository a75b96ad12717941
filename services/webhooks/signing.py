"""The Standard Webhooks headers of an attempt (https://www.standardwebhooks.com, specification 1.0.0): pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError


class BadSecret(ValueError):
    """A signing secret is not `whsec_` and base64."""


def signing_secret(random_bytes: bytes) -> str:
    """A new signing secret as text, `whsec_…`, from 24 to 64 random bytes. Raises ValueError for other lengths."""
    if not 24 <= len(random_bytes) <= 64:
        raise ValueError("a signing secret has 24 to 64 bytes")
    return "whsec_" + b64encode(random_bytes).decode()


def signers(secrets: Iterable[str]) -> tuple[Webhook, ...]:
    """What signs with each secret (`whsec_…`), to be kept. Raises BadSecret, without the secret in its text."""
    try:
        return tuple(Webhook(secret) for secret in secrets)
    except (ValueError, EmptyWebhookSecretError):
        raise BadSecret("a signing secret is not whsec_ and base64") from None


def signed_headers(message_id: str, timestamp: int, body: bytes, signing: Sequence[Webhook]) -> dict[str, str]:
    """The three headers of one attempt; the id is the message's, the timestamp (Unix seconds) the attempt's.

    While a secret is being rotated two sign, and a receiver takes either signature.
    """
    text = body.decode()
    at = datetime.fromtimestamp(timestamp, UTC)  # the library reads any other zone as if it were UTC
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join([signer.sign(message_id, at, text) for signer in signing]),
    }
