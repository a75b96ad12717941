"""A stream that is found by a name: the same name always, and another name never, gives the same id."""

import unicodedata
from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st

from domain.streams import (
    catalog_stream,
    key_stream,
    named_stream,
    partner_stream,
    reference_stream,
    subscription_stream,
)

PARTNER = UUID("21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e")
PARTS = st.lists(st.text(max_size=5), max_size=4)


def test_the_id_never_changes() -> None:
    """Known answers: with another id, every stored stream would be lost."""
    assert reference_stream(PARTNER, "PARTNER-ORDER-2026-00042") == UUID("3c0408e9-f76d-8d25-ad1a-cd50d1a88bca")
    assert partner_stream(PARTNER) == UUID("e4cbdc7e-efb5-85d3-b357-bce231908c16")
    assert catalog_stream() == UUID("94574da8-6258-8117-88b3-3ef850585f8c")


def test_it_is_a_uuid_of_version_8() -> None:
    stream = catalog_stream()
    assert (stream.version, stream.variant) == (8, "specified in RFC 4122")


def test_kinds_are_kept_apart() -> None:
    streams = {
        partner_stream(PARTNER),
        key_stream(PARTNER),
        subscription_stream(PARTNER),
        reference_stream(PARTNER, ""),
    }
    assert len(streams) == 4


@given(PARTS, PARTS)
def test_different_parts_give_different_streams(one: list[str], other: list[str]) -> None:
    def normal(parts: list[str]) -> list[str]:
        return [unicodedata.normalize("NFC", part) for part in parts]

    assume(normal(one) != normal(other))
    assert named_stream("kind", *one) != named_stream("kind", *other)


def test_a_reference_is_the_same_however_its_accents_were_typed_and_its_case_counts() -> None:
    assert reference_stream(PARTNER, "Caf\u00e9") == reference_stream(PARTNER, "Cafe\u0301")
    assert reference_stream(PARTNER, "abc") != reference_stream(PARTNER, "ABC")
