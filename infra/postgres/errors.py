"""What can be wrong with the database, told so that an operator can act on it."""

from __future__ import annotations


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot work here; the message says why and what to do."""


class DatabaseUnavailable(Exception):
    """The database is away, frozen, too slow or out of room: nothing is known to be wrong with the request."""


class UnsupportedServer(Exception):
    """PostgreSQL 16 or newer is needed."""


class MigrationError(Exception):
    """The schema cannot be brought up to date; the message says why."""


class PositionMoved(Exception):
    """Another runner moved the position since it was read: roll back, and read again."""
