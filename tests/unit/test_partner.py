"""Partners: made once, changed by what changes, deleted only without orders."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from msgspec import UNSET, json

from domain.history import HistoryBroken
from domain.partner import (
    INITIAL,
    ChangePartner,
    CreatePartner,
    DeletedPartner,
    DeletePartner,
    KnownPartner,
    Partner,
    PartnerChanged,
    PartnerCommand,
    PartnerCreated,
    PartnerDeleted,
    PartnerEvent,
    PartnerExists,
    PartnerHasOrders,
    PartnerNotFound,
    decide,
    evolve,
)
from domain.partner_request import KeyBody, PartnerBody, PartnerChangesBody, change_partner, create_partner
from domain.reading import Reader
from tests.unit.spec import Decider

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
LATER = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
ID = UUID("21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e")
CREATED = PartnerCreated(partner_id=ID, name="Agent", draft_ttl_seconds=None, language="ENU", created_at=NOW)
DELETED = PartnerDeleted(partner_id=ID, deleted_at=LATER)

partner = Decider[Partner, PartnerCommand, PartnerEvent](INITIAL, evolve, decide)


def test_a_partner_is_made_active() -> None:
    state = partner.given().when(CreatePartner(ID, "Agent", NOW)).then(CREATED)
    assert state == KnownPartner(ID, "Agent", active=True, draft_ttl_seconds=None, language="ENU", created_at=NOW)


@pytest.mark.parametrize("history", [[CREATED], [CREATED, DELETED]], ids=["known", "deleted"])
def test_a_partner_id_is_used_once_even_after_deletion(history: list[PartnerEvent]) -> None:
    given = partner.given(*history)
    given.when(CreatePartner(ID, "Other", LATER)).then_refused(PartnerExists, code="partner_exists")


def test_a_change_tells_the_new_values_of_what_changed_and_of_nothing_else() -> None:
    command = ChangePartner(LATER, name="Agent", active=False, draft_ttl_seconds=3600)
    changed = PartnerChanged(partner_id=ID, changed_at=LATER, active=False, draft_ttl_seconds=3600)
    state = partner.given(CREATED).when(command).then(changed)
    assert state == KnownPartner(ID, "Agent", active=False, draft_ttl_seconds=3600, language="ENU", created_at=NOW)
    assert b"name" not in json.encode(changed)


def test_null_ends_the_time_limit_of_drafts() -> None:
    limited = PartnerChanged(partner_id=ID, changed_at=NOW, draft_ttl_seconds=60)
    endless = PartnerChanged(partner_id=ID, changed_at=LATER, draft_ttl_seconds=None)
    state = partner.given(CREATED, limited).when(ChangePartner(LATER, draft_ttl_seconds=None)).then(endless)
    assert isinstance(state, KnownPartner)
    assert state.draft_ttl_seconds is None
    assert json.decode(json.encode(endless), type=PartnerChanged) == endless


@pytest.mark.parametrize("command", [ChangePartner(LATER), ChangePartner(LATER, name="Agent", active=True)])
def test_a_change_that_changes_nothing_is_no_event(command: ChangePartner) -> None:
    partner.given(CREATED).when(command).then_nothing_happened()


def test_a_partner_without_orders_can_be_deleted() -> None:
    state = partner.given(CREATED).when(DeletePartner(LATER, has_orders=False)).then(DELETED)
    assert state == DeletedPartner(ID)


def test_a_partner_with_orders_cannot_be_deleted() -> None:
    command = DeletePartner(LATER, has_orders=True)
    partner.given(CREATED).when(command).then_refused(PartnerHasOrders, code="partner_has_orders")
    assert "active: false" in str(PartnerHasOrders())


@pytest.mark.parametrize("history", [[], [CREATED, DELETED]], ids=["never there", "deleted"])
@pytest.mark.parametrize("command", [ChangePartner(LATER, name="X"), DeletePartner(LATER, has_orders=False)])
def test_a_partner_that_is_not_there_is_not_found(history: list[PartnerEvent], command: PartnerCommand) -> None:
    partner.given(*history).when(command).then_refused(PartnerNotFound, code="resource_not_found")


def test_a_broken_history_is_not_folded() -> None:
    with pytest.raises(HistoryBroken, match="PartnerDeleted cannot follow NoPartner"):
        partner.after([DELETED])
    with pytest.raises(HistoryBroken, match="PartnerChanged cannot follow DeletedPartner"):
        partner.after([CREATED, DELETED, PartnerChanged(ID, LATER, active=True)])


# What a body may say


def test_a_body_with_a_name_alone_takes_the_defaults() -> None:
    reading = Reader(PartnerBody).read(b'{"name": "Agent", "draftTtlSeconds": null, "language": null}')
    assert not reading.report()
    assert create_partner(reading.value, ID, NOW) == CreatePartner(ID, "Agent", NOW)


def test_a_body_may_name_the_partner_id_and_its_language_is_upper_cased() -> None:
    body = PartnerBody(name="Agent", partner_id=UUID(int=7), draft_ttl_seconds=60, language="dan")
    assert create_partner(body, ID, NOW) == CreatePartner(UUID(int=7), "Agent", NOW, 60, "DAN")


def test_what_a_change_leaves_out_stays_unset() -> None:
    reading = Reader(PartnerChangesBody).read(b'{"draftTtlSeconds": null, "name": null}')
    assert change_partner(reading.value, NOW) == ChangePartner(NOW, draft_ttl_seconds=None)
    assert change_partner(PartnerChangesBody(language="dan"), NOW).language == "DAN"
    assert change_partner(PartnerChangesBody(), NOW).language is UNSET


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (b"{}", "/name", "required"),
        (b'{"name": ""}', "/name", "too_short"),
        (b'{"name": "%s"}' % (b"x" * 251), "/name", "too_long"),
        (b'{"name": "A", "partnerId": "7"}', "/partnerId", "bad_format"),
        (b'{"name": "A", "draftTtlSeconds": 0}', "/draftTtlSeconds", "out_of_range"),
        (b'{"name": "A", "draftTtlSeconds": 1e3}', "/draftTtlSeconds", "wrong_type"),
        (b'{"name": "A", "language": "ENGLISH-GBR"}', "/language", "too_long"),
        (b'{"name": "A", "active": true}', "/active", "unknown_field"),
    ],
)
def test_a_fault_in_a_partner_is_named_at_its_place(body: bytes, pointer: str, code: str) -> None:
    report = Reader(PartnerBody).read(body).report()
    assert [(fault.pointer, fault.code) for fault in report.faults] == [(pointer, code)]


def test_a_partners_key_is_not_made_among_the_others() -> None:
    report = Reader(KeyBody).read(b'{"scope": "partner", "name": "K"}').report()
    assert [(fault.pointer, fault.code) for fault in report.faults] == [("/scope", "unknown_value")]
