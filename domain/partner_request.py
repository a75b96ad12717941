"""What an operator may say of partners and keys: the bodies of `/admin/partners` and `/admin/keys`."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.partner import DEFAULT_LANGUAGE, ChangePartner, CreatePartner
from domain.reading import FilledText10, FilledText250, Uuid

# A hundred years: what is meant to be for ever is null, and a moment so far ahead can still be written as a date.
TtlSeconds: TypeAlias = Annotated[int, Meta(ge=1, le=3_153_600_000)]


class PartnerBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of `POST /admin/partners`."""

    name: FilledText250
    partner_id: Uuid | None = None
    draft_ttl_seconds: TtlSeconds | None = None
    language: FilledText10 = DEFAULT_LANGUAGE


class PartnerChangesBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of `PATCH /admin/partners/{id}`: what is absent stays, and null ends the drafts' time limit."""

    name: FilledText250 | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    draft_ttl_seconds: TtlSeconds | UnsetType | None = UNSET
    language: FilledText10 | UnsetType = UNSET


class PartnerKeyBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of `POST /admin/partners/{id}/keys`."""

    name: FilledText250


class KeyBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of `POST /admin/keys`: a partner's keys are made at the partner."""

    scope: Literal["auditor", "operator", "gate"]
    name: FilledText250


def create_partner(body: PartnerBody, new_id: UUID, now: datetime) -> CreatePartner:
    """The command of a body without faults; `new_id` where it names none."""
    return CreatePartner(
        partner_id=body.partner_id or new_id,
        name=body.name,
        now=now,
        draft_ttl_seconds=body.draft_ttl_seconds,
        language=body.language.upper(),
    )


def change_partner(body: PartnerChangesBody, now: datetime) -> ChangePartner:
    """The command of a body without faults."""
    return ChangePartner(
        now=now,
        name=body.name,
        active=body.active,
        draft_ttl_seconds=body.draft_ttl_seconds,
        language=UNSET if body.language is UNSET else body.language.upper(),
    )
