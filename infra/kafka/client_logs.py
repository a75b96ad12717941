"""Keeps the client library's warnings readable: with the broker away it writes dozens of the same line a second."""

from __future__ import annotations

from infra.library_logs import spare_logs_of


def spare_client_logs() -> None:
    """Once a process, after logging is set up. Harmless when repeated."""
    spare_logs_of("aiokafka")
