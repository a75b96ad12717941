"""Pages of 100 orders, over HTTP: with few orders and with many the same time."""

import random
from statistics import median

from tests.bench.pages import LISTS, PAGE, Browsed, Browser, ListOf
from tests.bench.spans import Spans
from tests.bench.table import Row, steady

_MOST_MS = 10
_SAME = 1.2  # ± 20 %; nobody minds that it is faster


def measure_lists(spans: Spans, few: Browsed, many: Browsed) -> list[Row]:
    """Rounds over all kinds of lists, of both venues in turn. The median of a round's pages is a run's figure."""
    took: dict[str, tuple[list[float], list[float]]] = {wanted.name: ([], []) for wanted in LISTS}
    with Browser(few) as few_browser, Browser(many) as many_browser:
        for number in range(spans.rounds + 1):
            for wanted in LISTS:
                for browser, runs in zip((few_browser, many_browser), took[wanted.name], strict=True):
                    figure = _round(browser, wanted, spans.pages, number)
                    if number:  # the first round warms up
                        runs.append(figure)
    sizes = f"{many.orders:,} beside {few.orders:,}"
    return [
        steady(f"list of {PAGE}, {sizes}: {name}", of_many, "ms", of_few, _MOST_MS, _SAME)
        for name, (of_few, of_many) in took.items()
    ]


def _round(browser: Browser, wanted: ListOf, pages: int, number: int) -> float:
    chance = random.Random(number)
    return median(browser.milliseconds(wanted, chance) for _ in range(pages))
