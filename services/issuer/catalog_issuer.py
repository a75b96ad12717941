"""The built-in issuer: plans wallets, tickets and coupons from the catalog in force.

Its chance is a keyed function of the job, so that the same job gives the same numbers however often it is asked.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING
from uuid import UUID

from domain.issuance.issuance import Issuance
from domain.issuance.issuer import IssuanceRefused, IssueJob
from domain.issuance.plan import plan

if TYPE_CHECKING:
    from projections.directory import Directory


class CatalogIssuer:
    """Keeps nothing outside the log: an issuance is minted by the event that records it.

    So confirm and void have nothing to do: the order's own events say what is valid and what is destroyed.
    """

    def __init__(self, directory: Directory, secret: bytes) -> None:
        self._directory = directory
        self._secret = secret

    async def issue(self, job: IssueJob) -> Issuance:
        """Raises IssuanceRefused: after a look at whether a newer catalog is in force."""
        try:
            return self._plan(job)
        except IssuanceRefused:
            if not await self._directory.refresh():
                raise
            return self._plan(job)

    async def confirm(self, job_id: UUID) -> None:
        """Acknowledged at once."""

    async def void(self, job_id: UUID) -> None:
        """Acknowledged at once: the state machine bars a later issue of the job."""

    def _plan(self, job: IssueJob) -> Issuance:
        directory = self._directory
        partner = directory.partners.get(job.order.partner_id)
        return plan(
            job.content,
            directory.catalog,
            directory.catalog_version,
            job_id=job.job_id,
            issued_at=job.now,
            seed=blake2b(job.job_id.bytes, key=self._secret, digest_size=32).digest(),
            partner_language=partner.language if partner is not None else None,
        )
