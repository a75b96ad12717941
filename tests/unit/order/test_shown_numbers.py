"""Which numbers guests show for an order, and what each change of it mints and destroys."""

from datetime import date, time
from uuid import UUID

import pytest
from msgspec.structs import replace

from domain.issuance.issuance import Asset, Wallet
from domain.order.content import OrderContent, OrderLine
from domain.order.shown_numbers import NumberChanges, ShownNumber, number_changes, shown_numbers
from domain.order.state import Draft, Issued
from tests.unit.order.examples import CONFIRMED, HISTORIES, order

WALLET, TICKET = "W00000000000000", "T000000000001ABCDEF"
SHOWN = (ShownNumber(WALLET, 0, 0, "wallet"), ShownNumber(TICKET, 0, 0, "asset"))


def _line(*external: str) -> OrderLine:
    return OrderLine("31001", 2, date(2026, 12, 1), time(10), external_reference_numbers=external)


def _wallet(number: int, *assets: str) -> Wallet:
    draft = order.after(HISTORIES["Draft"])
    assert isinstance(draft, Draft)
    wallet = draft.issuance.lines[0].wallets[0]
    made = tuple(Asset(UUID(int=1), "ticket", UUID(int=2), asset, "31001", "Day ticket") for asset in assets)
    return replace(wallet, wallet_reference_number=f"W-{number}", assets=made)


def test_every_number_of_every_wallet_is_shown_and_where_it_stands() -> None:
    draft = order.after(HISTORIES["Draft"])
    assert isinstance(draft, Draft)
    [line] = draft.issuance.lines
    issued = replace(
        draft,
        content=OrderContent(lines=(_line(), _line("", "X-2"))),
        issuance=replace(
            draft.issuance,
            lines=(
                replace(line, wallets=(_wallet(1, "T-1"), _wallet(2, "T-2", "C-2"))),
                replace(line, wallets=(_wallet(3), _wallet(4, "T-4"))),
            ),
        ),
    )
    assert list(shown_numbers(issued)) == [
        ShownNumber("W-1", 0, 0, "wallet"),
        ShownNumber("T-1", 0, 0, "asset"),
        ShownNumber("W-2", 0, 1, "wallet"),
        ShownNumber("T-2", 0, 1, "asset"),
        ShownNumber("C-2", 0, 1, "asset"),
        ShownNumber("W-3", 1, 0, "wallet"),
        ShownNumber("W-4", 1, 1, "wallet"),
        ShownNumber("X-2", 1, 1, "external"),
        ShownNumber("T-4", 1, 1, "asset"),
    ]


@pytest.mark.parametrize("status", HISTORIES)
def test_a_number_is_shown_in_draft_and_issued_alone(status: str) -> None:
    state = order.after(HISTORIES[status])
    assert tuple(shown_numbers(state)) == (SHOWN if isinstance(state, Draft | Issued) else ())


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("Absent", "Submitted", NumberChanges()),
        ("Submitted", "Processing", NumberChanges()),
        ("Processing", "Draft", NumberChanges(minted=SHOWN)),
        ("Processing", "Issued", NumberChanges(minted=SHOWN)),
        ("Processing", "Error", NumberChanges()),
        ("Draft", "Submitted", NumberChanges(destroyed=SHOWN)),  # replaced
        ("Draft", "Removed", NumberChanges(destroyed=SHOWN)),
        ("Issued", "Cancelled", NumberChanges(destroyed=SHOWN)),
        ("Error", "Removed", NumberChanges()),
    ],
)
def test_what_a_step_mints_and_destroys(before: str, after: str, expected: NumberChanges) -> None:
    assert number_changes(order.after(HISTORIES[before]), order.after(HISTORIES[after])) == expected


def test_a_confirmation_neither_mints_nor_destroys() -> None:
    assert number_changes(order.after(HISTORIES["Draft"]), order.after(CONFIRMED)) == NumberChanges()
