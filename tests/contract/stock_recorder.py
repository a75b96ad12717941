"""The eventsourcing library's own recorder, on the same database as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict


@contextmanager
def stock_recorder(dsn: str) -> Iterator[PostgresApplicationRecorder]:
    address = conninfo_to_dict(dsn)
    datastore = PostgresDatastore(
        dbname=str(address["dbname"]),
        host=str(address["host"]),
        port="5432",
        user=str(address["user"]),
        password="",
        pool_size=2,
        originator_id_type="uuid",
    )
    with datastore:
        recorder = PostgresApplicationRecorder(datastore)
        recorder.create_table()  # finds ours, and leaves it as it is
        yield recorder
