"""The catalog's history: each publication is a version, and the venue is always the same."""

from typing import Any
from uuid import UUID

import pytest

from domain.catalog.body import CatalogBody
from domain.catalog.publishing import CATALOG_READER
from domain.catalog.stream import (
    INITIAL,
    CatalogFaulty,
    CatalogPublished,
    PublishCatalog,
    Published,
    decide,
    evolve,
    venue_id_of,
)
from domain.history import HistoryBroken
from tests.unit.catalog.catalogs import TICKET, VENUE_ID, catalog, example, written
from tests.unit.spec import Decider

OTHER_ID = UUID("00000000-0000-4000-8000-000000000000")
STREAM = Decider(INITIAL, evolve, decide)


def body(**venue: Any) -> CatalogBody:
    document = example()
    document["venue"] |= venue
    return CATALOG_READER.read(written(document)).value


def publish(new_venue_id: UUID = VENUE_ID, **venue: Any) -> PublishCatalog:
    return PublishCatalog(body(**venue), new_venue_id)


def published(version: int) -> CatalogPublished:
    return CatalogPublished(version, catalog())


def test_the_first_catalog_is_version_1_of_a_new_venue() -> None:
    state = STREAM.given().when(publish()).then(published(1))
    assert state == Published(1, catalog())
    assert venue_id_of(state) == VENUE_ID


def test_the_first_catalog_may_name_the_venue() -> None:
    STREAM.given().when(publish(OTHER_ID, id=str(VENUE_ID))).then(published(1))


def test_before_the_first_catalog_there_is_no_venue() -> None:
    assert venue_id_of(INITIAL) is None


def test_the_same_catalog_again_is_a_new_version() -> None:
    STREAM.given(published(1)).when(publish()).then(published(2))
    STREAM.given(published(1), published(2)).when(publish(id=str(VENUE_ID))).then(published(3))


def test_a_later_catalog_keeps_the_venues_id() -> None:
    STREAM.given(published(1)).when(publish(OTHER_ID)).then(published(2))


def test_a_later_catalog_cannot_be_of_another_venue() -> None:
    given = STREAM.given(published(1))
    with pytest.raises(CatalogFaulty, match="wrong") as caught:
        decide(given.state, publish(id=str(OTHER_ID)))
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [("/venue/id", "read_only")]
    assert caught.value.code == "validation_failed"


def test_a_catalog_with_faults_is_not_published() -> None:
    document = example()
    document["items"][TICKET]["admissions"] = ["PARK"]
    command = PublishCatalog(CATALOG_READER.read(written(document)).value, VENUE_ID)
    STREAM.given().when(command).then_refused(CatalogFaulty)


@pytest.mark.parametrize(("history", "version"), [([], 0), ([], 2), ([1], 1), ([1], 3)])
def test_a_version_that_does_not_follow_breaks_the_history(history: list[int], version: int) -> None:
    state = STREAM.after([published(earlier) for earlier in history])
    with pytest.raises(HistoryBroken):
        evolve(state, published(version))
