"""What the api process holds with few orders and with many, after it has served."""

import random

from tests.bench.pages import LISTS, Browsed, Browser
from tests.bench.proc import resident_mib
from tests.bench.processes import run_load
from tests.bench.spans import CONNECTIONS, Spans
from tests.bench.table import Row, plain, steady

_MOST_MIB = 250
_FLAT = 1.1
_RUN_SECONDS = "4"
_ORDERS_A_PAGE = 50


def measure_memory(spans: Spans, few: Browsed, many: Browsed) -> list[Row]:
    """RSS after the same work with few orders and with many, and after more of it with many.

    Most of the orders were in the log without this process: it did not take a million of them itself. What it did
    serve, at least, stands in the rows' names.
    """
    unit = "MiB"
    _serve(few, spans.served_orders)
    few_mib = resident_mib(few.venue.server.pid)
    _serve(many, spans.served_orders)
    many_mib = resident_mib(many.venue.server.pid)
    _serve(many, spans.served_orders_of_many - spans.served_orders)
    served_mib = resident_mib(many.venue.server.pid)
    work, more_work = _work(spans.served_orders), _work(spans.served_orders_of_many)
    few_logged, many_logged = f"api RSS, log of {few.orders:,} orders", f"api RSS, log of {many.orders:,} orders"
    return [
        plain(f"{few_logged}, {work}", few_mib, unit),
        steady(f"{many_logged}, {work}", many_mib, unit, few_mib, _MOST_MIB, _FLAT),
        steady(f"{many_logged}, {more_work}", served_mib, unit, many_mib, _MOST_MIB, _FLAT),
        plain(f"{many_logged}, its peak", resident_mib(many.venue.server.pid, peak=True), unit),
    ]


def _work(orders: int) -> str:
    return f"served {orders:,} creates, as many gets, {orders // _ORDERS_A_PAGE:,} pages"


def _serve(browsed: Browsed, orders: int) -> None:
    """So many orders created, as many read (of the venue's past), and some pages of lists of all kinds."""
    venue = browsed.venue
    length = ("--connections", str(CONNECTIONS), "--seconds", _RUN_SECONDS)
    ids = ("--ids", browsed.past.ids_file)
    created = read = 0
    while created < orders:
        created += run_load("create", *venue.load_arguments, *length, expected={"201"}).sent
    while read < orders:
        read += run_load("get", *venue.load_arguments, *length, *ids, expected={"200"}).sent
    chance = random.Random(orders)
    with Browser(browsed) as browser:
        for number in range(orders // _ORDERS_A_PAGE):
            browser.milliseconds(LISTS[number % len(LISTS)], chance)
