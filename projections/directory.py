"""Partners, keys, catalog and subscriptions, folded in memory from the log by every process.

They are few and change seldom, while nearly every request needs them: no table stands between. A process is at most
a second behind (a notification or the poll); before anything is refused for what is missing here, `refresh` is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import structlog

from domain import api_key, partner, streams, subscription
from domain.catalog import stream as catalog_stream
from domain.catalog.time_zones import time_zone
from infra.postgres.errors import DatabaseUnavailable
from infra.postgres.gathered import Gathered

if TYPE_CHECKING:
    from domain.catalog.items import Catalog
    from infra.event_store.field_encryption import StreamKey
    from infra.event_store.mapper import EventMapper
    from infra.event_store.recorder import LogRow, Recorder

log = structlog.get_logger()

PAGE = 1000
RETRY_SECONDS = 0.5
EARLIER_CATALOGS = 4


class _Kind(NamedTuple):
    """How the streams of a kind are folded."""

    initial: Any
    evolve: Callable[[Any, Any], Any]


_KINDS: Mapping[str, _Kind] = {
    "partner": _Kind(partner.INITIAL, partner.evolve),
    "key": _Kind(api_key.INITIAL, api_key.evolve),
    "catalog": _Kind(catalog_stream.INITIAL, catalog_stream.evolve),
    "subscription": _Kind(subscription.INITIAL, subscription.evolve),
}


class Subscribed(NamedTuple):
    """A living subscription: `since` is its first event's position, `key` opens its secret."""

    subscription: subscription.LivingSubscription
    since: int
    key: StreamKey | None


class Entry(NamedTuple):
    """A stream's state and version."""

    state: Any
    version: int


