"""The reader of one type of body: a fast way for bodies without a fault, a thorough one for all others."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import ClassVar, Final, Generic, TypeVar

import msgspec
from msgspec import UNSET, Struct, inspect
from msgspec.structs import replace

from domain.faults import Fault, FaultReport, report_of
from domain.reading.structure import compile_type
from domain.reading.walk import Walk

T = TypeVar("T", bound=Struct)

# What msgspec raises where it cannot decode: its own errors, UnicodeDecodeError, InvalidOperation (an exponent that no
# Decimal has), RecursionError.
_UNDECODABLE = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)

_UNREAD: Final = object()

# Forms that msgspec takes and the contract does not. A body that may hold one is read thoroughly, which decides.
# Each begins with a plain byte, which makes the search fast. Escaped ASCII could hide the forms, and may be U+0000.
_ESCAPED_ASCII = re.compile(rb"\\u00[0-7]").search
_UUID_WITHOUT_HYPHENS = re.compile(rb'"[0-9A-Fa-f]{32}"').search
_TIME_WITH_FRACTION = re.compile(rb":[0-9][0-9]:[0-9][0-9]\.").search


class MalformedJson(Exception):
    """The body is not JSON in UTF-8."""

    code: ClassVar[str] = "malformed_json"

    def __str__(self) -> str:
        return type(self).__doc__ or ""


class Reading(Struct, Generic[T]):
    """A body as read: the typed value, and its structural faults (at most one more than an answer shows).

    `value` is whole where there is no fault. Else it is what could be saved: a faulty or missing required field is
    UNSET, a faulty element of an array too, so that every other check can run on the rest and skip what is UNSET. An
    array keeps its length. Of a body that is no object every field is UNSET.
    """

    value: T
    _body: bytes
    _decoder: "msgspec.json.Decoder[object]"
    faults: Sequence[Fault] = ()
    _raw: object = _UNREAD
    _truncated: bool = False

    def __repr__(self) -> str:
        """Without the body: a repr ends in logs and tracebacks."""
        return f"<Reading with {len(self.faults)} faults>"

    @property
    def raw(self) -> object:
        """The document as decoded: dicts, lists and scalars. Raises MalformedJson (of what is nested too deep)."""
        if self._raw is _UNREAD:
            self._raw = _decoded(self._decoder, self._body)
        return self._raw

    def report(self, more: Iterable[Fault] = ()) -> FaultReport:
        """The structural faults and `more`, those of other checks, in document order; a hundred at most."""
        faults = [*self.faults, *more]
        if not faults:
            return FaultReport()
        try:
            raw = self.raw
        except MalformedJson:
            # It was decoded once, and nothing was wrong; this time there is less stack left. Order is all that is lost.
            raw = None
        report = report_of(raw, faults)
        return replace(report, truncated=True) if self._truncated else report


class Reader(Generic[T]):
    """Reads bodies of the type `of`; make it once. Raises TypeError where a body cannot be of that type."""

    def __init__(self, of: type[T]) -> None:
        compiled = compile_type(of)
        self._of = of
        self._check = compiled.check
        self._typed = msgspec.json.Decoder(of)
        has_decimals = inspect.DecimalType in compiled.holds
        # Digits are kept where they matter. Elsewhere a number with a fraction is a fault or ignored, whatever it is:
        # making none of it is four times as fast, and knows no exponent that is too large.
        self._untyped = msgspec.json.Decoder(float_hook=Decimal if has_decimals else _any_fraction)
        self._exact = not has_decimals  # msgspec would also take a number written as text
        self._loose_uuid = _UUID_WITHOUT_HYPHENS if inspect.UUIDType in compiled.holds else _never
        self._loose_time = _TIME_WITH_FRACTION if inspect.TimeType in compiled.holds else _never

    def read(self, body: bytes) -> Reading[T]:
        """The body's value and faults. Raises MalformedJson, and nothing else, for what is not JSON."""
        if (
            self._exact
            and (b"\\" not in body or not _ESCAPED_ASCII(body))
            and not self._loose_uuid(body)
            and not self._loose_time(body)
        ):
            try:
                return Reading(self._typed.decode(body), body, self._untyped)
            except _UNDECODABLE:
                pass  # what is wrong, the thorough way says
        return self._read_thoroughly(body)

    def _read_thoroughly(self, body: bytes) -> Reading[T]:
        raw = _decoded(self._untyped, body)
        walk = Walk(nul=b"\\u0000" in body)
        value = self._check(raw, None, walk)
        if not isinstance(value, self._of):
            value = self._of(**dict.fromkeys(self._of.__struct_fields__, UNSET))
        return Reading(value, body, self._untyped, walk.faults, raw, walk.truncated)


def _never(body: bytes) -> None:  # noqa: ARG001 - in the place of a search
    return None


def _any_fraction(digits: str) -> float:  # noqa: ARG001 - whatever it is
    return 0.5


def _decoded(decoder: "msgspec.json.Decoder[object]", body: bytes) -> object:
    try:
        return decoder.decode(body)
    except _UNDECODABLE:
        raise MalformedJson from None
