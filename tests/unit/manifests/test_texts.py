"""The words of manifests: in the language that is asked for, where there is a file for it."""

from __future__ import annotations

from datetime import date, datetime, time

import msgspec
import pytest
from babel import Locale

from services.manifests.texts import TEXTS, Texts, texts_for, texts_in


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("ENU", "Tuesday, December 1, 2026, 2:30\u202fPM"),
        ("dan", "tirsdag den 1. december 2026 kl.\u00a014.30"),
        ("DEU", "Dienstag, 1. Dezember 2026, 14:30\u00a0Uhr"),
        ("TLH", "Tuesday, December 1, 2026, 2:30\u202fPM"),
    ],
)
def test_a_visit_is_said_as_one_says_it(language: str, said: str) -> None:
    assert texts_in(language).day_and_time(date(2026, 12, 1), time(14, 30)) == said


def test_when_a_ticket_was_used_is_said_with_day_and_time() -> None:
    assert texts_in("DAN").used_at(datetime(2026, 12, 1, 10, 5)) == "Brugt 1. dec. 2026 kl.\u00a010.05"  # noqa: DTZ001


@pytest.mark.parametrize("texts", {id(texts): texts for texts in TEXTS.values()}.values(), ids=lambda texts: texts.tag)
def test_every_language_is_whole(texts: Texts) -> None:
    assert Locale.parse(texts.locale).language == texts.tag
    for name, text in msgspec.structs.asdict(texts).items():
        assert text, name
    assert "{date}" in texts.visit_at
    assert "{time}" in texts.visit_at
    assert "{date}" in texts.used
    assert "{number}" in texts.code_of


@pytest.mark.parametrize(
    ("asked", "tag"),
    [
        (["da, en;q=0.8"], "da"),
        (["en;q=0.5, de-CH;q=0.9"], "de"),
        (["fr-FR, fr;q=0.9, de;q=0.4"], "de"),
        (["de;q=0, da;q=0.1"], "da"),
        (["fr", "da"], "da"),
        (["*"], "de"),
        ([], "de"),
        (["de;q=nonsense"], "de"),
        (["da;q=0.001", "\x00,,;;"], "da"),
    ],
)
def test_a_browser_is_answered_in_its_language_else_in_the_venues(asked: list[str], tag: str) -> None:
    assert texts_for(asked, "DEU").tag == tag
