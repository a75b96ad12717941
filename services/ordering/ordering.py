"""Commands on orders: load, decide, save; decided again where another command was faster.

A version conflict is never an answer: only `decide` refuses. If the process dies before the save, nothing has
happened; after it, the command is durable though nobody was told: a retry meets the order or its Idempotency-Key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from domain import references
from domain.order.commands import SubmitOrder
from domain.order.decide import submit
from domain.order.events import OrderEvent, OrderRemoved, OrderReplaced
from domain.order.state import INITIAL, KnownOrder
from domain.references import reserve
from domain.streams import reference_stream
from infra.crash_points import CrashPoint, reached
from infra.event_store.append import IdempotencyRecord
from infra.event_store.group_commit import StoreUnavailable
from infra.event_store.outcomes import Appended, RecordTaken
from services.ordering.orders import LoadedOrder, LoadedReference, Orders, ReferenceEvents, SavedOrder, folded
from services.phases import together

if TYPE_CHECKING:
    from uuid import UUID

    from infra.event_store.group_commit import GroupCommit
    from services.ordering.context import CommandContext

MAX_TRIES = 10

Decision: TypeAlias = Callable[[LoadedOrder], Sequence[OrderEvent]]
BeforeSave: TypeAlias = Callable[[LoadedOrder], Awaitable[None]]
ContextOf: TypeAlias = Callable[[LoadedOrder], "CommandContext"]


class KeyUsedMeanwhile(Exception):
    """Another request with the same Idempotency-Key committed first: its answer is the answer."""


@dataclass(frozen=True, slots=True)
class KeyUse:
    """An Idempotency-Key that this command uses up. Both hashes are keyed."""

    scope_hash: bytes
    body_hash: bytes
    status: int

    def record(self, order_id: UUID, version: int) -> IdempotencyRecord:
        return IdempotencyRecord(self.scope_hash, self.body_hash, order_id, version, self.status)


class Ordering:
    """Runs commands on single orders."""

    def __init__(self, orders: Orders, group_commit: GroupCommit) -> None:
        self._orders = orders
        self._group_commit = group_commit

    async def submit(
        self, order_id: UUID, command: SubmitOrder, context: CommandContext, key_use: KeyUse | None = None
    ) -> SavedOrder:
        """A new order. Raises DuplicateOrder, KeyUsedMeanwhile, StoreUnavailable, OutcomeUnknown."""
        order = command.order
        nothing = LoadedOrder(order_id, INITIAL, 0, None, None)
        events = submit(nothing.state, command)
        await together()
        cipher, key = self._orders.new_key(order_id)
        saved = folded(nothing, events, cipher)
        stream = reference_stream(order.partner_id, order.sell_to_order_reference)
        await together()
        # Hopefully new: the store says if it is not, and only then it is looked at.
        reference = LoadedReference(stream, references.INITIAL, 0)
        for _ in range(MAX_TRIES):
            reserved = reserve(reference.state, order_id, order.partner_id, order.sell_to_order_reference)
            append = self._orders.append(
                nothing,
                events,
                saved.state,
                context,
                cipher=cipher,
                new_key=key,
                reference=ReferenceEvents(reference, reserved),
                record=key_use.record(order_id, len(events)) if key_use is not None else None,
            )
            match await self._group_commit.append(append):
                case Appended():
                    return saved
                case RecordTaken():
                    raise KeyUsedMeanwhile
                case _:
                    pass  # another was faster: once more, from what it made
            reference = await self._orders.load_reference(stream)
        raise StoreUnavailable

    async def handle(
        self,
        order_id: UUID,
        decision: Decision,
        context: CommandContext | ContextOf,
        key_use: KeyUse | None = None,
        *,
        before_save: BeforeSave | None = None,
    ) -> SavedOrder:
        """A command on an order that may exist. `decision` is called again for each newer state that is met.

        `context`: of a command that follows from the order's last event, made of the order that was met.
        `before_save`: what must be done outside before the events may stand; idempotent, it may be called again.
        Raises what these two raise, KeyUsedMeanwhile, StoreUnavailable, OutcomeUnknown.
        """
        for _ in range(MAX_TRIES):
            loaded = await self._orders.load_one(order_id)
            events = decision(loaded)
            cipher = self._orders.cipher(loaded)
            saved = folded(loaded, events, cipher)
            if not events and key_use is None:
                return saved
            if events and before_save is not None:
                await before_save(loaded)
                reached(CrashPoint.ISSUER_CONFIRMED)
            append = self._orders.append(
                loaded,
                events,
                saved.state,
                context(loaded) if callable(context) else context,
                cipher=cipher if any(isinstance(event, OrderReplaced) for event in events) else None,
                reference=await self._released(loaded, events),
                record=key_use.record(order_id, loaded.version + len(events)) if key_use is not None else None,
            )
            match await self._group_commit.append(append):
                case Appended():
                    return saved
                case RecordTaken():
                    raise KeyUsedMeanwhile
                case _:
                    pass  # another was faster: once more, from what it made
        raise StoreUnavailable

    async def _released(self, loaded: LoadedOrder, events: Sequence[OrderEvent]) -> ReferenceEvents | None:
        """A removed order gives its reference back, in the same save."""
        state = loaded.state
        if not isinstance(state, KnownOrder) or not any(isinstance(event, OrderRemoved) for event in events):
            return None
        stream = reference_stream(state.order.partner_id, state.order.sell_to_order_reference)
        reference = await self._orders.load_reference(stream)
        return ReferenceEvents(reference, references.release(reference.state, loaded.order_id))
