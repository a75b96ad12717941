"""All that is wrong with a query, told at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from domain.faults import Fault, FaultReport
from services.api.problems import Problem, validation_failed

if TYPE_CHECKING:
    from services.api.call import Call

Value = TypeVar("Value")


class QueryFaults:
    """Of a call whose query has several parameters: each is read by `read`, and what is wrong is told at the end."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._faults: list[Fault] = []

    def read(self, reader: Callable[[Call], Value], otherwise: Value) -> Value:
        """What the reader finds; where it raises Problem 400, its faults are kept, and `otherwise` stands for it."""
        try:
            return reader(self._call)
        except Problem as problem:
            if not problem.faults:
                raise
            self._faults += problem.faults
            return otherwise

    def add(self, name: str, code: str, message: str) -> None:
        """A fault of a parameter that can be read."""
        self._faults.append(Fault(f"/{name}", code, message))

    def ensure_none(self) -> None:
        """Raises Problem 400 with every fault."""
        if self._faults:
            raise validation_failed(FaultReport(tuple(self._faults)))
