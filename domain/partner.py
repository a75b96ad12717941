"""A partner: an agent that sells for the venue, and how it wants to be treated. One small stream each.

Events, commands, refusals, states, `evolve`, `decide`, in this order. What a body may say is in `partner_request.py`.
"""

from datetime import datetime
from typing import ClassVar, TypeAlias, assert_never
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from domain.history import HistoryBroken

DEFAULT_LANGUAGE = "ENU"


class PartnerCreated(Struct, frozen=True, rename="camel"):
    """A partner may sell. `draft_ttl_seconds`: how long an unpaid order lives; None is for ever.

    `language`: of texts where an order names none, upper case.
    """

    partner_id: UUID
    name: str
    draft_ttl_seconds: int | None
    language: str
    created_at: datetime


class PartnerChanged(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Something about the partner changed; UNSET (absent in the store) is what did not."""

    partner_id: UUID
    changed_at: datetime
    name: str | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    draft_ttl_seconds: int | UnsetType | None = UNSET
    language: str | UnsetType = UNSET


class PartnerDeleted(Struct, frozen=True, rename="camel"):
    """The partner is gone, and its keys and subscriptions with it."""

    partner_id: UUID
    deleted_at: datetime


PartnerEvent: TypeAlias = PartnerCreated | PartnerChanged | PartnerDeleted


class CreatePartner(Struct, frozen=True):
    partner_id: UUID
    name: str
    now: datetime
    draft_ttl_seconds: int | None = None
    language: str = DEFAULT_LANGUAGE


class ChangePartner(Struct, frozen=True):
    """What is UNSET stays as it is."""

    now: datetime
    name: str | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    draft_ttl_seconds: int | UnsetType | None = UNSET
    language: str | UnsetType = UNSET


class DeletePartner(Struct, frozen=True):
    """`has_orders`: whether any order that was not removed names the partner; it is not in the partner's own stream."""

    now: datetime
    has_orders: bool


PartnerCommand: TypeAlias = CreatePartner | ChangePartner | DeletePartner


class PartnerRefusal(Exception):
    """The partner refuses this."""

    code: ClassVar[str]

    def __str__(self) -> str:
        return type(self).__doc__ or ""


class PartnerExists(PartnerRefusal):
    """This partnerId is taken; that of a deleted partner stays taken, since its history names it."""

    code = "partner_exists"


class PartnerHasOrders(PartnerRefusal):
    """Orders refer to this partner. Disable it instead, with active: false."""

    code = "partner_has_orders"


class PartnerNotFound(PartnerRefusal):
    """There is no such partner."""

    code = "resource_not_found"


class NoPartner(Struct, frozen=True, tag=True):
    """Nothing has happened under this id."""


class KnownPartner(Struct, frozen=True, rename="camel", tag=True):
    """`active`: whether its commands are taken; its keys read either way."""

    partner_id: UUID
    name: str
    active: bool
    draft_ttl_seconds: int | None
    language: str
    created_at: datetime


class DeletedPartner(Struct, frozen=True, rename="camel", tag=True):
    partner_id: UUID


Partner: TypeAlias = NoPartner | KnownPartner | DeletedPartner

INITIAL: Partner = NoPartner()


def evolve(state: Partner, event: PartnerEvent) -> Partner:
    """The state after one more event. Raises HistoryBroken where the event cannot follow."""
    match event, state:
        case PartnerCreated(), NoPartner():
            return KnownPartner(
                partner_id=event.partner_id,
                name=event.name,
                active=True,
                draft_ttl_seconds=event.draft_ttl_seconds,
                language=event.language,
                created_at=event.created_at,
            )
        case PartnerChanged(), KnownPartner():
            return replace(state, **_given(event))
        case PartnerDeleted(), KnownPartner():
            return DeletedPartner(partner_id=state.partner_id)
        case _:
            raise HistoryBroken(event, state)


def decide(state: Partner, command: PartnerCommand) -> list[PartnerEvent]:
    """The events that follow; an empty list where nothing changes. Raises a PartnerRefusal."""
    match command:
        case CreatePartner():
            return _create(state, command)
        case ChangePartner():
            return _change(known(state), command)
        case DeletePartner():
            return _delete(known(state), command)
        case _:
            assert_never(command)


def known(state: Partner) -> KnownPartner:
    """The partner. Raises PartnerNotFound where there is none, or none any more."""
    if isinstance(state, KnownPartner):
        return state
    raise PartnerNotFound


def _create(state: Partner, command: CreatePartner) -> list[PartnerEvent]:
    if not isinstance(state, NoPartner):
        raise PartnerExists
    return [
        PartnerCreated(
            partner_id=command.partner_id,
            name=command.name,
            draft_ttl_seconds=command.draft_ttl_seconds,
            language=command.language,
            created_at=command.now,
        )
    ]


def _change(partner: KnownPartner, command: ChangePartner) -> list[PartnerEvent]:
    changes = {name: value for name, value in _given(command).items() if value != getattr(partner, name)}
    if not changes:
        return []
    return [PartnerChanged(partner_id=partner.partner_id, changed_at=command.now, **changes)]  # type: ignore[arg-type]


def _delete(partner: KnownPartner, command: DeletePartner) -> list[PartnerEvent]:
    if command.has_orders:
        raise PartnerHasOrders
    return [PartnerDeleted(partner_id=partner.partner_id, deleted_at=command.now)]


def _given(changes: PartnerChanged | ChangePartner) -> dict[str, object]:
    fields = ("name", "active", "draft_ttl_seconds", "language")
    return {name: value for name in fields if (value := getattr(changes, name)) is not UNSET}
