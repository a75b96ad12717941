"""A store with orders in it, as the service has it: events saved through the group commit, fields sealed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, LiteralString
from uuid import UUID, uuid4

from uuid_utils.compat import uuid7

from domain.issuance.issuance import Asset, Issuance, IssuedLine, Totals, Wallet
from domain.order.commands import (
    CancelOrder,
    ConfirmOrder,
    DeferIssuance,
    FailIssuance,
    OrderCommand,
    RecordIssuance,
    ReplaceOrder,
    StartIssuance,
    SubmitOrder,
)
from domain.order.content import OrderContent, OrderIdentity, OrderLine
from domain.order.decide import decide
from domain.order.events import AttemptLease, OrderEvent
from domain.order.state import INITIAL, Order, Processing, evolve
from domain.personal import SellToEmail, SellToName, WalletName
from infra.event_store.append import Append, NewEvent
from infra.event_store.field_encryption import FieldCipher, KeyRing, StreamKey
from infra.event_store.group_commit import GroupCommit
from infra.event_store.mapper import Actor, EventMapper, Metadata
from infra.event_store.outcomes import Appended
from infra.event_store.recorder import Recorder
from infra.postgres.connections import Connection, connect, open_pool
from infra.postgres.reads import READ_SETTINGS, Reads
from projections.order_list import OrderList
from projections.orders import OrderReader
from projections.runner import ProjectionRunner, projection_connection

NOW = datetime(2026, 11, 23, 10, 15, 30, 123000, tzinfo=UTC)
NAME, EMAIL = "Zacharias Quibbleton", "zacharias@quibbleton.example"
PARTNER = UUID("21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e")


@dataclass
class OrderOfTest:
    """An order and what the test knows of it."""

    order_id: UUID
    state: Order
    version: int
    cipher: FieldCipher
    key: StreamKey


class Store:
    """The event store of one database, with what reads and writes the order read model."""

    def __init__(self, dsn: str, reads: Reads, group_commit: GroupCommit) -> None:
        self.dsn = dsn
        self.reads = reads
        self.mapper = EventMapper()
        self.recorder = Recorder(reads, group_commit)
        self.keys = KeyRing({"test": bytes(32)}, "test")
        self.connect = partial(connect, dsn, application_name="test projector", for_writing=True)
        self.reader = OrderReader(reads, self.mapper)
        self.list = OrderList(reads)
        self.group_commit = group_commit

    def runner(self, page_size: int = 1_000) -> ProjectionRunner:
        return ProjectionRunner(self.recorder, self.mapper, self.connect, page_size=page_size)

    async def projection_connection(self) -> Connection:
        return await projection_connection(self.connect)

    async def project(self, page_size: int = 1_000) -> None:
        """Bring the read model to the log's end."""
        connection = await self.projection_connection()
        try:
            await self.runner(page_size).catch_up(connection)
        finally:
            await connection.close()

    async def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return await self.reads.rows(query, parameters)

    async def execute(self, query: LiteralString, *parameters: object) -> None:
        async with await self.connect() as connection:
            await connection.execute(query, parameters)

    async def append(self, stream: UUID, version: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Save rows as they are, whatever they say."""
        rows = [NewEvent(stream, version + at, topic, state) for at, (topic, state) in enumerate(events, 1)]
        assert isinstance(await self.group_commit.append(Append(uuid4(), rows)), Appended)

    async def submit(
        self,
        reference: str | None = None,
        *,
        partner_id: UUID = PARTNER,
        received_at: datetime = NOW,
        payment_reference: str | None = "PAY-1",
        buy_from: str | None = None,
    ) -> OrderOfTest:
        """A new order, accepted; its reference is unique where none is given."""
        order_id = uuid7()
        cipher, key = self.keys.new_stream_key(order_id)
        identity = OrderIdentity(
            partner_id=partner_id,
            sell_to_order_reference=reference or f"REF-{order_id}",
            buy_from_order_reference=buy_from or f"CM-{str(order_id)[-12:]}",
            received_at=received_at,
        )
        order = OrderOfTest(order_id, INITIAL, 0, cipher, key)
        await self.command(order, SubmitOrder(identity, content(payment_reference)), at=received_at)
        return order

    async def command(self, order: OrderOfTest, command: OrderCommand, *, at: datetime = NOW) -> None:
        await self.save(order, decide(order.state, command), at=at)

    async def save(self, order: OrderOfTest, events: Sequence[OrderEvent], *, at: datetime = NOW) -> None:
        metadata = self.mapper.metadata(Metadata(uuid4(), at, Actor("partner"), "test"))
        rows = [self.mapper.to_row(event, metadata, order.cipher) for event in events]
        new = [NewEvent(order.order_id, order.version + n, row.topic, row.state) for n, row in enumerate(rows, 1)]
        keys = (order.key,) if order.version == 0 else ()
        assert isinstance(await self.group_commit.append(Append(uuid4(), new, keys)), Appended)
        for event in events:
            order.state = evolve(order.state, event)
        order.version += len(events)

    async def start(self, order: OrderOfTest, *, lease_until: datetime = NOW + timedelta(seconds=30)) -> None:
        await self.command(order, StartIssuance(uuid4(), AttemptLease("owner", lease_until)))

    async def settle(self, order: OrderOfTest) -> None:
        """Issued where it is paid, else Draft."""
        await self.start(order)
        assert isinstance(order.state, Processing)
        await self.command(order, RecordIssuance(issuance(order.state.job_id)))

    async def fail(self, order: OrderOfTest) -> None:
        await self.start(order)
        assert isinstance(order.state, Processing)
        await self.command(order, FailIssuance(order.state.job_id, "sold_out", "Nothing left."))

    async def defer(self, order: OrderOfTest, retry_at: datetime) -> None:
        assert isinstance(order.state, Processing)
        await self.command(order, DeferIssuance(order.state.job_id, retry_at))

    async def cancel(self, order: OrderOfTest) -> None:
        await self.command(order, CancelOrder())

    async def confirm(self, order: OrderOfTest) -> None:
        await self.command(order, ConfirmOrder("PAY-2"))

    async def replace(self, order: OrderOfTest) -> None:
        identity = order.state.order  # type: ignore[union-attr]
        command = ReplaceOrder(identity.partner_id, identity.sell_to_order_reference, content("PAY-3"))
        await self.command(order, command)


@asynccontextmanager
async def opened_store(dsn: str) -> AsyncIterator[Store]:
    pool = await open_pool(dsn, application_name="test", min_size=1, max_size=4, settings=READ_SETTINGS)
    group_commit = GroupCommit(partial(connect, dsn, application_name="test writer", for_writing=True))
    await group_commit.start()
    try:
        yield Store(dsn, Reads(pool), group_commit)
    finally:
        await group_commit.stop()
        await pool.close()


def content(payment_reference: str | None) -> OrderContent:
    line = OrderLine(
        item_number="31001",
        quantity=2,
        visit_date=date(2026, 12, 1),
        visit_time=time(10, 30),
        description="Day ticket, adult",
        wallet_names=(WalletName(NAME), None),
    )
    return OrderContent(
        lines=(line,),
        payment_reference=payment_reference,
        sell_to_name=SellToName(NAME),
        sell_to_email=SellToEmail(EMAIL),
        sell_to_language="ENU",
    )


def issuance(job_id: UUID) -> Issuance:
    wallets = tuple(
        Wallet(
            wallet_id=uuid4(),
            wallet_reference_number=f"W-{job_id}-{n}",
            unit_price_excl_vat=Decimal("100.00"),
            unit_price_incl_vat=Decimal("125.00"),
            assets=(Asset(uuid4(), "ticket", uuid4(), f"T-{job_id}-{n}", "31001", "Day ticket, adult"),),
        )
        for n in range(2)
    )
    totals = Totals(Decimal("200.00"), Decimal("50.00"), Decimal("250.00"), "DKK")
    return Issuance(job_id, 1, NOW, (IssuedLine("Day ticket, adult", wallets),), totals)
