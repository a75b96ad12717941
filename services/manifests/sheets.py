"""Manifests for print: a PDF with a ticket or coupon on each sheet (A4), every one laid out alike.

Texts are shaped and ordered as their scripts want it (Arabic, Hebrew, Thai, Hindi) and nothing of them is cut: what is
long is set smaller, then in more lines. QR codes are vectors. The same manifest gives the same bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from fpdf import FPDF
from fpdf.enums import Align, MethodReturnValue, XPos, YPos
from fpdf.prefs import ViewerPreferences

from services.manifests.fonts import BOLD, REGULAR, path, showable, stand_ins
from services.manifests.qr_code import QUIET, qr_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.manifests.contents import Manifest, Ticket, Wallet
    from services.manifests.texts import Texts

_SANS: Final = "sans"

# Millimetres, from the sheet's top left.
_LEFT, _TOP, _WIDTH, _HEIGHT = 15.0, 15.0, 180.0, 142.0
_PADDING: Final = 9.0
_BAND: Final = 15.0
_FACTS_WIDTH: Final = 88.0
_CODE_SIDE: Final = 62.0
_LINE: Final = 1.32
"""Of a line, in its letters' height."""
_MM_PER_POINT: Final = 25.4 / 72


# Latin, Greek, Cyrillic, and what East Asia writes with, all in single letters.
_UNSHAPED: Final = re.compile(
    "[\x20-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u200a\u2010-\u2029\u202f\u3000-\u9fff\uac00-\ud7a3]*\\Z"
)


class _Colour(NamedTuple):
    red: int
    green: int
    blue: int


_INK = _Colour(26, 32, 44)
_FAINT = _Colour(95, 105, 120)
_RULE = _Colour(200, 206, 214)
_BRAND = _Colour(22, 60, 82)
_WHITE = _Colour(255, 255, 255)
_VALID = _Colour(20, 108, 67)
_USED = _Colour(150, 40, 40)
_SPENT_CODE = _Colour(190, 195, 202)


class _Fit(NamedTuple):
    """In which size a text has its place, and how many lines it takes then."""

    size: float
    lines: int


