"""The catalog's stream: each catalog that was ever published, and who the venue is.

Events, commands, refusals, states, `evolve`, `decide`, in this order.
"""

from typing import ClassVar, TypeAlias
from uuid import UUID

from msgspec import Struct

from domain.catalog.body import CatalogBody
from domain.catalog.items import Catalog
from domain.catalog.publishing import catalog_faults, catalog_of, given_venue_id
from domain.faults import Fault
from domain.history import HistoryBroken


class CatalogPublished(Struct, frozen=True, rename="camel"):
    """A whole catalog came into force. `version`: counted from 1, without gaps."""

    version: int
    catalog: Catalog


CatalogEvent: TypeAlias = CatalogPublished


class PublishCatalog(Struct, frozen=True):
    """`body`: without structural faults. `new_venue_id`: the venue's id where neither body nor past has one."""

    body: CatalogBody
    new_venue_id: UUID


CatalogCommand: TypeAlias = PublishCatalog


class CatalogRefusal(Exception):
    """The catalog cannot be published."""

    code: ClassVar[str]

    def __str__(self) -> str:
        return type(self).__doc__ or ""


class CatalogFaulty(CatalogRefusal):
    """Something in the catalog is wrong; the one in force stays."""

    code = "validation_failed"

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults)
        self.faults = faults


class NothingPublished(Struct, frozen=True):
    """There is no catalog yet: every item is unknown."""


class Published(Struct, frozen=True):
    """The catalog in force."""

    version: int
    catalog: Catalog


PublishedCatalog: TypeAlias = NothingPublished | Published

INITIAL: PublishedCatalog = NothingPublished()


def evolve(state: PublishedCatalog, event: CatalogEvent) -> PublishedCatalog:
    """The state after one more event. Raises HistoryBroken where the event cannot follow."""
    if event.version != _version(state) + 1:
        raise HistoryBroken(event, state)
    return Published(version=event.version, catalog=event.catalog)


def decide(state: PublishedCatalog, command: CatalogCommand) -> list[CatalogEvent]:
    """A new version, also of a catalog that is in force already. Raises CatalogFaulty.

    Whoever asks has told the faults that there were; looked at here, they are also those of a state that moved since,
    as when two first catalogs name two venues.
    """
    venue_id = venue_id_of(state)
    faults = catalog_faults(command.body, venue_id)
    if faults:
        raise CatalogFaulty(faults)
    catalog = catalog_of(command.body, venue_id or given_venue_id(command.body) or command.new_venue_id)
    return [CatalogPublished(version=_version(state) + 1, catalog=catalog)]


def venue_id_of(state: PublishedCatalog) -> UUID | None:
    """The venue's id, which its first catalog fixes."""
    return state.catalog.venue.id if isinstance(state, Published) else None


def _version(state: PublishedCatalog) -> int:
    return state.version if isinstance(state, Published) else 0
