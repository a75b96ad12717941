"""Whether this process can work now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.postgres.errors import DatabaseUnavailable
from infra.postgres.migrate import pending

if TYPE_CHECKING:
    from infra.postgres.reads import Reads

ANSWER_SECONDS = 2.0


class Readiness:
    """`dsn`: where the schema is looked up once; it cannot fall behind later."""

    def __init__(self, reads: Reads, dsn: str) -> None:
        self._reads = reads
        self._dsn = dsn
        self._schema_is_current = False
        self._stopping = False

    def stop(self) -> None:
        """Not ready any more: new requests should go elsewhere."""
        self._stopping = True

    async def why_not(self) -> str | None:
        """None where it can work, else the reason."""
        if self._stopping:
            return "stopping"
        try:
            await self._reads.rows("select 1", seconds=ANSWER_SECONDS)
            if not self._schema_is_current:
                if waiting := await pending(self._dsn):
                    return f"migrations pending: {', '.join(waiting)}"
                self._schema_is_current = True
        except (TimeoutError, DatabaseUnavailable):
            return "the database does not answer"
        return None
