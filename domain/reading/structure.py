"""Checks for whole types, compiled once from msgspec's own description of them.

One walk over a decoded document finds every fault in document order and builds the typed value beside it. The types
that bodies are made of are known here; one that is not is refused when its reader is made (TypeError).
"""

from typing import Any, NamedTuple

from msgspec import UNSET, Struct, inspect

from domain.faults import FAULT_LIMIT, Token
from domain.reading.values import (
    anything_check,
    boolean_check,
    choice_check,
    date_check,
    decimal_check,
    text_check,
    time_check,
    uuid_check,
    whole_number_check,
)
from domain.reading.walk import Check, Walk, kind_of


class CompiledType(NamedTuple):
    """`check` for a whole document; `holds`: the kinds of msgspec types met in it."""

    check: Check
    holds: frozenset[type[inspect.Type]]


def compile_type(of: type[Struct]) -> CompiledType:
    """The checks for a type. Raises TypeError where a body cannot be made of it."""
    holds: set[type[inspect.Type]] = set()
    return CompiledType(_compile(inspect.type_info(of), holds), frozenset(holds))


def _compile(info: inspect.Type, holds: set[type[inspect.Type]]) -> Check:
    shape, nullable, extra = _unwrapped(info)
    holds.add(type(shape))
    check = _compile_shape(shape, extra, holds)
    if not nullable:
        return check
    return lambda value, token, walk: None if value is None else check(value, token, walk)


def _unwrapped(info: inspect.Type) -> tuple[inspect.Type, bool, dict[str, Any]]:
    """The type itself, whether null is one of its values, and the `extra` of its Meta."""
    if isinstance(info, inspect.Metadata):
        shape, nullable, extra = _unwrapped(info.type)
        return shape, nullable, {**extra, **(info.extra or {})}
    if isinstance(info, inspect.UnionType):
        others = [member for member in info.types if not isinstance(member, inspect.NoneType)]
        if len(others) != 1:
            raise TypeError(f"a body has no union of several types: {info}")
        shape, _, extra = _unwrapped(others[0])
        return shape, len(others) < len(info.types), extra
    return info, isinstance(info, inspect.AnyType), {}


def _compile_shape(shape: inspect.Type, extra: dict[str, Any], holds: set[type[inspect.Type]]) -> Check:
    match shape:
        case inspect.StructType():
            return _object_check(shape, holds)
        case inspect.ListType(item_type=item, min_length=least, max_length=most):
            return _array_check(item, holds, least, most, list, extra.get("read_only"))
        case inspect.VarTupleType(item_type=item, min_length=least, max_length=most):
            return _array_check(item, holds, least, most, tuple, extra.get("read_only"))
        case inspect.DictType(key_type=key, value_type=value, min_length=None, max_length=most):
            return _mapping_check(_compile(key, holds), _compile(value, holds), most)
        case inspect.StrType(min_length=least, max_length=most, pattern=pattern):
            return text_check(least, most, pattern)
        case inspect.IntType(ge=least, le=most, gt=None, lt=None, multiple_of=None):
            return whole_number_check(least, most)
        case inspect.DecimalType():
            return decimal_check(extra.get("minimum"), extra.get("maximum"))
        case inspect.BoolType():
            return boolean_check
        case inspect.UUIDType():
            return uuid_check
        case inspect.DateType():
            return date_check
        case inspect.TimeType(tz=False):
            return time_check
        case inspect.LiteralType(values=values):
            return choice_check(values)
        case inspect.AnyType() if extra.get("ignored"):
            return anything_check
        case _:
            raise TypeError(f"a body has no such type: {shape}")


class _Member(NamedTuple):
    """A field as the walk meets it: its name in the Struct, whether null is a value, whether it may be absent."""

    field: str
    check: Check
    nullable: bool
    required: bool


