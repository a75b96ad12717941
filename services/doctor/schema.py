"""The schema: whether the migrations of this version are applied, and none that it does not know."""

from __future__ import annotations

from infra.postgres.errors import MigrationError
from infra.postgres.migrate import standing
from services.doctor.finding import Finding, fail, ok, warn


async def of_schema(dsn: str) -> Finding:
    """Raises DatabaseUnavailable."""
    try:
        missing, unknown = await standing(dsn)
    except MigrationError as error:
        return fail("migrations", str(error), "Run the version that made this schema, or restore the right database.")
    if missing:
        advice = "Run `channel-manager migrate`, or start the service without OTA_CM_MIGRATE=0."
        return fail("migrations", f"pending: {', '.join(missing)}", advice)
    if unknown:
        advice = "Upgrade this installation soon: a newer version has been at work here."
        return warn("migrations", f"newer than this version: {', '.join(unknown)}", advice)
    return ok("migrations", "up to date")
