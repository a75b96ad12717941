"""An eye on the database while a round goes on: nothing is ever noted as done that is not.

No consumer's position stands past what it has not done, and no delivery is marked that has not arrived. Read in one
snapshot, many times a second: what would be lost if everything died at that moment is seen also where nothing dies, and
where a later repair hides it (the sweeper takes orders that the feed has passed over).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, LiteralString

import psycopg

from tests.chaos.looking import LookingAtDatabase

# Each so many looks: it asks the receiver as well.
_MARKS_EVERY: Final = 5

_MARKED: Final = """
    select id, position from webhook_deliveries where status = 'delivered' and finished_at > now() - interval '3 s'
"""
_POSITIONS: Final = "select name, position from consumer_positions"

# By consumer: events behind `after` and up to its position whose effect is missing.
_UNDONE: Final[dict[str, LiteralString]] = {
    "issuer": """
        select e.notification_id, e.originator_id::text from stored_events e
        where e.notification_id > %(after)s and e.notification_id <= %(position)s
            and e.topic in ('order.submitted.v1', 'order.replaced.v1')
            and not exists (
                select from stored_events later
                where later.originator_id = e.originator_id and later.originator_version > e.originator_version
                    and later.topic = 'order.scheduled.v1'
            )
    """,
    "orders": """
        select e.notification_id, e.originator_id::text from stored_events e
        where e.notification_id > %(after)s and e.notification_id <= %(position)s and e.topic like 'order.%%'
            and not exists (
                select from orders o where o.order_id = e.originator_id and o.version >= e.originator_version
            )
    """,
    "webhooks": """
        select e.notification_id, e.originator_id::text from stored_events e
        where e.notification_id > %(after)s and e.notification_id <= %(position)s
            and e.topic in ('order.issued.v1', 'order.drafted.v1', 'order.failed.v1')
            and not exists (select from webhook_deliveries d where d.position = e.notification_id)
    """,
}


class Watch(LookingAtDatabase):
    """Sees what is noted as done and is not.

    `arrived`: the webhook-ids that the receiver has seen by now. `consumers`: those with a position in the log behind
    which all is done; an issuer over Kafka has none (see offsets.py).
    """

    counted = "looks at what is noted as done"

    def __init__(
        self, dsn: str, arrived: Callable[[], Collection[str]], consumers: Collection[str] = tuple(_UNDONE)
    ) -> None:
        self._undone = {name: undone for name, undone in _UNDONE.items() if name in consumers}
        super().__init__(dsn)
        self._arrived = arrived
        self._seen: dict[tuple[str, int], str] = {}
        self._after: dict[str, int] = {}

    def _found(self) -> list[str]:
        return [f"{of} at {position}: {what}" for (of, position), what in sorted(self._seen.items())]

    def look(self, connection: psycopg.Connection) -> None:
        """Look once, at what the consumers have passed since the last look."""
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read, read only")
            positions: dict[str, int] = dict(connection.execute(_POSITIONS).fetchall())
            for consumer, undone in self._undone.items():
                position = positions.get(consumer, 0)
                after = min(self._after.get(consumer, 0), position)  # a crash may take it back
                for at, order in connection.execute(undone, {"after": after, "position": position}).fetchall():
                    self._seen.setdefault((consumer, at), f"passed, and not done: {order}")
                self._after[consumer] = position
            marked = connection.execute(_MARKED).fetchall() if self.looks % _MARKS_EVERY == 0 else []
        self.looks += 1
        # Asked after the snapshot: what was marked in it had arrived before.
        arrived = self._arrived() if marked else ()
        for id_, position in marked:
            if f"msg_{id_.hex}" not in arrived:
                self._seen.setdefault(("marks", position), f"marked as delivered, and not arrived: msg_{id_.hex}")
