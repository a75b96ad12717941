"""Manifests: a guest's tickets as a page and as a PDF, for whoever has their address.

Only what is Issued is shown: an order has no manifest before, and what was made for an issuance is gone with it (410).
A token that is none of ours, or of nothing that was ever shown, is 404. A browser is told of either in a page of a few
words, everybody else in `application/problem+json` as everywhere.

Where the contract is silent: a Draft's tokens are not given out, and are 404 until it is confirmed.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from aiohttp import web

from domain.order.state import Draft, Issued
from infra.postgres.errors import DatabaseUnavailable
from services.api.operation import ANYONE, Operation
from services.api.problems import Problem, not_found
from services.manifests.contents import Manifest
from services.manifests.manifest import manifest
from services.manifests.page import CONTENT_TYPE, POLICY, Page, told
from services.manifests.printers import PrintersBusy, packed
from services.manifests.texts import texts_for
from services.manifests.tokens import PATH

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from services.api.call import Call

PDF: Final = "application/pdf"
HTML: Final = "text/html"

_WHAT: Final = "manifest"
_BUSY: Final = "Too many tickets are being printed just now. Try again."

# Who has the address has the tickets: it is kept by nobody and told to nobody.
_PRIVATE: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PAGE_HEADERS: Final = {**_PRIVATE, "Content-Type": CONTENT_TYPE, "Content-Security-Policy": POLICY}


class _Shown(NamedTuple):
    """A manifest that may be shown, and the token that it was asked for by."""

    token: str
    manifest: Manifest


async def get_manifest(call: Call) -> web.StreamResponse:
    return await _answered(call, _page)


async def get_manifest_pdf(call: Call) -> web.StreamResponse:
    return await _answered(call, _pdf)


async def _answered(call: Call, show: Callable[[Call, _Shown], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    try:
        return await show(call, await _asked_for(call))
    except PrintersBusy:
        problem = Problem("unavailable", _BUSY)
    except DatabaseUnavailable:
        problem = Problem("unavailable", "The store cannot be reached. Try again.")
    except Problem as refused:
        problem = refused
    problem.headers.update(_PRIVATE)
    if _is_browser(call.request):
        return _told(call, problem)
    raise problem


async def _asked_for(call: Call) -> _Shown:
    """Raises Problem 404, 410; DatabaseUnavailable."""
    services = call.services
    token = call.request.match_info["token"]
    claim = services.manifest_tokens.read(token)
    if claim is None:
        raise not_found(_WHAT)
    found = await services.order_reader.get(claim.order_id)
    # We made the token, so there is an order; unless the database is of before, from a backup.
    if found is None or (isinstance(found.state, Draft) and found.state.issuance.job_id == claim.job_id):
        raise not_found(_WHAT)
    order = found.state
    if not isinstance(order, Issued) or order.issuance.job_id != claim.job_id:
        raise Problem("gone", "These tickets were destroyed: the order was changed, cancelled or removed.")
    catalog = services.directory.catalog
    if catalog is None:
        await services.directory.refresh()
        catalog = services.directory.catalog
    if catalog is None:
        raise not_found(_WHAT)
    partner = services.directory.partners.get(order.order.partner_id)
    cipher = services.keys.cipher(found.key) if found.key is not None else None
    language = partner.language if partner is not None else None
    made = await services.press.piece(partial(manifest, order, cipher, catalog.venue, language, claim.wallet))
    return _Shown(token, made)


async def _page(call: Call, shown: _Shown) -> web.StreamResponse:
    if call.request.method == "HEAD":
        return web.Response(headers=_PAGE_HEADERS)
    press = call.services.press
    page = Page(shown.manifest, shown.token)
    # The first part before the answer begins, so that what is wrong with it is still a problem and no torn page.
    first = await press.piece(page.some)
    second = await press.piece(page.some)
    if not second:
        return web.Response(body=first, headers=_PAGE_HEADERS)

    async def parts() -> AsyncIterator[bytes]:
        yield first
        part = second
        while part:
            yield part
            part = await press.piece(page.some)

    return web.Response(body=parts(), headers=_PAGE_HEADERS)


async def _pdf(call: Call, shown: _Shown) -> web.StreamResponse:
    made = shown.manifest
    headers = {
        **_PRIVATE,
        "Content-Type": PDF,
        "Content-Disposition": f'inline; filename="tickets-{made.order_reference}.pdf"',
    }
    if call.request.method == "HEAD":
        return web.Response(headers=headers)
    services = call.services
    pdf = await services.printers.pdf(await services.press.piece(partial(packed, made)), made.sheets)
    return web.Response(body=pdf, headers=headers)


def _is_browser(request: web.Request) -> bool:
    """It names HTML, as browsers do; a program takes anything, or problems."""
    return any(HTML in accepted.lower() for accepted in request.headers.getall("Accept", ()))


def _told(call: Call, problem: Problem) -> web.Response:
    """The problem in words for a guest, in the browser's language, with the problem's status and headers."""
    catalog = call.services.directory.catalog
    otherwise = catalog.venue.language if catalog is not None else ""
    texts = texts_for(call.request.headers.getall("Accept-Language", ()), otherwise)
    match problem.status:
        case 404:
            title, text = texts.not_found_title, texts.not_found
        case 410:
            title, text = texts.gone_title, texts.gone
        case _:
            title, text = texts.unavailable_title, texts.unavailable
    headers = {**problem.headers, **_PAGE_HEADERS}
    return web.Response(status=problem.status, body=told(texts, title, text), headers=headers)


OPERATIONS = (
    # Before the page, whose path is wider.
    Operation(
        name="getManifestPdf",
        method="GET",
        path=f"{PATH}/{{token}}.pdf",
        summary="A guest's tickets for print, one a sheet. The address is the right to see them.",
        scopes=ANYONE,
        handler=get_manifest_pdf,
        answers={200: bytes},
        problems=("gone",),
        produces=PDF,
        answers_late=True,
    ),
    Operation(
        name="getManifest",
        method="GET",
        path=f"{PATH}/{{token}}",
        summary="A guest's tickets as a page, with their QR codes. The address is the right to see them.",
        scopes=ANYONE,
        handler=get_manifest,
        answers={200: str},
        problems=("gone",),
        produces=HTML,
    ),
)
