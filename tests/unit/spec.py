"""Given events, when a command, then events, a refusal, or nothing: a decider's rule in one line."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import pytest

State = TypeVar("State")
Command = TypeVar("Command")
Event = TypeVar("Event")


class Decider(Generic[State, Command, Event]):
    """`initial`, `evolve` and `decide` of one aggregate, to be asked in given / when / then."""

    def __init__(
        self,
        initial: State,
        evolve: Callable[[State, Event], State],
        decide: Callable[[State, Command], Sequence[Event]],
    ) -> None:
        self.initial = initial
        self.evolve = evolve
        self.decide = decide

    def given(self, *events: Event) -> "Given[State, Command, Event]":
        return Given(self, self.after(events))

    def given_state(self, state: State) -> "Given[State, Command, Event]":
        return Given(self, state)

    def after(self, events: Sequence[Event], state: State | None = None) -> State:
        """The state after these events, from the beginning or from `state`."""
        now = self.initial if state is None else state
        for event in events:
            now = self.evolve(now, event)
        return now


class Given(Generic[State, Command, Event]):
    def __init__(self, decider: Decider[State, Command, Event], state: State) -> None:
        self._decider = decider
        self.state = state

    def when(self, command: Command) -> "When[State, Command, Event]":
        return When(self._decider, self.state, command)


class When(Generic[State, Command, Event]):
    def __init__(self, decider: Decider[State, Command, Event], state: State, command: Command) -> None:
        self._decider = decider
        self._state = state
        self._command = command

    def then(self, *expected: Event) -> State:
        """Exactly these events follow, and can be folded; gives the state after them."""
        events = list(self._decider.decide(self._state, self._command))
        assert events == list(expected)
        return self._decider.after(events, self._state)

    def then_nothing_happened(self) -> None:
        assert list(self._decider.decide(self._state, self._command)) == []

    def then_refused(self, refusal: type[Exception], **attributes: Any) -> None:
        with pytest.raises(refusal) as caught:
            self._decider.decide(self._state, self._command)
        assert type(caught.value) is refusal
        assert {name: getattr(caught.value, name) for name in attributes} == attributes