class Sheets:
    """The PDF of a manifest. It takes some 5 ms a sheet, after half a second for the fonts."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._wallets = list(manifest.wallets)
        self._fits: dict[tuple[str, float, str, tuple[float, ...], int], _Fit] = {}
        self._pdf = _document(manifest, _every_text(manifest, self._wallets))

    def pdf(self) -> bytes:
        for place, (wallet, ticket) in enumerate(_tickets(self._wallets), start=1):
            self._add(place, wallet, ticket)
        return bytes(self._pdf.output())

    def _add(self, place: int, wallet: Wallet, ticket: Ticket) -> None:
        pdf, texts = self._pdf, wallet.texts
        pdf.add_page()
        self._frame(ticket)
        inner = _WIDTH - 2 * _PADDING
        pdf.set_xy(_LEFT + _PADDING, _TOP + _BAND + 6)
        self._fitted(ticket.description, inner, "B", (20, 16, 13, 10, 8), most_lines=2)
        if wallet.name:
            pdf.set_xy(_LEFT + _PADDING, pdf.get_y() + 1)
            self._fitted(wallet.name, inner, "", (15, 12, 10, 8), most_lines=2)
        top = max(pdf.get_y() + 5, _TOP + _BAND + 32)
        pdf.set_draw_color(*_RULE)
        pdf.set_line_width(0.3)
        pdf.line(_LEFT + _PADDING, top, _LEFT + _WIDTH - _PADDING, top)
        self._facts(top + 5, wallet, ticket, texts)
        self._code(_LEFT + _WIDTH - _PADDING - _CODE_SIDE, top + 4, ticket)
        self._foot(place, texts)

    def _frame(self, ticket: Ticket) -> None:
        """The ticket's border, along which it can be cut out, and whose it is."""
        pdf = self._pdf
        pdf.set_draw_color(*_BRAND)
        pdf.set_line_width(0.5)
        pdf.rect(_LEFT, _TOP, _WIDTH, _HEIGHT)
        pdf.set_fill_color(*_BRAND)
        pdf.rect(_LEFT, _TOP, _WIDTH, _BAND, style="F")
        pdf.set_xy(_LEFT + _PADDING, _TOP + 4.2)
        self._fitted(self._manifest.venue, 120, "B", (13, 10, 8, 6, 4.5), most_lines=1, colour=_WHITE)
        pdf.set_xy(_LEFT + _WIDTH - _PADDING - 40, _TOP + 4.6)
        self._write(ticket.kind, 40, "", 11, colour=_WHITE, align=Align.R)

    def _facts(self, top: float, wallet: Wallet, ticket: Ticket, texts: Texts) -> None:
        pdf = self._pdf
        pdf.set_y(top)
        rows = [(texts.visit, ticket.visit, "B", 1)]
        if ticket.persons > 1:
            rows.append((texts.persons, str(ticket.persons), "B", 1))
        rows += [(texts.reference, wallet.reference, "", 2), (texts.order, self._manifest.order_reference, "", 1)]
        for label, value, style, lines in rows:
            pdf.set_x(_LEFT + _PADDING)
            self._write(label, _FACTS_WIDTH, "", 8.5, colour=_FAINT)
            pdf.set_x(_LEFT + _PADDING)
            self._fitted(value, _FACTS_WIDTH, style, (12, 11, 10, 9, 8), most_lines=lines)
            pdf.set_y(pdf.get_y() + 2.5)
        pdf.set_xy(_LEFT + _PADDING, pdf.get_y() + 1)
        status = _USED if ticket.is_used else _VALID
        self._fitted(ticket.status, _FACTS_WIDTH, "B", (12, 10, 8), most_lines=1, colour=status)

    def _code(self, left: float, top: float, ticket: Ticket) -> None:
        """The code, pale where the ticket is used, and its number beneath."""
        pdf, code = self._pdf, qr_code(ticket.number)
        module = _CODE_SIDE / code.side
        pdf.set_fill_color(*(_SPENT_CODE if ticket.is_used else _Colour(0, 0, 0)))
        for row, column, length in code.bars:
            x, y = left + (QUIET + column) * module, top + (QUIET + row) * module
            pdf.rect(x, y, length * module, module, style="F")
        pdf.set_xy(left, top + _CODE_SIDE)
        self._fitted(ticket.number, _CODE_SIDE, "B", (12, 9, 7), most_lines=1, align=Align.C)

    def _foot(self, place: int, texts: Texts) -> None:
        pdf, bottom = self._pdf, _TOP + _HEIGHT
        pdf.set_xy(_LEFT + _PADDING, bottom - 9)
        self._write(texts.show_this, 130, "", 9, colour=_FAINT)
        pdf.set_xy(_LEFT + _WIDTH - _PADDING - 30, bottom - 9)
        self._write(f"{place} / {self._manifest.sheets}", 30, "", 9, colour=_FAINT, align=Align.R)

    def _fitted(
        self,
        text: str,
        width: float,
        style: str,
        sizes: tuple[float, ...],
        *,
        most_lines: int,
        colour: _Colour = _INK,
        align: Align = Align.L,
    ) -> None:
        """In the largest of `sizes` that takes at most so many lines, else in the smallest."""
        asked = (text, width, style, sizes, most_lines)
        fit = self._fits.get(asked)
        if fit is None:
            fit = self._fits[asked] = self._fit(*asked)
        self._write(text, width, style, fit.size, lines=fit.lines, colour=colour, align=align)

    def _fit(self, text: str, width: float, style: str, sizes: tuple[float, ...], most_lines: int) -> _Fit:
        for size in sizes[:-1]:
            if (lines := self._lines(text, width, style, size)) <= most_lines:
                return _Fit(size, lines)
        return _Fit(sizes[-1], self._lines(text, width, style, sizes[-1]))

    def _lines(self, text: str, width: float, style: str, size: float) -> int:
        self._set_font(text, style, size)
        lines = self._pdf.multi_cell(width, text=showable(text), dry_run=True, output=MethodReturnValue.LINES)
        assert isinstance(lines, list)  # noqa: S101 - what was asked for
        return len(lines)

    def _write(
        self,
        text: str,
        width: float,
        style: str,
        size: float,
        *,
        lines: int = 1,
        colour: _Colour = _INK,
        align: Align = Align.L,
    ) -> None:
        """From where the pen stands; it stands in the next line afterwards. `lines`: that it takes."""
        pdf = self._pdf
        self._set_font(text, style, size)
        pdf.set_text_color(*colour)
        height = size * _MM_PER_POINT * _LINE
        if lines == 1:  # without looking where to break it: that takes longer than all else
            pdf.cell(width, height, showable(text), align=align, new_x=XPos.LEFT, new_y=YPos.NEXT)
        else:
            pdf.multi_cell(width, height, showable(text), align=align, new_x=XPos.LEFT, new_y=YPos.NEXT)

    def _set_font(self, text: str, style: str, size: float) -> None:
        self._pdf.set_font(_SANS, style, size)
        # Most texts are a letter after the other; to shape them all the same would take five times as long.
        self._pdf.set_text_shaping(_UNSHAPED.match(text) is None)


def _tickets(wallets: Sequence[Wallet]) -> Iterator[tuple[Wallet, Ticket]]:
    for wallet in wallets:
        for ticket in wallet.tickets:
            yield wallet, ticket


def _every_text(manifest: Manifest, wallets: Sequence[Wallet]) -> Iterator[str]:
    """What partners and operators wrote; all other words are in scripts that the first font has."""
    yield manifest.venue
    for wallet in wallets:
        yield wallet.name
        yield wallet.reference
        for ticket in wallet.tickets:
            yield ticket.description


def _document(manifest: Manifest, texts: Iterator[str]) -> FPDF:
    """Without a sheet yet, with the fonts that `texts` need."""
    pdf = FPDF(format="A4")
    pdf.set_auto_page_break(False)
    pdf.set_margin(0)
    pdf.c_margin = 0
    pdf.add_font(_SANS, "", path(REGULAR))
    pdf.add_font(_SANS, "B", path(BOLD))
    needed = stand_ins(texts)
    for font in needed:
        pdf.add_font(font, "", path(font))
    pdf.set_fallback_fonts(needed, exact_match=False)
    pdf.set_lang(manifest.texts.tag)
    pdf.set_title(f"{manifest.texts.title}, {showable(manifest.venue)}, {manifest.order_reference}")
    pdf.set_creator("OTA Channel Manager")
    pdf.set_creation_date(manifest.issued_at)
    pdf.viewer_preferences = ViewerPreferences(display_doc_title=True)
    return pdf
