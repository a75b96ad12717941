"""Whatever was hit: of several issuers only one at a time works on a job, and each job has one outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from tests.e2e.truth import Database

_MINTED = {"order.issued.v1", "order.drafted.v1"}
_TAKEN = {"order.processing.v1", "order.issuance_resumed.v1"}


class _Lease(NamedTuple):
    owner: str
    until: datetime


def faults_of_jobs(database: Database) -> Iterator[str]:
    """A job is taken over only when the lease on it has run out, or its owner has put it off."""
    minted = Counter(event.data["issuance"]["jobId"] for event in database.events if event.topic in _MINTED)
    yield from (f"the job {job} was issued {count} times" for job, count in minted.items() if count > 1)
    leases: dict[str, _Lease] = {}
    for event in database.events:
        job = event.data.get("jobId", "")
        if event.topic in _TAKEN:
            lease = _Lease(event.data["lease"]["owner"], datetime.fromisoformat(event.data["lease"]["until"]))
            before = leases.get(job)
            if before is not None and datetime.fromisoformat(event.occurred_at) < before.until:
                yield f"{lease.owner} took the job {job} at {event.occurred_at}, which was {before}'s"
            leases[job] = lease
        elif event.topic == "order.issuance_deferred.v1":
            leases[job] = _Lease("nobody", datetime.fromisoformat(event.data["retryAt"]))


def jobs_by_issuer(database: Database) -> dict[str, int]:
    """How many jobs each issuer, by its name, began with or took over."""
    owners = [event.data["lease"]["owner"] for event in database.events if event.topic in _TAKEN]
    return dict(sorted(Counter(owner.partition(":")[0] for owner in owners).items()))
