"""Answers in JSON, as all operations give them but those with bytes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from services.api.whole_answer import WholeAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = "application/json"
NO_STORE = {"Cache-Control": "no-store"}
"""For an answer that shows a secret, this once."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


def json_answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """The body encoded, Decimals as numbers with their digits."""
    return WholeAnswer(status=status, body=_encode(body), content_type=JSON, headers=headers)


def no_content() -> web.Response:
    return web.Response(status=204)
