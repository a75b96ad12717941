"""How days and slots stand: the rows that the append call keeps beside the log, as of the last commit.

It is no projection that runs after the log: places are taken in the save of the event that takes them (design: D12).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.allotment.standing import Standing, Standings
from domain.allotment.taking import VisitSlot
from infra.event_store.arrays import TextArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from infra.postgres.reads import Reads

# 24:00, which Python does not know, stands for the whole day.
ALL_STANDINGS: Final = """
select admission, visit_date, nullif(slot_start, '24:00'), held, sold, overridden, capacity from allotments
"""
"""Every row there is; read with `standings_of`."""

_STANDINGS: Final = f"{ALL_STANDINGS} where admission = any(%s) and visit_date between %s and %s"

_IS_KNOWN = "select exists (select from allotments where admission = %s)"


def standings_of(rows: Iterable[Sequence[Any]]) -> dict[VisitSlot, Standing]:
    """The rows of ALL_STANDINGS, or of some of them."""
    return {VisitSlot(*row[:3]): Standing(*row[3:]) for row in rows}


class AllotmentRows:
    """Asks for the rows; whose there are none, of that nothing was ever taken or set."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def standings(self, admissions: Iterable[str], first: date, last: date) -> Standings:
        """Of these admissions from the first to the last day, both included. Raises DatabaseUnavailable."""
        names = sorted(admissions)
        if not names:
            return {}
        rows = await self._reads.rows(_STANDINGS, (TextArray.of(names), first, last))
        return standings_of(rows)

    async def is_known(self, admission: str) -> bool:
        """Whether anything was ever taken or set under this name. Raises DatabaseUnavailable."""
        if "\0" in admission:  # which PostgreSQL refuses in any text
            return False
        return bool((await self._reads.rows(_IS_KNOWN, (admission,)))[0][0])
