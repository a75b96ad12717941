"""What a partner may ask for when it subscribes: the body of `POST /webhook` and what can be wrong with it."""

import re
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import UNSET, Meta, Struct

from domain.faults import Fault
from domain.reading import Text50, Text250, Uuid
from domain.subscription import Subscriber

# What RFC 3986 lets stand in a URI: no spaces, controls or backslash, and names of other scripts as punycode.
_URI_CHARACTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\.?")


class SubscriptionRequest(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of `POST /webhook`. `partner_id`: operators must give it, a partner's key implies its own."""

    notification_url: Annotated[str, Meta(min_length=1, max_length=2000)]
    event_name: Literal["ota_cm_order_processed"]
    event_version: Literal["1.0"] = "1.0"
    client_state: Text50 | None = None
    app_id: Text250 | None = None
    company_id: Text250 | None = None
    company_name: Text250 | None = None
    partner_id: Uuid | None = None


def request_faults(request: SubscriptionRequest, *, http_allowed: bool) -> list[Fault]:
    """What is wrong with a body beyond its structure; fields that the reader left UNSET are passed over."""
    # The reader leaves UNSET in a faulty field, whatever its type says.
    url: object = request.notification_url
    if url is UNSET:
        return []
    wrong = _wrong_with(str(url), http_allowed=http_allowed)
    return [] if wrong is None else [Fault("/notificationUrl", "bad_format", wrong)]


def subscriber_of(request: SubscriptionRequest, partner_id: UUID) -> Subscriber:
    """The subscriber that a body without faults describes, for this partner."""
    return Subscriber(
        partner_id=partner_id,
        notification_url=request.notification_url,
        event_name=request.event_name,
        event_version=request.event_version,
        client_state=request.client_state,
        app_id=request.app_id,
        company_id=request.company_id,
        company_name=request.company_name,
    )


def _wrong_with(url: str, *, http_allowed: bool) -> str | None:
    if _URI_CHARACTERS.fullmatch(url) is None:
        return "Expected a URL without spaces and other characters that must be percent-encoded."
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname
    except ValueError:
        return "Expected a URL."
    if parts.scheme != "https" and not (http_allowed and parts.scheme == "http"):
        return "Expected a URL that begins with https://."
    if not host or port == 0 or not (parts.netloc.startswith("[") or _HOST.fullmatch(host)):
        return "Expected a URL with a host."
    if "@" in parts.netloc:
        return "A URL with a user name or a password is not accepted."
    if "#" in url:
        return "A URL with a fragment is not accepted."
    return None
