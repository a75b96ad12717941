"""Whether a history of concurrent calls fits some order of them, one at a time (Wing & Gong 1993, with Lowe's memory).

A call takes place at one moment between its start and its answer. One whose outcome is unknown may take place at any
moment after its start, also long after the client gave up, or never.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

from tests.chaos.history import Call

State = TypeVar("State", bound=Hashable)

# A history that needs more is told as undecided; a round's take some hundred.
MOST_STEPS = 500_000


@dataclass(frozen=True, slots=True)
class Misfit(Generic[State]):
    """No order fits. `fitted`: the longest that did, up to `state`; `unfitted`: what could not come next there."""

    fitted: list[Call]
    state: State
    unfitted: list[Call]
    decided: bool = True


def misfit(
    calls: Sequence[Call],
    start: State,
    after: Callable[[State, Call], list[State]],
    changes: Callable[[Call], bool],
) -> Misfit[State] | None:
    """None where the calls fit some order. `after`: the states that may follow a call; `changes`: whether it may."""
    ordered = sorted(calls, key=lambda call: call.invoked)
    ends = [call.answered if call.told is not None and call.answered is not None else inf for call in ordered]
    known = sum(1 << at for at, end in enumerate(ends) if end < inf)
    seen: set[tuple[int, State]] = set()
    # Each step: what has taken place (a bit a call), the state then, and the way there.
    stack: list[tuple[int, State, tuple[int, ...]]] = [(0, start, ())]
    best: tuple[int, State, tuple[int, ...]] = stack[0]
    steps = 0
    while stack:
        done, state, way = stack.pop()
        if done & known == known:
            return None
        if len(way) > len(best[2]):
            best = (done, state, way)
        steps += 1
        if steps > MOST_STEPS:
            return _told(ordered, ends, best, decided=False)
        following: list[tuple[int, State, tuple[int, ...]]] = []
        for at in _next(ordered, ends, done):
            then = after(state, ordered[at])
            if not changes(ordered[at]) and state in then:
                # It says nothing new and changes nothing: if any order fits, one with it here does.
                following = [(done | 1 << at, state, (*way, at))]
                break
            following += [(done | 1 << at, state_then, (*way, at)) for state_then in then]
        for step in following:
            if step[:2] not in seen:
                seen.add(step[:2])
                stack.append(step)
    return _told(ordered, ends, best, decided=True)


def _next(ordered: Sequence[Call], ends: Sequence[float], done: int) -> list[int]:
    """The calls that may be the next: those that began before the first answer among what is left."""
    left = [at for at in range(len(ordered)) if not done >> at & 1]
    first = min((ends[at] for at in left), default=inf)
    # The earliest to be answered is tried first: it is pushed last.
    return sorted((at for at in left if ordered[at].invoked <= first), key=lambda at: -ends[at])


def _told(
    ordered: Sequence[Call], ends: Sequence[float], best: tuple[int, State, tuple[int, ...]], *, decided: bool
) -> Misfit[State]:
    done, state, way = best
    return Misfit([ordered[at] for at in way], state, [ordered[at] for at in _next(ordered, ends, done)], decided)