@dataclass
class Directory:
    """What stands in the directory as of `position` in the log."""

    recorder: Recorder
    mapper: EventMapper
    position: int = 0
    partners: dict[UUID, partner.KnownPartner] = field(default_factory=dict)
    keys_by_hash: dict[str, api_key.ActiveKey] = field(default_factory=dict)
    keys: dict[UUID, api_key.ActiveKey] = field(default_factory=dict)
    subscriptions: dict[UUID, Subscribed] = field(default_factory=dict)
    catalog: Catalog | None = None
    catalog_version: int = 0
    _earlier: dict[int, Catalog] = field(default_factory=dict)
    _streams: dict[UUID, Entry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reading: Gathered[None, bool] = Gathered(self._read, concurrency=1)

    @property
    def venue_id(self) -> UUID | None:
        """None until a catalog is published."""
        return self.catalog.venue.id if self.catalog is not None else None

    def is_active(self, partner_id: UUID) -> bool:
        known = self.partners.get(partner_id)
        return known is not None and known.active

    def is_disabled(self, partner_id: UUID) -> bool:
        """False for a partner that is not known: that is another fault."""
        known = self.partners.get(partner_id)
        return known is not None and not known.active

    async def catalog_of(self, version: int) -> Catalog | None:
        """The catalog of a version, 0: the one in force; None where there is none. Raises DatabaseUnavailable.

        Some earlier ones are kept: after a new one was published, jobs go on that began with the one before.
        """
        if version in {0, self.catalog_version}:
            return self.catalog
        catalog = self._earlier.get(version)
        if catalog is None:
            # Each event is a whole catalog, and its version its place in the stream: one row is enough.
            for row in await self.recorder.select_events(streams.catalog_stream(), gt=version - 1, lte=version):
                published: catalog_stream.CatalogPublished = self.mapper.from_row(row.topic, row.state).data
                catalog = published.catalog
                await _read_zone(catalog)
                self._keep(version, catalog)
        return catalog

    @property
    def draft_ttl_seconds(self) -> dict[UUID, int]:
        """By partner, how long its Drafts live; without those whose Drafts stay for ever."""
        limits = ((known.partner_id, known.draft_ttl_seconds) for known in self.partners.values())
        return {partner_id: seconds for partner_id, seconds in limits if seconds is not None}

    def draft_ttl_seconds_of(self, partner_id: UUID) -> int | None:
        """None: its Drafts stay for ever."""
        known = self.partners.get(partner_id)
        return known.draft_ttl_seconds if known is not None else None

    async def refresh(self) -> bool:
        """Fold all that was committed before this call; whether anything came. Raises DatabaseUnavailable."""
        return bool(await self._reading.get(None))

    async def follow(self, woken: asyncio.Event) -> None:
        """Stay up to date for ever; `woken` is set when the log may hold something new."""
        while True:
            await woken.wait()
            woken.clear()
            try:
                await self.refresh()
            except DatabaseUnavailable as error:
                log.warning("directory_waits_for_store", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _read(self, _: Sequence[None]) -> Mapping[None, bool]:
        before = self.position
        rows: Sequence[LogRow] | None = None
        while rows is None or len(rows) == PAGE:  # a page that is not full was the end
            rows = await self.recorder.setup_page(self.position, PAGE)
            await self._fold(rows)
        return {None: self.position > before}

    async def _fold(self, rows: Sequence[LogRow]) -> None:
        secrets = [row.stream for row in rows if row.topic == "subscription.created.v1"]
        keys = await self.recorder.keys(secrets) if secrets else {}
        for row in rows:
            kind = row.topic.partition(".")[0]
            if kind in _KINDS:
                event = self.mapper.from_row(row.topic, row.state).data
                if isinstance(event, catalog_stream.CatalogPublished):
                    await _read_zone(event.catalog)
                self._fold_one(row, _KINDS[kind], event, keys.get(row.stream))
            self.position = row.position

    def _keep(self, version: int, catalog: Catalog) -> None:
        self._earlier[version] = catalog
        while len(self._earlier) > EARLIER_CATALOGS:
            self._earlier.pop(next(iter(self._earlier)))

    def _fold_one(self, row: LogRow, kind: _Kind, event: object, key: StreamKey | None) -> None:
        entry = self._streams.get(row.stream)
        before = entry.state if entry is not None else kind.initial
        state = kind.evolve(before, event)
        self._streams[row.stream] = Entry(state, row.version)
        match state:
            case partner.KnownPartner():
                self.partners[state.partner_id] = state
            case partner.DeletedPartner():
                self._forget_partner(state.partner_id)
            case api_key.ActiveKey():
                # Also one that is made while its partner is deleted ends with it.
                if state.partner_id is None or state.partner_id in self.partners:
                    self.keys[state.key_id] = self.keys_by_hash[state.key_hash] = state
            case api_key.RevokedKey():
                self._forget_key(state.key_id)
            case catalog_stream.Published():
                if self.catalog is not None:
                    self._keep(self.catalog_version, self.catalog)
                self.catalog, self.catalog_version = state.catalog, state.version
            case subscription.Active() | subscription.Disabled() if state.subscriber.partner_id in self.partners:
                known = self.subscriptions.get(state.subscription_id)
                since, key = (known.since, known.key) if known is not None else (row.position, key)
                self.subscriptions[state.subscription_id] = Subscribed(state, since, key)
            case subscription.Deleted():
                self.subscriptions.pop(state.subscription_id, None)
            case _:
                pass

    def _forget_key(self, key_id: UUID) -> None:
        if (key := self.keys.pop(key_id, None)) is not None:
            self.keys_by_hash.pop(key.key_hash, None)

    def _forget_partner(self, partner_id: UUID) -> None:
        """A deleted partner's keys and subscriptions end with it."""
        self.partners.pop(partner_id, None)
        for key in [key for key in self.keys.values() if key.partner_id == partner_id]:
            self._forget_key(key.key_id)
        for subscribed in list(self.subscriptions.values()):
            if subscribed.subscription.subscriber.partner_id == partner_id:
                self.subscriptions.pop(subscribed.subscription.subscription_id)


async def _read_zone(catalog: Catalog) -> None:
    """The first look at a zone reads a file: here, not on the event loop while an order waits."""
    await asyncio.to_thread(time_zone, catalog.venue.time_zone)
