"""QR codes (ISO/IEC 18004) as the rectangles that they are made of: sharp at any size, on a page and on paper."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import segno

if TYPE_CHECKING:
    from collections.abc import Iterator

QUIET = 4
"""The empty modules around a code, which it needs to be found."""


class Bar(NamedTuple):
    """Dark modules beside each other, from the left in `row`, counted from 0 without the quiet zone."""

    row: int
    column: int
    length: int


class QrCode(NamedTuple):
    """`modules`: of a side, without the quiet zone."""

    modules: int
    bars: tuple[Bar, ...]

    @property
    def svg_path(self) -> str:
        """The `d` of an SVG path, a module being 1 long, the quiet zone around it."""
        return "".join([f"M{QUIET + x} {QUIET + y}h{length}v1h-{length}z" for y, x, length in self.bars])

    @property
    def side(self) -> int:
        """Modules of a side, with the quiet zone."""
        return self.modules + 2 * QUIET


def qr_code(number: str) -> QrCode:
    """The code that a scanner reads as `number`. A smudge over a seventh of it does no harm (level M, or better)."""
    matrix = segno.make_qr(number, error="m").matrix
    return QrCode(len(matrix), tuple(_bars(matrix)))


def _bars(matrix: tuple[bytearray, ...]) -> Iterator[Bar]:
    for y, row in enumerate(matrix):
        x = 0
        for is_dark, run in groupby(row):
            length = len(list(run))
            if is_dark:
                yield Bar(y, x, length)
            x += length
