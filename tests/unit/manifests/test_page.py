"""The page of a manifest: whatever a partner wrote is text in it."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from domain.catalog.items import Venue
from services.manifests.page import POLICY, told
from services.manifests.texts import texts_in
from tests.unit.manifests.tickets import VENUE, coupon, line, number, order, page_of, shown, ticket


class Elements(HTMLParser):
    """The elements of a page, its text, and whether every one was closed that has to be."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in {"meta"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def text_of(page: str) -> str:
    return " ".join(" ".join(Elements(page).text).split())


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "{{7*7}} {% raw %} ${7*7} #{7*7}",
        "</style><img src=x onerror=alert(1)>",
        "\"'><svg onload=alert(1)>",
        "&lt;b&gt; &amp;amp;",
        "محمد علي",
        "\u202eevil",
        "😀👩‍👩‍👧",
        "W" * 100,
    ],
)
def test_a_name_is_text(name: str) -> None:
    page = page_of(shown(order(line(name), assets=[ticket(name)]), venue=_venue(name)))
    elements = Elements(page)
    assert elements.open == []
    assert "".join(elements.text).count(name) == 5  # the title, twice the venue, the guest, the ticket
    assert {tag for tag, _, _ in elements.attributes} <= {
        *("html", "meta", "header", "p", "a", "section", "article", "div", "svg", "path"),
    }
    assert not [name for _, name, _ in elements.attributes if name.startswith("on") or name in {"style", "src"}]


def _venue(name: str) -> Venue:
    return replace(VENUE, name=name)


def test_a_ticket_shows_all_that_the_guest_and_the_gate_need() -> None:
    made = shown(order(line("Ada Nord", language="DAN"), assets=[ticket("Skoleklasse", persons=24)], language="ENU"))
    page = page_of(made)
    text = text_of(page)
    for said in ("Harbour Museum", "Your tickets", "CM-7KQ2M-9XD4T-8HF2", "Ada Nord", "Skoleklasse", "Personer 24"):
        assert said in text
    assert f"W00000000000000 Gyldig {number(0)}" in text
    assert "tirsdag den 1. december 2026 kl. 10.30" in text
    assert '<html lang="en">' in page
    assert '<section lang="da">' in page
    assert f'aria-label="QR-kode for nummer {number(0)}"' in page
    assert 'href="TOKEN.pdf"' in page


def test_headings_are_in_their_order() -> None:
    packages = page_of(shown(order(line("Ada"), line(None), assets=[ticket(), coupon()])))
    assert re.findall(r"<h(\d)", packages) == ["1", "2", "3", "3", "2", "3", "3"]
    assert re.findall(r"<h(\d)", page_of(shown(order(line("Ada", None))))) == ["1", "2", "2"]


def test_a_used_ticket_is_told_from_a_valid_one() -> None:
    page = page_of(shown(order(line("Ada", "Ben"), used=1)))
    assert page.count('<article class="ticket used">') == page.count('<article class="ticket">') == 1


def test_nothing_of_the_page_comes_from_elsewhere_and_its_style_is_the_one_that_may_be() -> None:
    page = page_of(shown(order(line("Ada"))))
    assert [value for _, name, value in Elements(page).attributes if name in {"src", "href"}] == ["TOKEN.pdf"]
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    allowed = b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{allowed}'" in POLICY
    assert POLICY.startswith("default-src 'none'")
    assert "url" not in style
    assert style in told(texts_in("ENU"), "t", "t").decode()


def test_a_page_that_says_why_is_in_its_language() -> None:
    texts = texts_in("DEU")
    page = told(texts, texts.gone_title, texts.gone).decode()
    assert '<html lang="de">' in page
    assert text_of(page).count(texts.gone_title) == 2
