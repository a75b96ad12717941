"""Conditional requests (RFC 9110, section 13): `ETag`, `If-Match`, `If-None-Match`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from multidict import MultiMapping


def etag(version: int | str) -> str:
    """`"v<version>"`, with its quotes."""
    return f'"v{version}"'


def ensure_matches(headers: MultiMapping[str], version: int, what: str = "order") -> None:
    """Raises Problem 412 where If-Match names other versions only (strong comparison)."""
    wanted = headers.getall("If-Match", ())
    if wanted and not _names(wanted, etag(version), weak=False):
        raise Problem(
            "precondition_failed",
            f"The {what} has moved on: it is at version {etag(version)}. Read it again before you change it.",
        )


def is_unchanged(headers: MultiMapping[str], version: int | str) -> bool:
    """Whether If-None-Match names this version (weak comparison): the answer is 304 then."""
    return _names(headers.getall("If-None-Match", ()), etag(version), weak=True)


def _names(lines: Iterable[str], current: str, *, weak: bool) -> bool:
    for tag in ",".join(lines).split(","):
        candidate = tag.strip()
        if candidate == "*" or candidate == current or (weak and candidate.removeprefix("W/") == current):
            return True
    return False
