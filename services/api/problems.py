"""Errors as answers: `application/problem+json` (RFC 9457) with a stable `code`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

if TYPE_CHECKING:
    from domain.faults import Fault, FaultReport

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 1

_STATUS: Mapping[str, int] = {
    "malformed_json": 400,
    "malformed_request": 400,
    "validation_failed": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "partner_inactive": 403,
    "resource_not_found": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "request_timeout": 408,
    "duplicate_order": 409,
    "order_in_flight": 409,
    "invalid_status": 409,
    "immutable_field": 409,
    "request_in_progress": 409,
    "partner_exists": 409,
    "partner_has_orders": 409,
    "already_used": 409,
    "not_valid": 409,
    "ticket_used": 409,
    "below_taken": 409,
    "gone": 410,
    "precondition_failed": 412,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_key_reused": 422,
    "rate_limited": 429,
    "internal_error": 500,
    "unavailable": 503,
    "outcome_unknown": 503,
}

_TITLE: Mapping[str, str] = {
    "malformed_json": "The body is not JSON",
    "malformed_request": "The request is malformed",
    "validation_failed": "The request has faults",
    "unauthorized": "No valid key",
    "forbidden": "Not allowed",
    "partner_inactive": "The partner is disabled",
    "resource_not_found": "Not found",
    "method_not_allowed": "Method not allowed",
    "not_acceptable": "Not acceptable",
    "request_timeout": "The request did not arrive in time",
    "duplicate_order": "The reference is taken",
    "order_in_flight": "The order is being issued",
    "invalid_status": "Not possible in this status",
    "immutable_field": "The field cannot be changed",
    "request_in_progress": "The first request is still running",
    "partner_exists": "The partner exists",
    "partner_has_orders": "The partner has orders",
    "already_used": "Already used",
    "not_valid": "Not valid",
    "ticket_used": "A ticket of it was used",
    "below_taken": "More is taken than that",
    "gone": "Gone",
    "precondition_failed": "It has moved on",
    "payload_too_large": "The body is too large",
    "unsupported_media_type": "Unsupported media type",
    "rate_limited": "Too many of these",
    "idempotency_key_reused": "The Idempotency-Key was used for another request",
    "internal_error": "Internal error",
    "unavailable": "Unavailable",
    "outcome_unknown": "Outcome unknown",
}

_RETRYABLE = frozenset({"unavailable", "outcome_unknown", "request_in_progress"})


class Problem(Exception):
    """An answer other than 2xx. `members` are the code's own, `existingOrderId` for one."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        report: FaultReport | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.status = _STATUS[code]
        self.members = dict(members or {})
        self.headers = dict(headers or {})
        self.ends_connection = False
        """What is left of the request is not read."""
        self.faults: Sequence[Fault] = report.faults if report is not None else ()
        if code in _RETRYABLE:
            self.headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
        if report is not None:
            self.members["errors"] = report.faults
            if report.truncated:
                self.members["truncated"] = True

    def body(self) -> bytes:
        """JSON."""
        return msgspec.json.encode(
            {
                "type": f"urn:ota-cm:problem:{self.code}",
                "title": _TITLE[self.code],
                "status": self.status,
                "detail": self.detail,
                "code": self.code,
                "message": self.detail,
                **self.members,
            }
        )

    def response(self) -> web.Response:
        response = web.Response(status=self.status, body=self.body(), content_type=PROBLEM_JSON, headers=self.headers)
        if self.ends_connection:
            response.force_close()
        return response


def validation_failed(report: FaultReport) -> Problem:
    count = len(report.faults)
    more = " or more" if report.truncated else ""
    detail = f"{count}{more} fault{'s' if count != 1 else ''} in the request; nothing was changed."
    return Problem("validation_failed", detail, report=report)


def not_found(what: str = "order") -> Problem:
    return Problem("resource_not_found", f"There is no such {what}.")
