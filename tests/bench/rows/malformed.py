"""Hostile createOrder bodies: how long the slowest of them holds the service up."""

import http.client
import time
from pathlib import Path
from statistics import median

from tests.bench.hostile import Hostile, hostile_bodies
from tests.bench.processes import ProcessFailed
from tests.bench.spans import Spans
from tests.bench.table import Row, at_most, plain
from tests.bench.venue import Venue, running_venue


def measure(spans: Spans, folder: Path) -> list[Row]:
    """Each body a few times, one at a time; the slowest by its median. Every one must be refused with a 4xx."""
    with running_venue(folder / "service", "api") as venue:
        took = {
            hostile.name: [_milliseconds(venue, hostile) for _ in range(spans.malformed_tries)]
            for hostile in hostile_bodies(venue.partner_id)
        }
    slowest = sorted(took, key=lambda name: median(took[name]), reverse=True)
    return [
        at_most("malformed body, the slowest", took[slowest[0]], "ms", 100),
        *(plain(f"malformed body: {name}", took[name], "ms") for name in slowest[:3]),
    ]


def _milliseconds(venue: Venue, hostile: Hostile) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", venue.server.port, timeout=60)
    headers = {"Authorization": f"Bearer {venue.key}", "Content-Type": hostile.content_type}
    began = time.perf_counter()
    try:
        connection.request("POST", "/channelManager", hostile.body, headers)
        answer = connection.getresponse()
        answer.read()
    except (BrokenPipeError, ConnectionResetError) as error:
        # A server that refuses by the announced length may close before it has read the rest.
        if hostile.may_be_cut:
            return (time.perf_counter() - began) * 1000
        raise ProcessFailed(f"{hostile.name}: {error!r}") from error
    finally:
        connection.close()
    took = (time.perf_counter() - began) * 1000
    if not 400 <= answer.status < 500:
        raise ProcessFailed(f"{hostile.name}: answered {answer.status}")
    return took
