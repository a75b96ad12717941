"""The catalog, for operators: published whole, and read as of any version."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid4

from aiohttp import web

from domain.catalog.body import CatalogBody
from domain.catalog.publishing import CATALOG_READER, catalog_faults
from domain.catalog.showing import catalog_json
from domain.catalog.stream import CatalogEvent, CatalogFaulty, PublishCatalog, Published, decide, venue_id_of
from domain.streams import catalog_stream
from services.api.conditions import ensure_matches, etag, is_unchanged
from services.api.json_answer import json_answer
from services.api.operation import OPERATOR, Operation
from services.api.problems import Problem, not_found, validation_failed
from services.api.setup_change import changed
from services.api.whole_number import positive_number
from services.setup.streams import CATALOGS, Stream

if TYPE_CHECKING:
    from domain.catalog.items import Catalog
    from domain.catalog.stream import PublishedCatalog
    from domain.reading import Reading
    from services.api.call import Call


class _Version(NamedTuple):
    """A catalog as it was published."""

    version: int
    catalog: Catalog


async def put_catalog(call: Call) -> web.Response:
    # To read and to check a catalog of a mebibyte takes too long for the event loop.
    reading = await asyncio.to_thread(CATALOG_READER.read, call.body)
    new_venue_id = uuid4()
    seen = await call.services.setup.load(CATALOGS, catalog_stream())
    _ensure_matches(call, seen.version)
    events = await asyncio.to_thread(_decided, reading, seen.state, new_venue_id)

    def decision(stream: Stream[PublishedCatalog]) -> Sequence[CatalogEvent]:
        _ensure_matches(call, stream.version)
        return events if stream.version == seen.version else _decided(reading, stream.state, new_venue_id)

    published = (await changed(call, CATALOGS, catalog_stream(), decision, "catalog")).state
    assert isinstance(published, Published)  # noqa: S101 - `decide` publishes or refuses
    return _answered(_Version(published.version, published.catalog))


async def get_catalog(call: Call) -> web.Response:
    version = positive_number(call, "version")
    found = await _in_force(call) if version is None else await _of_version(call, version)
    if found is None:
        raise not_found("catalog")
    if is_unchanged(call.request.headers, found.version):
        return web.Response(status=304, headers={"ETag": etag(found.version)})
    return _answered(found)


def _ensure_matches(call: Call, version: int) -> None:
    if version == 0 and "If-Match" in call.request.headers:  # RFC 9110: nothing matches what is not there
        raise Problem("precondition_failed", "There is no catalog yet.")
    ensure_matches(call.request.headers, version, "catalog")


def _decided(reading: Reading[CatalogBody], state: PublishedCatalog, new_venue_id: UUID) -> Sequence[CatalogEvent]:
    """Raises Problem with every fault, those of the structure too."""
    if reading.faults:
        raise validation_failed(reading.report(catalog_faults(reading.value, venue_id_of(state))))
    try:
        return decide(state, PublishCatalog(reading.value, new_venue_id))
    except CatalogFaulty as refusal:
        raise validation_failed(reading.report(refusal.faults)) from refusal


async def _in_force(call: Call) -> _Version | None:
    directory = call.services.directory
    await directory.refresh()
    return _Version(directory.catalog_version, directory.catalog) if directory.catalog is not None else None


async def _of_version(call: Call, version: int) -> _Version | None:
    catalog = await call.services.directory.catalog_of(version)
    return _Version(version, catalog) if catalog is not None else None


def _answered(found: _Version) -> web.Response:
    return json_answer(catalog_json(found.catalog, found.version), headers={"ETag": etag(found.version)})


OPERATIONS = (
    Operation(
        name="publishCatalog",
        method="PUT",
        path="/admin/catalog",
        summary="Publish a whole catalog: it is in force at once, or every fault in it is told and the old one stays.",
        scopes=OPERATOR,
        handler=put_catalog,
        body=CatalogBody,
        answers={200: CatalogBody},
        problems=("precondition_failed",),
    ),
    Operation(
        name="getCatalog",
        method="GET",
        path="/admin/catalog",
        summary="The catalog in force, or an earlier one (`version`).",
        scopes=OPERATOR,
        handler=get_catalog,
        answers={200: CatalogBody, 304: None},
    ),
)
