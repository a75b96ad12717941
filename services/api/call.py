"""One request on its way through an operation: who calls, with what, under which correlation id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn
from uuid import UUID

from domain.faults import Fault, FaultReport
from services.api.problems import Problem, not_found, validation_failed

if TYPE_CHECKING:
    from datetime import datetime

    from aiohttp import web

    from domain.api_key import Scope
    from infra.event_store.mapper import Actor
    from services.api.operation import Operation
    from services.api.services import Services


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of the key. `owner`: whose Idempotency-Keys these are: the partner's, or the key's own."""

    scope: Scope
    key_id: str
    partner_id: UUID | None
    owner: str
    actor: Actor


@dataclass(slots=True)
class Call:
    """What a handler gets. `caller` is None only where the operation needs no key."""

    request: web.Request
    operation: Operation
    services: Services
    correlation_id: str
    now: datetime
    caller_or_none: Caller | None
    body: bytes

    @property
    def caller(self) -> Caller:
        assert self.caller_or_none is not None  # noqa: S101 - the operation's scopes have been checked
        return self.caller_or_none

    def uuid(self, name: str, what: str = "order") -> UUID:
        """A UUID of the path; a malformed one is 404, as one that does not exist."""
        value = parse_uuid(self.request.match_info[name])
        if value is None:
            raise not_found(what)
        return value

    def sees(self, partner_id: UUID) -> bool:
        """Whether what belongs to this partner exists for the caller."""
        return self.caller.partner_id is None or self.caller.partner_id == partner_id

    def query(self, name: str) -> str | None:
        return self.request.query.get(name)

    def query_fault(self, name: str, code: str, message: str) -> NoReturn:
        raise validation_failed(FaultReport((Fault(f"/{name}", code, message),)))


def parse_uuid(text: str) -> UUID | None:
    """A UUID in its hyphenated form, in any case; None for anything else."""
    if len(text) != 36 or not text.isascii():
        return None
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None


def forbidden(detail: str) -> Problem:
    return Problem("forbidden", detail)
