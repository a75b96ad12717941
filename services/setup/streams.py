"""Commands on the small streams: the whole stream loaded, decided, saved, and decided again after a conflict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from domain import api_key, partner, subscription
from domain.allotment import override as allotment_override
from domain.catalog import stream as catalog
from infra.event_store.append import Append, CapacityOverride, NewEvent
from infra.event_store.group_commit import StoreUnavailable
from infra.event_store.outcomes import Appended, CapacityBelowTaken
from infra.postgres.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from uuid import UUID

    from infra.event_store.field_encryption import KeyRing
    from infra.event_store.group_commit import GroupCommit
    from infra.event_store.mapper import EventMapper
    from infra.event_store.recorder import Recorder
    from projections.directory import Directory
    from services.ordering.context import CommandContext

MAX_TRIES = 10

State = TypeVar("State")
Event = TypeVar("Event")


@dataclass(frozen=True)
class StreamKind(Generic[State, Event]):
    """How a kind of stream is folded. `sealed`: its first event has sealed fields, so it gets a key of its own.

    `told_by`: the state that one event tells alone, where each tells all: then only the newest is read. `sets`: the
    capacity that an event sets for a slot, in the same save.
    """

    initial: State
    evolve: Callable[[State, Event], State]
    sealed: bool = False
    told_by: Callable[[Event], State] | None = None
    sets: Callable[[Event], CapacityOverride] | None = None


PARTNERS = StreamKind[partner.Partner, partner.PartnerEvent](partner.INITIAL, partner.evolve)
KEYS = StreamKind[api_key.ApiKey, api_key.KeyEvent](api_key.INITIAL, api_key.evolve)
CATALOGS = StreamKind[catalog.PublishedCatalog, catalog.CatalogEvent](
    catalog.INITIAL, catalog.evolve, told_by=lambda event: catalog.Published(event.version, event.catalog)
)
SUBSCRIPTIONS = StreamKind[subscription.Subscription, subscription.SubscriptionEvent](
    subscription.INITIAL, subscription.evolve, sealed=True
)
ALLOTMENTS = StreamKind[allotment_override.AllotmentOverride, allotment_override.AllotmentEvent](
    allotment_override.INITIAL,
    allotment_override.evolve,
    told_by=lambda event: allotment_override.Overridden(event.capacity),
    sets=lambda event: CapacityOverride(event.admission, event.visit_date, event.slot_start, event.capacity),
)


@dataclass(frozen=True, slots=True)
class Stream(Generic[State]):
    """A stream as of `version` (0: nothing has happened)."""

    state: State
    version: int


class SetupStreams:
    """Loads and changes them. A change is in this process's directory when `change` returns, if it can be read."""

    def __init__(
        self,
        recorder: Recorder,
        mapper: EventMapper,
        keys: KeyRing,
        group_commit: GroupCommit,
        directory: Directory,
    ) -> None:
        self._recorder = recorder
        self._mapper = mapper
        self._keys = keys
        self._group_commit = group_commit
        self._directory = directory

    async def load(
        self, kind: StreamKind[State, Any], stream: UUID, *, up_to_version: int | None = None
    ) -> Stream[State]:
        """The stream now, or as of a version. Raises DatabaseUnavailable."""
        state = kind.initial
        version = 0
        if kind.told_by is not None and up_to_version is None:
            for newest in await self._recorder.select_events(stream, desc=True, limit=1):
                event = self._mapper.from_row(newest.topic, newest.state).data
                return Stream(kind.told_by(event), newest.originator_version)
            return Stream(state, version)
        for row in (await self._recorder.streams([stream]))[stream][:up_to_version]:
            state = kind.evolve(state, self._mapper.from_row(row.topic, row.state).data)
            version = row.version
        return Stream(state, version)

    async def change(
        self,
        kind: StreamKind[State, Event],
        stream: UUID,
        decision: Callable[[Stream[State]], Sequence[Event]],
        context: CommandContext,
    ) -> Stream[State]:
        """The stream after what `decision` gives; it is asked again for each newer state that is met.

        Raises what `decision` raises, BelowTaken, StoreUnavailable, OutcomeUnknown, DatabaseUnavailable.
        """
        metadata = self._mapper.metadata(context.metadata())
        for _ in range(MAX_TRIES):
            loaded = await self.load(kind, stream)
            events = decision(loaded)
            if not events:
                return loaded
            new_stream = kind.sealed and loaded.version == 0
            cipher, key = self._keys.new_stream_key(stream) if new_stream else (None, None)
            rows = [
                NewEvent(stream, loaded.version + place, *self._mapper.to_row(event, metadata, cipher))
                for place, event in enumerate(events, 1)
            ]
            keys = (key,) if key is not None else ()
            override = kind.sets(events[-1]) if kind.sets is not None else None
            match await self._group_commit.append(Append(context.command_id, rows, keys, override=override)):
                case Appended():
                    state = loaded.state
                    for event in events:
                        state = kind.evolve(state, event)
                    # The change is durable whether or not it can be read back now.
                    with suppress(DatabaseUnavailable):
                        await self._directory.refresh()
                    return Stream(state, loaded.version + len(events))
                case CapacityBelowTaken():
                    raise allotment_override.BelowTaken
                case _:
                    pass  # another was faster: once more, from what it made
        raise StoreUnavailable
