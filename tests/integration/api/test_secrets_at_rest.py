"""What is shown once is stored nowhere in plain: every value of every row of every table is looked into."""

from __future__ import annotations

from base64 import b64decode, b64encode

from psycopg import sql

from tests.integration.api.serving import OPERATOR_KEY, Api

_TABLES = "select table_name from information_schema.tables where table_schema = 'public'"


async def _stored(api: Api) -> bytes:
    """All values of all rows, text and bytes, one after the other."""
    async with api.platform.pool.connection() as connection:
        tables = [name for (name,) in await (await connection.execute(_TABLES)).fetchall()]
        values = []
        for table in tables:
            rows = await (
                await connection.execute(sql.SQL("select * from {}").format(sql.Identifier(table)))
            ).fetchall()
            values += [value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row]
    return b"\n".join(values)


async def test_keys_and_signing_secrets_are_stored_nowhere_in_plain(api: Api) -> None:
    partner_id = await api.partner("Partner with a name to find")
    keys = [await api.partner_key(partner_id), *[await api.key(scope) for scope in ("auditor", "gate", "operator")]]
    webhook = {"notificationUrl": "https://agent.example.com/to-find", "eventName": "ota_cm_order_processed"}
    secret = (await api.made("/webhook", webhook, key=keys[0]))["secret"]
    stored = await _stored(api)
    for found in (b"Partner with a name to find", b"https://agent.example.com/to-find"):
        assert found in stored
    random = secret.removeprefix("whsec_")
    for hidden in (OPERATOR_KEY, *keys, *[key[6:] for key in keys], secret, random):
        assert hidden.encode() not in stored
        assert b64encode(hidden.encode()).rstrip(b"=") not in stored
    assert b64decode(random) not in stored
