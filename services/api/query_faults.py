"""All that is wrong with a query, told at once."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from domain.faults import Fault, FaultReport
from services.api.problems import Problem, validation_failed

if TYPE_CHECKING:
    from services.api.call import Call

Value = TypeVar("Value")


class QueryFaults:
    """`with QueryFaults(call) as query:` each parameter by `query.read`; at the end Problem 400 with every fault."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._faults: list[Fault] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self._faults:
            raise validation_failed(FaultReport(tuple(self._faults)))

    def read(self, reader: Callable[[Call], Value], otherwise: Value) -> Value:
        """What the reader finds; `otherwise` stands for what cannot be read, and is never used."""
        try:
            return reader(self._call)
        except Problem as problem:
            if not problem.faults:
                raise
            self._faults += problem.faults
            return otherwise
