"""The fonts of printed manifests, under free licences (beside them), and what they can show.

DejaVu Sans has Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew and Arabic; the others stand in for what it has not:
emoji in black, Thai, Devanagari, and the Han, kana and hangul of everyday Chinese, Japanese and Korean. Other scripts
(the rest of India's, Khmer, Burmese, Ethiopic, rare Han) have no font here: their characters print as boxes.
(On a page the guest's own device has the fonts.)
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

REGULAR: Final = "DejaVuSans.ttf"
BOLD: Final = "DejaVuSans-Bold.ttf"
STAND_INS: Final = (
    "NotoEmoji-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "DroidSansFallback.ttf",
)

_MISSING: Final = "\N{WHITE SQUARE}"

# They join or part letters and emoji, or say which way text runs; none of them is seen.
_JOINERS: Final = frozenset("\u200c\u200d\u200e\u200f")


@cache
def path(font: str) -> Path:
    """Where the font lies."""
    with as_file(files(__name__) / font) as file:  # a wheel is unpacked where it is installed: it stays there
        return file


@cache
def characters(font: str) -> frozenset[int]:
    """The code points that the font has a glyph for."""
    from fontTools.ttLib import TTFont  # its import takes a while

    with TTFont(path(font), lazy=True) as opened:
        return frozenset(opened.getBestCmap())


def showable(text: str) -> str:
    """The text as it can be printed: without control characters, and boxes for what no font has."""
    return text if text.isascii() and text.isprintable() else "".join([_showable(character) for character in text])


def stand_ins(texts: Iterable[str]) -> list[str]:
    """Which fonts these texts need beside DejaVu Sans. Reading one takes up to a quarter of a second."""
    left = {ord(character) for text in texts for character in text} - characters(REGULAR)
    needed = []
    for font in STAND_INS:
        if left and (found := left & characters(font)):
            needed.append(font)
            left -= found
    return needed


@lru_cache(maxsize=4096)
def _showable(character: str) -> str:
    if character.isspace():
        return " "
    if not character.isprintable() and character not in _JOINERS:
        return ""
    return character if any(ord(character) in characters(font) for font in (REGULAR, *STAND_INS)) else _MISSING
