"""How a stored catalog is shown: as it was put, with its version."""

from decimal import Decimal
from typing import TypeAlias

from domain.catalog.items import Admission, Catalog, Item
from domain.money import quantise

Shown: TypeAlias = "dict[str, Shown] | list[Shown] | str | int | bool | Decimal | None"


def catalog_json(catalog: Catalog, version: int) -> dict[str, Shown]:
    """The catalog in the form in which it can be put again. Prices are Decimals with the currency's digits.

    Encode it with Decimals as numbers (`decimal_format="number"`).
    """
    venue = catalog.venue
    return {
        "version": version,
        "venue": {
            "id": str(venue.id),
            "name": venue.name,
            "timeZone": venue.time_zone,
            "currencyCode": venue.currency_code,
            "language": venue.language,
        },
        "admissions": [_admission(admission) for admission in catalog.admissions],
        "items": [_item(item, venue.currency_code) for item in catalog.items],
    }


def _admission(admission: Admission) -> dict[str, Shown]:
    shown: dict[str, Shown] = {
        "admission": admission.admission,
        "description": admission.description,
        "capacity": admission.capacity,
        "closed": [day.isoformat() for day in admission.closed],
    }
    if admission.is_timed:
        shown["slots"] = [{"start": slot.start.isoformat(), "end": slot.end.isoformat()} for slot in admission.slots]
    return shown


def _item(item: Item, currency: str) -> dict[str, Shown]:
    shown: dict[str, Shown] = {
        "itemNumber": item.item_number,
        "kind": item.kind,
        "description": item.description,
        "descriptions": dict(item.descriptions),
        "unitPriceInclVat": quantise(item.unit_price_incl_vat, currency),
        "vatPercent": item.vat_percent,
        "saleFrom": None if item.sale_from is None else item.sale_from.isoformat(),
        "saleTo": None if item.sale_to is None else item.sale_to.isoformat(),
    }
    if item.is_package:
        shown["components"] = [
            {"itemNumber": component.item_number, "quantity": component.quantity} for component in item.components
        ]
        return shown
    shown["numberPattern"] = item.number_pattern
    if item.kind == "ticket":
        shown["groupTicket"] = item.group_ticket
        shown["admissions"] = list(item.admissions)
    return shown
