"""With PostgreSQL frozen, a scrape is answered in time and says so."""

from __future__ import annotations

import asyncio
import signal
import time

from tests.integration.api.shop import eventually, stocked
from tests.integration.telemetry.scraped import Scraped, scrape
from tests.own_server import OwnServer


async def test_a_frozen_database_is_told_within_a_second_and_its_figures_are_left_out(own_server: OwnServer) -> None:
    async with stocked(own_server.dsn) as shop:
        scraped = await scrape(shop)
        assert scraped.value("ota_cm_postgres_up") == 1
        assert scraped.value("ota_cm_scrapes_without_figures_total") == 0
        await asyncio.to_thread(own_server.signal_all, signal.SIGSTOP)
        try:

            async def down() -> Scraped | None:
                began = time.monotonic()
                scraped = await scrape(shop)
                seconds = time.monotonic() - began
                # A second is promised; the rest is this machine's. A read of the database would wait 4 s.
                assert seconds < 2.5
                return scraped if scraped.value("ota_cm_postgres_up") == 0 else None

            scraped = await eventually(down)
            assert scraped.value("ota_cm_log_position") is None
            assert scraped.values("ota_cm_orders_in_flight", "status") == {}
            assert scraped.value("ota_cm_scrapes_without_figures_total") == 1
            assert (scraped.value("ota_cm_commit_batch_commands_count") or 0) > 0  # what the process knows by itself
        finally:
            await asyncio.to_thread(own_server.signal_all, signal.SIGCONT)

        async def up() -> Scraped | None:
            scraped = await scrape(shop)
            return scraped if scraped.value("ota_cm_log_position") is not None else None

        assert (await eventually(up)).value("ota_cm_postgres_up") == 1
