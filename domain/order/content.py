"""What an order asks for: its identity, its header and its lines, as they are stored."""

from datetime import date, datetime, time
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from domain.personal import LineSellToEmail, LineSellToName, SellToEmail, SellToName, WalletName

FIRST_LINE_NO = 100_000


class OrderIdentity(Struct, frozen=True, rename="camel"):
    """What never changes about an order; carried by every public event, so that each can be read on its own.

    `received_at` is kept to the millisecond that answers show.
    """

    partner_id: UUID
    sell_to_order_reference: str
    buy_from_order_reference: str
    received_at: datetime


class ComponentVisit(Struct, frozen=True, rename="camel"):
    """When one component of a package is visited; source: `componentSchedule` of the HTTP contract."""

    item_number: str
    visit_date: date
    visit_time: time


class OrderLine(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One line as ordered. `sell_to_…`: UNSET inherits the order's, None is cleared.

    `description` and `is_package` are the catalog's at acceptance, which an order that ends in Error shows.
    `wallet_names` and `external_reference_numbers` are empty, or as long as the line has wallets; an element None or ""
    takes the default.
    """

    item_number: str
    quantity: int
    visit_date: date
    visit_time: time
    description: str = ""
    is_package: bool = False
    sell_to_name: LineSellToName | UnsetType | None = UNSET
    sell_to_email: LineSellToEmail | UnsetType | None = UNSET
    sell_to_language: str | UnsetType | None = UNSET
    wallet_names: tuple[WalletName | None, ...] = ()
    external_reference_numbers: tuple[str, ...] = ()
    component_schedule: tuple[ComponentVisit, ...] = ()

    def name_of(self, place: int) -> WalletName | None:
        """What the partner named the wallet at this place, from 0; None where it takes the default."""
        return self.wallet_names[place] if self.wallet_names else None

    def external_reference_number_of(self, place: int) -> str:
        """The number that the partner gave the wallet at this place; "" where it takes the default."""
        return self.external_reference_numbers[place] if self.external_reference_numbers else ""


class OrderContent(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Header and lines. What is None was not given, and is "" in answers."""

    lines: tuple[OrderLine, ...]
    payment_reference: str | None = None
    sell_to_name: SellToName | None = None
    sell_to_email: SellToEmail | None = None
    sell_to_language: str | None = None


def line_no(index: int) -> int:
    """100000, 200000, … in the body's order."""
    return FIRST_LINE_NO * (index + 1)


def text_language(of_line: str | UnsetType | None, of_order: str | None, fallback: str) -> str:
    """The language of a line's texts: its own, or the order's where it inherits, else the partner's or venue's."""
    return (of_order if of_line is UNSET else of_line) or fallback


def visit_of(line: OrderLine, item_number: str) -> tuple[date, time]:
    """When a ticket or coupon of the line is used: at a component's own visit where it has one, else with the line."""
    for visit in line.component_schedule:
        if visit.item_number == item_number:
            return visit.visit_date, visit.visit_time
    return line.visit_date, line.visit_time
