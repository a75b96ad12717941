"""Every operation against every scope, from the declarations: who is let in, who is not, and that none ends in 5xx."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.api.operation import Operation
from services.api.operations import OPERATIONS
from tests.integration.api.serving import Answer, Api

SCOPES = ("partner", "auditor", "gate", "operator")
NEEDING_A_KEY = [operation for operation in OPERATIONS if operation.scopes is not None]

every_operation = pytest.mark.parametrize("operation", NEEDING_A_KEY, ids=lambda operation: operation.name)


async def _tried(api: Api, operation: Operation, key: str | None, partner_id: str) -> Answer:
    """The operation with an empty body, on things that are not there, except the partner's own lists."""
    names = {name: str(uuid4()) for name in ("orderId", "partnerId", "keyId", "subscriptionId")}
    if "partner" in (operation.scopes or ()):
        names["partnerId"] = partner_id
    body = {} if operation.body is not None else None
    return await api.call(operation.method, operation.path.format(**names), body, key=key)


async def _keys(api: Api, partner_id: str) -> dict[str, str]:
    keys = {scope: await api.key(scope) for scope in ("auditor", "gate", "operator")}
    return {**keys, "partner": await api.partner_key(partner_id)}


@every_operation
async def test_a_key_is_let_in_by_the_scopes_that_the_operation_declares(api: Api, operation: Operation) -> None:
    partner_id = await api.partner()
    assert operation.scopes is not None
    for scope, key in (await _keys(api, partner_id)).items():
        answer = await _tried(api, operation, key, partner_id)
        if scope in operation.scopes:
            assert answer.status not in {401, 403}, (scope, answer.text)
            assert answer.status < 500, (scope, answer.text)
        else:
            assert (answer.status, answer.code) == (403, "forbidden"), (scope, answer.text)


@every_operation
async def test_without_a_known_key_nothing_is_told(api: Api, operation: Operation) -> None:
    partner_id = await api.partner()
    for key in (None, "ota_o_unknown"):
        answer = await _tried(api, operation, key, partner_id)
        assert (answer.status, answer.code) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "operation", [operation for operation in OPERATIONS if operation.scopes is None], ids=lambda op: op.name
)
async def test_what_needs_no_key_answers_without_one(api: Api, operation: Operation) -> None:
    assert (await _tried(api, operation, None, str(uuid4()))).status == 200


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
