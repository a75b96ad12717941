"""The catalog that a new deployment starts with: a file of the operator's, or a small sample."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from domain.catalog.body import CatalogBody
from domain.catalog.stream import CatalogEvent, CatalogFaulty, PublishCatalog, PublishedCatalog, decide
from domain.faults import Fault
from domain.reading import MalformedJson, Reader
from domain.streams import catalog_stream
from infra.event_store.mapper import Actor
from infra.ids import uuid7
from services.bootstrap import now
from services.ordering.context import CommandContext
from services.settings import SettingError
from services.setup.streams import CATALOGS, Stream

if TYPE_CHECKING:
    from services.bootstrap import Platform

log = structlog.get_logger()

SAMPLE = "sample_catalog.json"
_START = Actor(scope="start")


async def publish_first_catalog(platform: Platform) -> None:
    """Publish it if there is no catalog yet. Raises SettingError where the operator's file has faults."""
    if platform.directory.catalog is not None:
        return
    settings = platform.settings
    if settings.catalog is None and not settings.is_embedded:
        return
    source = settings.catalog or files("services") / SAMPLE
    body = await asyncio.to_thread(source.read_bytes)
    try:
        reading = Reader(CatalogBody).read(body)
    except MalformedJson:
        raise SettingError(f"OTA_CM_CATALOG: {source} is not JSON") from None

    _refuse_faults(str(source), reading.faults)

    def decision(loaded: Stream[PublishedCatalog]) -> list[CatalogEvent]:
        # Where another process was faster, its catalog stands.
        return [] if loaded.version else decide(loaded.state, PublishCatalog(reading.value, uuid4()))

    context = CommandContext(uuid7(), now(), _START, correlation_id=uuid7().hex)
    try:
        await platform.setup.change(CATALOGS, catalog_stream(), decision, context)
    except CatalogFaulty as faulty:
        _refuse_faults(str(source), faulty.faults)
    log.info("first_catalog_published", source=str(source))


def _refuse_faults(source: str, faults: Sequence[Fault]) -> None:
    if faults:
        first = faults[0]
        raise SettingError(
            f"OTA_CM_CATALOG: {source}: {len(faults)} faults, the first at {first.pointer or '/'}: {first.message}"
        )
