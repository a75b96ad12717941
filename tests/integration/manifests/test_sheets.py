"""The PDF of a manifest: a ticket a sheet, nothing cut, whatever the guests are called."""

from __future__ import annotations

import logging

import pypdfium2
import pytest
from msgspec.structs import replace

from services.manifests.fonts import showable
from tests.pictures import codes_of, texts_of
from tests.unit.manifests.tickets import VENUE, coupon, line, number, order, pdf_of, shown, ticket

NAMES = {
    "markup": "<script>alert(1)</script> {{7*7}} **bold** __x__",
    "han, kana, hangul": "王小明 やまだ太郎 김철수",
    "thai": "ประภัสสร",
    "hindi": "अनिल कुमार",
    "greek, cyrillic": "Ελένη Иван",
    "emoji": "😀 Zoë 🎉",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_is_printed_as_it_is(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        (text,) = texts_of(pdf_of(shown(order(line(name)))))
    assert "".join(name.split()) in "".join(text.split())
    assert caplog.records == []  # of glyphs that are missing, the library would write


@pytest.mark.parametrize("name", ["محمد علي", "דוד כהן"])
def test_a_name_that_runs_from_the_right_is_printed_so(name: str) -> None:
    (text,) = texts_of(pdf_of(shown(order(line(name)))))
    for word in name.split():
        assert word in text or word[::-1] in text


def test_what_no_font_has_is_a_box_and_what_cannot_be_seen_is_nothing() -> None:
    assert showable("ቅዱስ Ada\x07\u202e\u2066") == "□□□ Ada"
    assert showable("10:30\u202fAM") == "10:30 AM"
    assert showable("ক্\u200dষ 👩\u200d👧") == "□□\u200d□ 👩\u200d👧"


def test_each_ticket_and_coupon_has_a_sheet_with_its_code() -> None:
    made = order(line("Ada", "Ben"), line(None), assets=[ticket(), coupon()])
    pdf = pdf_of(shown(made))
    numbers = [number(wallet, asset) for wallet in range(3) for asset in range(2)]
    assert codes_of(pdf) == [[one] for one in numbers]
    assert [one in text for one, text in zip(numbers, texts_of(pdf), strict=True)] == [True] * 6
    assert "1 / 6" in texts_of(pdf)[0]


def test_a_sheet_says_what_the_page_says() -> None:
    made = order(line("Ada Nord", language="DAN"), assets=[ticket("Skoleklasse", persons=24)], used=1)
    (text,) = texts_of(pdf_of(shown(made)))
    for said in (
        "Harbour Museum",
        "Billet",
        "Skoleklasse",
        "Ada Nord",
        "tirsdag den 1. december 2026 kl. 10.30",
        "Personer 24",
        "W00000000000000",
        "CM-7KQ2M-9XD4T-8HF2",
        "Brugt 1. dec. 2026 kl. 10.42",
    ):
        assert said in text


@pytest.mark.parametrize("letter", ["W", "W ", "王", "ﷺ", "😀", "m̂"])
def test_nothing_is_cut_however_long(letter: str) -> None:
    """Every letter stands on the ticket, and the code can still be read."""
    long = (letter * 250)[:250]
    made = order(line(long[:100], references=(long[:100],)), assets=[ticket(long)])
    pdf = pdf_of(shown(made, venue=replace(VENUE, name=long)))
    (page,) = pypdfium2.PdfDocument(pdf)
    width, height = page.get_size()
    text = page.get_textpage()
    boxes = [text.get_charbox(at) for at in range(text.count_chars())]
    points = 72 / 25.4
    for left, bottom, right, top in boxes:
        assert 15 * points <= left <= right <= width - 15 * points
        assert height - 157 * points <= bottom <= top <= height - 15 * points
    assert codes_of(pdf) == [[number(0)]]


def test_the_same_manifest_gives_the_same_bytes() -> None:
    made = order(line(*NAMES.values()))
    assert pdf_of(shown(made)) == pdf_of(shown(made))


def test_the_document_says_what_it_is_and_in_which_language() -> None:
    pdf = pdf_of(shown(order(line("Ada"), language="DAN")))
    document = pypdfium2.PdfDocument(pdf)
    assert document.get_metadata_value("Title") == "Dine billetter, Harbour Museum, CM-7KQ2M-9XD4T-8HF2"
    assert b"/Lang (da)" in pdf
    assert b"/DisplayDocTitle true" in pdf


def test_codes_are_vectors() -> None:
    assert b"/Subtype /Image" not in pdf_of(shown(order(line("Ada"))))