def _object_check(shape: inspect.StructType, holds: set[type[inspect.Type]]) -> Check:
    if not shape.forbid_unknown_fields or shape.tag_field is not None or shape.array_like:
        raise TypeError(f"{shape.cls.__name__} must forbid unknown fields and be a plain object")
    members: dict[str, _Member] = {}
    for field in shape.fields:
        nullable = _unwrapped(field.type)[1]
        members[field.encode_name] = _Member(field.name, _compile(field.type, holds), nullable, field.required)
    required = {name: member.field for name, member in members.items() if member.required}
    make = shape.cls

    def check(value: object, token: Token | None, walk: Walk) -> object:
        if type(value) is not dict:
            return walk.fault(token, "wrong_type", f"Expected an object, got {kind_of(value)}.")
        faults = walk.faults
        known: dict[str, object] = {}
        walk.path.append(token)
        for name, inner in value.items():
            member = members.get(name)
            if member is None:
                walk.fault(name, "unknown_field", _unknown(name))
            elif inner is not None or member.nullable:
                known[member.field] = member.check(inner, name, walk)
            elif member.required:
                known[member.field] = walk.fault(name, "required", f"{name} is required and cannot be null.")
            if len(faults) > FAULT_LIMIT:
                break
        for name, field_name in required.items():
            if name not in value:
                known[field_name] = walk.fault(name, "required", f"{name} is required.")
        walk.path.pop()
        if len(faults) > FAULT_LIMIT:
            # What the walk did not come to is not known: a default would be a guess.
            known = {member.field: known.get(member.field, UNSET) for member in members.values()}
        return make(**known)

    return check


def _unknown(name: str) -> str:
    return f"There is no field {name} here." if len(name) <= 50 else "There is no such field here."


def _array_check(
    item: inspect.Type,
    holds: set[type[inspect.Type]],
    least: int | None,
    most: int | None,
    collect: type[list[Any]] | type[tuple[Any, ...]],
    read_only: str | None,
) -> Check:
    check_element = _compile(item, holds)
    # Texts are what a body can hold most of, a third of a million in 1 MiB: most are seen to be right without a call.
    shortest, longest = _text_bounds(item)

    def check(value: object, token: Token | None, walk: Walk) -> object:
        if type(value) is not list:
            return walk.fault(token, "wrong_type", f"Expected an array, got {kind_of(value)}.")
        if most is not None and len(value) > most:
            if read_only is not None:
                return walk.fault(token, "read_only", f"This field is read-only: {read_only}.")
            return walk.fault(token, "too_many", f"Expected at most {most} elements, got {len(value)}.")
        if least is not None and len(value) < least:
            return walk.fault(token, "too_few", f"Expected at least {least} elements, got {len(value)}.")
        faults = walk.faults
        elements: list[object] = []
        most_text = -1 if walk.nul else longest
        walk.path.append(token)
        for index, element in enumerate(value):
            if type(element) is str and shortest <= len(element) <= most_text:
                elements.append(element)
                continue
            elements.append(check_element(element, index, walk))
            if len(faults) > FAULT_LIMIT:
                break
        walk.path.pop()
        # An array keeps its length whatever is wrong in it: later checks count its elements.
        elements.extend([UNSET] * (len(value) - len(elements)))
        return elements if collect is list else tuple(elements)

    return check


def _text_bounds(item: inspect.Type) -> tuple[int, float]:
    """The lengths of which a text is right whatever is in it (U+0000 apart); no length for other types."""
    match item:
        case inspect.StrType(min_length=least, max_length=most, pattern=None):
            return least or 0, float("inf") if most is None else most
        case _:
            return 0, -1


def _mapping_check(check_name: Check, check_value: Check, most: int | None) -> Check:
    def check(value: object, token: Token | None, walk: Walk) -> object:
        if type(value) is not dict:
            return walk.fault(token, "wrong_type", f"Expected an object, got {kind_of(value)}.")
        if most is not None and len(value) > most:
            return walk.fault(token, "too_many", f"Expected at most {most} members, got {len(value)}.")
        faults = walk.faults
        known: dict[str, object] = {}
        walk.path.append(token)
        for name, inner in value.items():
            # null counts as absent, as it does for any optional field
            if check_name(name, name, walk) is not UNSET and inner is not None:
                known[name] = check_value(inner, name, walk)
            if len(faults) > FAULT_LIMIT:
                break
        walk.path.pop()
        return known

    return check
