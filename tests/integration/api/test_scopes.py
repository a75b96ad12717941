"""Every operation against every scope, from the declarations: who is let in, who is not, and that none ends in 5xx."""

from __future__ import annotations

from collections import defaultdict
from typing import get_args
from uuid import uuid4

import pytest

from domain.api_key import Scope
from services.api.operation import Operation
from services.api.operations import OPERATIONS
from tests.integration.api.serving import Answer, Api

NEEDING_A_KEY = [operation for operation in OPERATIONS if operation.scopes is not None]
OPEN = [operation for operation in OPERATIONS if operation.scopes is None]


async def _tried(api: Api, operation: Operation, key: str | None, partner_id: str) -> Answer:
    """The operation with an empty body, on things that are not there, except the partner's own lists."""
    names = defaultdict(lambda: str(uuid4()), visitDate="2026-12-01")
    if "partner" in (operation.scopes or ()):
        names["partnerId"] = partner_id
    body: object = {} if operation.body is not None else None
    return await api.call(operation.method, operation.path.format_map(names), body, key=key)


@pytest.mark.parametrize("scope", get_args(Scope))
async def test_a_key_is_let_in_by_the_operations_that_declare_its_scope(api: Api, scope: Scope) -> None:
    partner_id = await api.partner()
    key = await (api.partner_key(partner_id) if scope == "partner" else api.key(scope))
    wrong = {}
    for operation in NEEDING_A_KEY:
        answer = await _tried(api, operation, key, partner_id)
        assert operation.scopes is not None
        if scope in operation.scopes:
            right = answer.status not in {401, 403} and answer.status < 500
        else:
            right = (answer.status, answer.code) == (403, "forbidden")
        if not right:
            wrong[operation.name] = answer
    assert wrong == {}


async def test_without_a_known_key_nothing_is_told(api: Api) -> None:
    partner_id = await api.partner()
    for operation in NEEDING_A_KEY:
        for key in (None, "ota_o_unknown"):
            answer = await _tried(api, operation, key, partner_id)
            assert (answer.status, answer.code) == (401, "unauthorized"), operation.name
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_what_needs_no_key_answers_without_one(api: Api) -> None:
    for operation in OPEN:
        expected = 404 if "{" in operation.path else 200  # of what is not there
        assert (await _tried(api, operation, None, str(uuid4()))).status == expected, operation.name


async def test_a_disabled_partners_key_reads_and_changes_nothing(api: Api) -> None:
    partner_id = await api.partner()
    key = await api.partner_key(partner_id)
    assert (await api.call("PATCH", f"/admin/partners/{partner_id}", {"active": False})).status == 200
    tried = 0
    for operation in NEEDING_A_KEY:
        if "partner" in (operation.scopes or ()):
            answer = await _tried(api, operation, key, partner_id)
            refused = answer.status == 403 and answer.code == "partner_inactive"
            assert refused is operation.changes, (operation.name, answer.text)
            tried += 1
    assert tried >= 10


def test_what_changes_something_for_a_partner_says_so() -> None:
    for operation in NEEDING_A_KEY:
        if "partner" in (operation.scopes or ()):
            assert operation.changes is (operation.method not in {"GET", "HEAD"}), operation.name


def test_operations_are_declared_once() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert len({(operation.method, operation.path) for operation in OPERATIONS}) == len(OPERATIONS)
