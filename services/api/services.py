"""What the operations work with: put together in `services/bootstrap.py`, handed to every call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.issuance.issuer import TicketIssuer
    from infra.event_store.field_encryption import KeyRing
    from infra.event_store.mapper import EventMapper
    from infra.event_store.recorder import Recorder
    from infra.postgres.reads import Reads
    from infra.telemetry.traces import Traces
    from projections.allotments import AllotmentRows
    from projections.directory import Directory
    from projections.order_list import OrderList
    from projections.orders import OrderReader
    from projections.shown_numbers import ShownNumbers
    from services.api.admission import Admission
    from services.api.authentication import Authentication
    from services.api.gate.guess_limit import GuessLimit
    from services.api.idempotency import Idempotency
    from services.api.readiness import Readiness
    from services.api.request_figures import RequestFigures
    from services.manifests.press import Press
    from services.manifests.printers import Printers
    from services.manifests.tokens import ManifestAddresses, ManifestTokens
    from services.ordering.ordering import Ordering
    from services.ordering.orders import Orders
    from services.setup.streams import SetupStreams
    from services.status import StatusReport
    from services.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Services:
    """`public_url`: without a slash at its end. `max_wallets`: an order's most. `traces`: None where they are off."""

    now: Callable[[], datetime]
    public_url: str
    max_wallets: int
    webhook_allows_http: bool
    authentication: Authentication
    idempotency: Idempotency
    admission: Admission
    readiness: Readiness
    requests: RequestFigures
    directory: Directory
    reads: Reads
    recorder: Recorder
    mapper: EventMapper
    keys: KeyRing
    orders: Orders
    order_reader: OrderReader
    order_list: OrderList
    allotments: AllotmentRows
    shown_numbers: ShownNumbers
    guess_limit: GuessLimit
    manifest_addresses: ManifestAddresses
    manifest_tokens: ManifestTokens
    press: Press
    printers: Printers
    ordering: Ordering
    setup: SetupStreams
    issuer: TicketIssuer
    status: StatusReport
    telemetry: Telemetry
    traces: Traces | None
