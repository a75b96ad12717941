"""The built-in issuer: plans wallets, tickets and coupons from the catalog by which the job began.

Its chance is a keyed function of the job, so that the same job gives the same numbers however often it is asked.
"""

from __future__ import annotations

import asyncio
from hashlib import blake2b
from typing import TYPE_CHECKING
from uuid import UUID

from domain.issuance.issuance import Issuance
from domain.issuance.issuer import IssuanceRefused, IssueJob, IssuerAway
from domain.issuance.plan import plan
from domain.order.submission import MAX_WALLETS
from infra.postgres.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from domain.catalog.items import Catalog
    from projections.directory import Directory

LARGE_QUANTITY = 200
"""What is more is planned in a thread: a package holds up to 20 things, and each takes about 10 µs."""


class CatalogIssuer:
    """Keeps nothing outside the log: an issuance is minted by the event that records it.

    So confirm and void have nothing to do: the order's own events say what is valid and what is destroyed.
    """

    def __init__(self, directory: Directory, secret: bytes, *, max_wallets: int = MAX_WALLETS) -> None:
        self._directory = directory
        self._secret = secret
        self._max_wallets = max_wallets

    async def issue(self, job: IssueJob) -> Issuance:
        """Raises IssuanceRefused, IssuerAway.

        By the version that its start wrote down the places were counted; whoever wrote it has looked for a newer one.
        Of a job that names none, of before versions were written down, a newer one is looked for here.
        """
        try:
            if job.catalog_version:
                return await self._planned(job, await self._catalog(job.catalog_version), job.catalog_version)
            return await self._by_the_one_in_force(job)
        except DatabaseUnavailable as error:
            raise IssuerAway from error

    async def confirm(self, job_id: UUID) -> None:
        """Acknowledged at once."""

    async def void(self, job_id: UUID) -> None:
        """Acknowledged at once: the state machine bars a later issue of the job."""

    async def _catalog(self, version: int) -> Catalog:
        catalog = await self._directory.catalog_of(version)
        if catalog is None:  # written by whoever read it, so it is there; only not here yet
            raise IssuerAway
        return catalog

    async def _by_the_one_in_force(self, job: IssueJob) -> Issuance:
        directory = self._directory
        try:
            return await self._planned(job, directory.catalog, directory.catalog_version)
        except IssuanceRefused:
            if not await directory.refresh():
                raise
            return await self._planned(job, directory.catalog, directory.catalog_version)

    async def _planned(self, job: IssueJob, catalog: Catalog | None, catalog_version: int) -> Issuance:
        if sum(line.quantity for line in job.content.lines) <= LARGE_QUANTITY:
            return self._plan(job, catalog, catalog_version)
        return await asyncio.to_thread(self._plan, job, catalog, catalog_version)

    def _plan(self, job: IssueJob, catalog: Catalog | None, catalog_version: int) -> Issuance:
        partner = self._directory.partners.get(job.order.partner_id)
        return plan(
            job.content,
            catalog,
            catalog_version,
            job_id=job.job_id,
            issued_at=job.now,
            seed=blake2b(job.job_id.bytes, key=self._secret, digest_size=32).digest(),
            partner_language=partner.language if partner is not None else None,
            avoid=job.avoid,
            max_wallets=self._max_wallets,
        )
