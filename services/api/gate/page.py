"""The gate's page: everything that it is made of comes in one answer, and the browser is told to run nothing else."""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from aiohttp import web
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from services.api.operation import ANYONE, Operation

if TYPE_CHECKING:
    from services.api.call import Call

_FOLDER = files("services.api.gate")
_TEMPLATE = Environment(autoescape=True, undefined=StrictUndefined).from_string(
    (_FOLDER / "gate.html").read_text(encoding="utf-8")
)
_STYLE = (_FOLDER / "gate.css").read_text(encoding="utf-8")
_SCRIPT = "".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("verdict.js", "gate.js"))


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


# Of what is written in the page, only this script and this style; of the world, only our own operations.
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"script-src {_hash(_SCRIPT)}",
        f"style-src {_hash(_STYLE)}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self)",
    "X-Content-Type-Options": "nosniff",
}


async def get_gate(call: Call) -> web.Response:
    """No secret is in it: it asks for the gate key, and keeps it in the browser's tab."""
    catalog = call.services.directory.catalog
    venue, time_zone = (catalog.venue.name, catalog.venue.time_zone) if catalog is not None else ("", "UTC")
    return web.Response(body=_page(venue, time_zone), headers=_HEADERS)


@lru_cache(8)
def _page(venue: str, time_zone: str) -> bytes:
    page = _TEMPLATE.render(venue=venue, time_zone=time_zone, style=Markup(_STYLE), script=Markup(_SCRIPT))  # noqa: S704 - ours
    return page.encode()


OPERATIONS = (
    Operation(
        name="getGate",
        method="GET",
        path="/gate",
        summary="A page for whoever lets guests in, with a phone or a scanner that types; it asks for the gate key.",
        scopes=ANYONE,
        handler=get_gate,
        answers={200: str},
        produces="text/html",
    ),
)
