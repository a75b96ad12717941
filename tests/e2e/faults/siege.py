"""A venue under load, with every operation asked beside it, while a test does something to what it stands on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.endpoint import running_endpoint
from tests.e2e.faults.conduct import Conduct, Heard, faults_of_conduct, seconds_until_done, slowest
from tests.e2e.faults.everyone import everyone_asking
from tests.e2e.load import Load
from tests.e2e.service import Service
from tests.e2e.venue import SETTLED_SECONDS, Venue

DEADLINE_SECONDS = 5.0


class Siege:
    """Something is wrong from `begin` to `end`."""

    def __init__(self, venue: Venue, conduct: Conduct, load: Load, silence: Callable[[], None]) -> None:
        self.venue = venue
        self._silence = silence
        self.conduct = conduct
        self.load = load
        self._began = 0.0
        self._ended = 0.0

    def begin(self) -> None:
        self._began = time.monotonic()

    def end(self) -> None:
        self._ended = time.monotonic()

    def until_answers(self, count: int) -> float:
        """Wait until so many more commands were accepted; the seconds it took."""
        return self.venue.wait_for_answers(self.load, count)

    def until_all_is_settled(self, seconds: float) -> float:
        """Nobody asks any more; the seconds it took until everything had settled and was told."""
        self._silence()
        self.load.stop()
        return self.venue.wait_until_done(seconds)

    def meanwhile(self) -> list[Heard]:
        """What was asked while it was wrong."""
        return self.conduct.heard(self._began, self._ended)

    def in_the_dark(self) -> list[Heard]:
        """What was asked while it was wrong, and had to be answered before it ended."""
        return self.conduct.heard(self._began, self._ended - DEADLINE_SECONDS)

    def seconds_until(self, operations: Callable[[Heard], bool]) -> float:
        """From the end until the first of these was done."""
        return seconds_until_done(self.conduct.heard(), self._ended, operations)


@contextmanager
def besieged(service: Service, folder: Path, dsn: str | None = None, *, pause_seconds: float = 0.2) -> Iterator[Siege]:
    """For as long as the block runs. Then everything settles, and conduct and truth are held against the contract."""
    conduct = Conduct(lambda: service.port)
    try:
        with running_endpoint(folder) as endpoint:
            venue = Venue(service, endpoint, dsn=dsn)
            load = Load(8, venue.partner_id, lambda: conduct.client(venue.key))
            with everyone_asking(venue, conduct, pause_seconds) as fall_silent:
                siege = Siege(venue, conduct, load, fall_silent)
                load.start()
                yield siege
                settled = siege.until_all_is_settled(SETTLED_SECONDS)
            heard = conduct.heard()
            dark = Counter(f"{one.status} {one.code or ''}".strip() for one in siege.in_the_dark())
            print(
                f"{len(heard)} requests, the slowest {slowest(heard):.2f} s; all settled {settled:.1f} s after; {dark}"
            )
            faults = list(faults_of_conduct(heard, DEADLINE_SECONDS))
            assert not faults, f"{len(faults)} faults\n" + "\n".join(faults[:20])
            errors = [line for line in service.output().splitlines() if '"level":"error"' in line]
            assert not errors, "\n".join(errors[:20])
            venue.hold_against_the_truth("under siege", load)
    finally:
        conduct.close()
