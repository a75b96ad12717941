"""An attempt to deliver in the trace of what settled the order, of which the endpoint is told by `traceparent`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.telemetry.traceparent import HEADER
from services.webhooks.attempt import Answer, attempt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    import aiohttp
    from yarl import URL

    from infra.telemetry.traces import Traces
    from projections.webhook_deliveries import LeasedDelivery


def attempt_in_trace(
    traces: Traces | None,
    session: aiohttp.ClientSession,
    url: URL,
    headers: Mapping[str, str],
    delivery: LeasedDelivery,
) -> Awaitable[Answer]:
    """As `attempt`, in a span of its own; with traces off the endpoint is told what the event says, unchanged."""
    if traces is not None:
        return _traced_attempt(traces, session, url, headers, delivery)
    if delivery.traceparent is not None:
        headers = {**headers, HEADER: delivery.traceparent}
    return attempt(session, url, headers, delivery.body)


async def _traced_attempt(
    traces: Traces, session: aiohttp.ClientSession, url: URL, headers: Mapping[str, str], delivery: LeasedDelivery
) -> Answer:
    # Of the URL only host and port: the rest may be a secret of the partner's.
    attributes: dict[str, str | int] = {
        "http.request.method": "POST",
        "server.address": url.host or "",
        "server.port": url.port or 0,
        "http.request.resend_count": delivery.tried,
        "ota_cm.webhook.id": headers["webhook-id"],
    }
    span = traces.begin("deliver webhook", "client", delivery.traceparent, attributes)
    answer = await attempt(session, url, {**headers, HEADER: span.traceparent}, delivery.body)
    if answer.status is None:
        span.end(error="no_answer")
    else:
        error = str(answer.status) if answer.status >= 400 else None
        span.end(error=error, attributes={"http.response.status_code": answer.status})
    return answer
