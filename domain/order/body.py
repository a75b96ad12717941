"""The body of createOrder and replaceOrder, as the HTTP contract's table has it. Its faults are in `submission.py`."""

from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.reading import FilledText20, FilledText50, Ignored, IsoDate, Text10, Text50, Text100, TimeOfDay, Uuid

Quantity: TypeAlias = Annotated[int, Meta(ge=1, le=9999)]

FilledWallets: TypeAlias = Annotated[
    list[Ignored],
    Meta(max_length=0, extra={"read_only": "send wallet.names and wallet.externalReferenceNumbers"}),
]
"""A line's wallets as answers have them: to ignore filled ones would lose names."""


class ComponentVisitBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """When one component of a package is visited."""

    item_number: FilledText20
    visit_date: IsoDate
    visit_time: TimeOfDay


class WalletBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What is said of a line's wallets, one element a wallet; an empty text takes the default."""

    names: tuple[Text100, ...] | None = None
    external_reference_numbers: tuple[Text100, ...] | None = None
    component_schedule: tuple[ComponentVisitBody, ...] | None = None


class LineBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A line. `sell_to_…`: UNSET inherits the order's, None clears. From `line_no` on, what answers have is ignored."""

    item_number: FilledText20
    visit_date: IsoDate
    visit_time: TimeOfDay
    quantity: Quantity = 1
    sell_to_name: Text100 | UnsetType | None = UNSET
    sell_to_email: Text100 | UnsetType | None = UNSET
    sell_to_language: Text10 | UnsetType | None = UNSET
    wallet: WalletBody | None = None
    component_schedule: tuple[ComponentVisitBody, ...] | None = None
    line_no: Ignored = None
    description: Ignored = None
    is_package: Ignored = None
    wallets: FilledWallets | None = None


class OrderBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The whole. Where a reading has faults, any field can be UNSET, whatever its type says."""

    partner_id: Uuid
    sell_to_order_reference: FilledText50
    items: Annotated[tuple[LineBody, ...], Meta(min_length=1, max_length=500)]
    payment_reference: Text50 | None = None
    sell_to_name: Text100 | None = None
    sell_to_email: Text100 | None = None
    sell_to_language: Text10 | None = None
    order_id: Ignored = None
    status: Ignored = None
    status_message: Ignored = None
    buy_from_order_reference: Ignored = None
    received_at: Ignored = None
    expires_at: Ignored = None
    job_id: Ignored = None
    manifest_url: Ignored = None
    totals: Ignored = None
