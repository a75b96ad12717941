"""Conditional requests (RFC 9110, section 13): `ETag`, `If-Match`, `If-None-Match`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


def etag(version: int) -> str:
    """`"v<version>"`, with its quotes."""
    return f'"v{version}"'


def ensure_matches(headers: Mapping[str, str], version: int, what: str = "order") -> None:
    """Raises Problem 412 where If-Match names other versions only (strong comparison)."""
    wanted = headers.get("If-Match")
    if wanted is not None and not _names(wanted, etag(version), weak=False):
        raise Problem(
            "precondition_failed",
            f"The {what} has moved on: it is at version {etag(version)}. Read it again before you change it.",
        )


def is_unchanged(headers: Mapping[str, str], version: int) -> bool:
    """Whether If-None-Match names this version (weak comparison): the answer is 304 then."""
    known = headers.get("If-None-Match")
    return known is not None and _names(known, etag(version), weak=True)


def _names(header: str, current: str, *, weak: bool) -> bool:
    for tag in header.split(","):
        candidate = tag.strip()
        if candidate == "*" or candidate == current or (weak and candidate.removeprefix("W/") == current):
            return True
    return False
