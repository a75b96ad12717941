"""What guests show: the numbers of an order's tickets, coupons and wallets, which are unique among the venue's living.

They live from the event that records their issuance until their wallets are destroyed. As with places, what a change of
an order does to them follows from its state before and after.
"""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from domain.order.state import Draft, Issued, Order

NumberKind: TypeAlias = Literal["asset", "wallet", "external"]

_SHOWING: Final = (Draft, Issued)


class ShownNumber(NamedTuple):
    """`line` and `wallet`: where it stands, from 0. `kind`: `asset` for a ticket's or coupon's own number, `wallet` for
    the reference number that we gave a wallet, `external` for the one that the partner did.
    """

    number: str
    line: int
    wallet: int
    kind: NumberKind


class NumberChanges(NamedTuple):
    """The numbers that a change of an order brings into the world, and those that it takes out of it."""

    minted: tuple[ShownNumber, ...] = ()
    destroyed: tuple[ShownNumber, ...] = ()


_NONE = NumberChanges()


def shown_numbers(state: Order) -> Iterator[ShownNumber]:
    """Every number that is shown for the order in this state, in the order of its wallets; none but of Draft, Issued.

    An external reference number that was not given is the wallet's own, and stands here once.
    """
    if not isinstance(state, _SHOWING):
        return
    for line, (ordered, issued) in enumerate(zip(state.content.lines, state.issuance.lines, strict=True)):
        external = ordered.external_reference_numbers
        for place, wallet in enumerate(issued.wallets):
            yield ShownNumber(wallet.wallet_reference_number, line, place, "wallet")
            if external and external[place]:
                yield ShownNumber(external[place], line, place, "external")
            for asset in wallet.assets:
                yield ShownNumber(asset.reference_number, line, place, "asset")


def number_changes(before: Order, after: Order) -> NumberChanges:
    """What the step from one state to another mints and destroys; nothing where the same issuance goes on."""
    was = before.issuance if isinstance(before, _SHOWING) else None
    now = after.issuance if isinstance(after, _SHOWING) else None
    if was is now:
        return _NONE
    return NumberChanges(tuple(shown_numbers(after)), tuple(shown_numbers(before)))
