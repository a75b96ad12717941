"""Who calls: an API key in `Authorization: Bearer` or `x-np-api-key`, looked up by its hash."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from domain.api_key import ActiveKey, key_hash
from infra.event_store.mapper import Actor
from services.api.call import Caller, forbidden
from services.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from projections.directory import Directory
    from services.api.operation import Operation

_BEARER = "bearer "
KEYS_REMEMBERED = 4096
SETTINGS_KEY_ID = "settings"


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key as the caller sent it, None where there is none."""
    authorization = headers.get("Authorization")
    if authorization is not None and authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip() or None
    return headers.get("x-np-api-key") or None


class Authentication:
    """Finds callers. `operator_key_hash`: of the key that the settings give, None where there is none."""

    def __init__(self, directory: Directory, operator_key_hash: str | None) -> None:
        self._directory = directory
        self._operator_key_hash = operator_key_hash
        self._hash = lru_cache(KEYS_REMEMBERED)(key_hash)
        self._known: dict[str, tuple[ActiveKey, Caller]] = {}
        self._operator = Caller(
            "operator",
            SETTINGS_KEY_ID,
            None,
            f"key:{SETTINGS_KEY_ID}",
            Actor(scope="operator", key_id=SETTINGS_KEY_ID),
        )

    async def caller(self, headers: Mapping[str, str], operation: Operation) -> Caller:
        """Raises Problem: 401 without a known key, 403 for one without the right or of a disabled partner."""
        key = presented_key(headers)
        if key is None:
            raise _unauthorized("Send an API key as `Authorization: Bearer <key>` or `x-np-api-key: <key>`.")
        caller = self._find(key)
        if caller is None:
            await self._directory.refresh()
            caller = self._find(key)
        if caller is None:
            raise _unauthorized("This API key is not known, or was revoked.")
        if operation.scopes is not None and caller.scope not in operation.scopes:
            raise forbidden(f"A key with the scope {caller.scope} may not do this.")
        # A disabled partner's keys still read, and change nothing.
        if operation.changes and caller.partner_id is not None and not self._directory.is_active(caller.partner_id):
            await self._directory.refresh()
            if not self._directory.is_active(caller.partner_id):
                raise Problem("partner_inactive", "This partner is disabled: its keys may read, and change nothing.")
        return caller

    def may(self, key: str, operation: Operation) -> bool:
        """Whether this key is known to have the right; False also where only a closer look would tell."""
        caller = self._find(key)
        return (
            caller is not None
            and (operation.scopes is None or caller.scope in operation.scopes)
            and (caller.partner_id is None or self._directory.is_active(caller.partner_id))
        )

    def _find(self, key: str) -> Caller | None:
        hashed = self._hash(key)
        if hashed == self._operator_key_hash:  # of hashes, so that time tells nothing of the key
            return self._operator
        found = self._directory.keys_by_hash.get(hashed)
        if found is None:
            self._known.pop(hashed, None)
            return None
        known = self._known.get(hashed)
        if known is None or known[0] is not found:
            known = self._known[hashed] = (found, _caller_with(found))
        return known[1]


def _caller_with(key: ActiveKey) -> Caller:
    key_id = str(key.key_id)
    owner = f"partner:{key.partner_id}" if key.partner_id is not None else f"key:{key_id}"
    return Caller(key.scope, key_id, key.partner_id, owner, Actor(scope=key.scope, key_id=key_id))


def _unauthorized(detail: str) -> Problem:
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="ota-cm"'})
