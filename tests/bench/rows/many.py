"""Lists and memory with a million orders in the log, beside few."""

from pathlib import Path

from tests.bench.history import write_past
from tests.bench.pages import Browsed
from tests.bench.rows.lists import measure_lists
from tests.bench.rows.memory import measure_memory
from tests.bench.spans import Spans
from tests.bench.table import Row
from tests.bench.venue import Venue, running_venue

_PROJECTED_SECONDS = 600


def measure(spans: Spans, folder: Path) -> list[Row]:
    """Two venues at once, each with an api process and a projector: one with few orders, one with many.

    The lists of both are asked in turn. Then the smaller one gets more orders, and both api processes serve.
    """
    settings = {"OTA_CM_MAX_BACKLOG_SECONDS": "0"}  # what is created here is not picked up
    with (
        running_venue(folder / "few", "api", "projector", settings=settings) as few,
        running_venue(folder / "many", "api", "projector", settings=settings) as many,
    ):
        many_browsed = _with_past(many, spans.many_orders)
        lists = measure_lists(spans, _with_past(few, spans.few_orders), many_browsed)
        memory = measure_memory(spans, _with_past(few, spans.more_orders, written=spans.few_orders), many_browsed)
    return [*lists, *memory]


def _with_past(venue: Venue, orders: int, *, written: int = 0) -> Browsed:
    """The venue once it has so many orders; `written`: those that it has by now."""
    past = write_past(venue, orders - written, first_number=written)
    return Browsed(venue, past, venue.wait_until_projected(_PROJECTED_SECONDS), orders)
