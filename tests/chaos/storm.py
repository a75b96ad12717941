"""The plan of a round, which follows from its seed alone, and its carrying out."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.history import History
from tests.chaos.moments import Moments
from tests.chaos.targets import Target, moment_in


@dataclass(frozen=True, slots=True)
class Shape:
    """How hard a round is. `gaps`, `stops`: seconds from hit to hit, and for how long what is stopped stands still.

    `doubles`: roles that one process more may be started of.
    """

    seconds: float
    gaps: tuple[float, float]
    stops: tuple[float, float]
    doubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """At `at` seconds, then at the target's next moment, then at a `part` (0 to 1) of the work that it was given."""

    at: float
    target: str
    way: str
    stop_seconds: float
    part: float


def plan(seed: int, shape: Shape, targets: Sequence[Target]) -> list[Hit]:
    chance = random.Random(f"storm {seed}")
    hits = []
    at = chance.uniform(*shape.gaps)
    while at < shape.seconds:
        (target,) = chance.choices(targets, [target.weight for target in targets])
        (way,) = chance.choices(list(target.ways), list(target.ways.values()))
        hits.append(Hit(at, target.name, way, chance.uniform(*shape.stops), chance.random()))
        at += chance.uniform(*shape.gaps)
    return hits


@dataclass
class Storm:
    """Carries out a plan. `log`: what was done, with its second."""

    hits: Sequence[Hit]
    targets: Mapping[str, Target]
    moments: Moments
    history: History
    seed: int
    log: list[str] = field(default_factory=list)
    _undo: list[tuple[float, Callable[[], None], str]] = field(default_factory=list)
    _pause: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Blocks until every hit was made and everything that was stopped goes on."""
        chance = random.Random(f"aim {self.seed}")
        began = self.history.now()
        try:
            for hit in self.hits:
                self._until(began + hit.at)
                target = self.targets[hit.target]
                self.moments.wait(target.busy_after)
                self._pause.wait(moment_in(target.busy_seconds, hit.part))
                struck = target.strike(hit.way, chance)
                now = self.history.now() - began
                if struck.undo is not None:
                    self._undo.append((began + now + hit.stop_seconds, struck.undo, struck.what))
                    struck_for = f" for {hit.stop_seconds:.1f} s"
                else:
                    struck_for = ""
                self.log.append(f"{now:6.2f} s  {struck.what}{struck_for}")
            while self._undo:
                self._until(min(at for at, _, _ in self._undo))
        finally:
            for _, undo, _ in self._undo:
                undo()

    def _until(self, moment: float) -> None:
        """Wait for the moment; what falls due before goes on in its time."""
        while True:
            due = min((at for at, _, _ in self._undo), default=moment)
            self._pause.wait(max(min(due, moment) - self.history.now(), 0))
            now = self.history.now()
            for one in [one for one in self._undo if one[0] <= now]:
                self._undo.remove(one)
                one[1]()
            if now >= moment:
                return
