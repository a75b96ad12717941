"""The console script `channel-manager`: a file a command, loaded when it is called."""

from __future__ import annotations

from importlib import import_module

import click

_COMMANDS = {
    "serve": "run the service",
    "demo": "walk through the life of an order",
    "migrate": "bring the schema up to date",
    "status": "lag, orders in flight, dead deliveries, parked events",
    "doctor": "what is wrong with this deployment, and what to do about it",
    "rebuild": "rebuild read models beside the live ones",
    "replay": "prove from the log what is kept beside it: places taken, numbers shown",
    "key": "create, list and revoke API keys",
    "dlq": "list and send back messages that the issuer could not read",
}


class _Lazy(click.Group):
    """Starts fast: a command's module is imported when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's form
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(f"services.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a module of ours
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy)
@click.version_option(package_name="ota-channel-manager")
def main() -> None:
    """The OTA Channel Manager: the service with which a venue lets online travel agents sell its tickets."""
