"""The port to whoever mints tickets: the catalog's own issuer, or a venue's ticketing system."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from domain.issuance.issuance import Issuance
from domain.order.content import OrderContent, OrderIdentity


class IssueJob(Struct, frozen=True):
    """What to mint. The same `job_id` again means the same job: an issuer mints it once.

    `catalog_version`: of the catalog by which the order's places were taken; 0: the one in force. `avoid`: numbers that
    an earlier asking for this job gave, and that others have.
    """

    job_id: UUID
    order_id: UUID
    order: OrderIdentity
    content: OrderContent
    now: datetime
    catalog_version: int = 0
    avoid: tuple[str, ...] = ()


class IssuanceRefused(Exception):
    """The issuer will never make this. `reason` is stable; `status_message` is from our templates, for the partner."""

    def __init__(self, reason: str, status_message: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status_message = status_message


class IssuerAway(Exception):
    """The issuer could not answer now; whether it did anything is not known."""


class TicketIssuer(Protocol):
    """All three are idempotent by job id. Each raises IssuerAway."""

    async def issue(self, job: IssueJob) -> Issuance:
        """Mint it, unconfirmed where the order is not paid. Raises IssuanceRefused."""

    async def confirm(self, job_id: UUID) -> None:
        """Make what the job minted valid."""

    async def void(self, job_id: UUID) -> None:
        """Destroy what the job minted; of a job not known yet, bar a later issue of it."""
