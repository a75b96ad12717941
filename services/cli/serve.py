"""`serve`: runs the service."""

from __future__ import annotations

from functools import partial

import click

from services.cli.running import run, settings_or_exit
from services.process import serve


@click.command()
@click.option("--host", metavar="HOST", help="Where to listen; 127.0.0.1.")
@click.option("--port", metavar="PORT", help="8080; 0 picks a free one.")
@click.option("--roles", metavar="ROLES", help="api, relay, projector, issuer, webhooks, comma-separated, or all.")
@click.option("--reuse-port", is_flag=True, help="Let several api processes share the port.")
def command(host: str | None, port: str | None, roles: str | None, *, reuse_port: bool) -> None:
    """Run the service until SIGTERM."""
    given = {
        "OTA_CM_HOST": host,
        "OTA_CM_PORT": port,
        "OTA_CM_ROLES": roles,
        "OTA_CM_REUSE_PORT": "true" if reuse_port else None,
    }
    settings = settings_or_exit({name: value for name, value in given.items() if value is not None})
    run(partial(serve, settings))
