"""One declaration an operation: router, authorisation, decoding and documents are made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import UnionType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from aiohttp import web

    from domain.api_key import Scope
    from services.api.call import Call

Handler: TypeAlias = "Callable[[Call], Awaitable[web.StreamResponse]]"

ANYONE: frozenset[Scope] | None = None
OPERATOR: frozenset[Scope] = frozenset({"operator"})
PARTNER: frozenset[Scope] = frozenset({"partner", "operator"})
READER: frozenset[Scope] = frozenset({"partner", "operator", "auditor"})


@dataclass(frozen=True, slots=True)
class Operation:
    """`scopes` None: no key needed. `body`: the type that its body is decoded to, None where it takes none.

    `changes`: a disabled partner's key may not call it. `brings_work`: refused while issuance is too far behind.
    `answers`: status → type of the body (None: no body).
    `problems`: the codes it may answer with beyond those that every operation shares. `produces`: the answer's type.
    `answers_late`: it may take longer than a request's deadline; all that it waits for has deadlines of its own.
    """

    name: str
    method: str
    path: str
    summary: str
    scopes: frozenset[Scope] | None
    handler: Handler
    body: type | None = None
    changes: bool = False
    brings_work: bool = False
    answers: dict[int, type | UnionType | None] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    produces: str = "application/json"
    answers_late: bool = False
