"""The machine: its time zone data, its disk, how many files may be open, the port."""

from __future__ import annotations

import errno
import os
import socket
import sys
from zoneinfo import ZoneInfoNotFoundError

from domain.catalog.time_zones import TIME_ZONES, time_zone
from infra.postgres.disk_room import BALLAST, BALLAST_BYTES, REFUSED_BELOW, free_bytes
from services.doctor.finding import Finding, fail, graded, ok, warn
from services.settings import Settings

_FILES_FAIL, _FILES_WARN = 256, 1024
_INODES_FAIL, _INODES_WARN = 200, 10_000

# What the embedded server's write-ahead log may grow to before it is used again.
_COMFORTABLE_BYTES = 2 << 30


def of_host(settings: Settings) -> list[Finding]:
    """Blocks: asks the system."""
    found = [_time_zones(), _open_files(), _port(settings)]
    if settings.is_embedded:
        found += [_disk(settings), _inodes(settings)]
    return found


def _time_zones() -> Finding:
    advice = "Install the service anew: its package tzdata is damaged."
    try:
        broken = [name for name in ("Europe/Oslo", "America/New_York", "Asia/Tokyo") if not time_zone(name).key]
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        return fail("time zones", f"a zone cannot be read: {error}", advice)
    return fail("time zones", f"{broken} are empty", advice) if broken else ok("time zones", f"{len(TIME_ZONES)} known")


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir
    free = free_bytes(folder)
    finding = f"{_size(free)} free at {folder}"
    kept = folder.joinpath(BALLAST).exists()
    if not kept and free < REFUSED_BELOW + BALLAST_BYTES:
        finding += ", and what was kept back is given up"
    advice = (
        f"Make room: below {_size(REFUSED_BELOW)} every command is answered 503, and the write-ahead log alone may "
        f"take {_size(_COMFORTABLE_BYTES)}."
    )
    refused_below = REFUSED_BELOW + (0 if kept else BALLAST_BYTES)
    return graded("disk", free, finding, advice, fail_below=refused_below, warn_below=_COMFORTABLE_BYTES)


def _inodes(settings: Settings) -> Finding:
    status = os.statvfs(settings.data_dir)
    if status.f_files == 0:
        return ok("inodes", "this file system does not count them")
    advice = "Remove files on this file system: it can make hardly any new one, however much room it has."
    finding = f"{status.f_favail} files can still be made"
    return graded("inodes", status.f_favail, finding, advice, fail_below=_INODES_FAIL, warn_below=_INODES_WARN)


def _open_files() -> Finding:
    if sys.platform == "win32":
        return ok("open files", "this system has no limit to look at")
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return ok("open files", "without a limit")
    advice = "Raise the limit (ulimit -n, LimitNOFILE=): each client's connection is a file."
    return graded("open files", limit, f"at most {limit}", advice, fail_below=_FILES_FAIL, warn_below=_FILES_WARN)


def _port(settings: Settings) -> Finding:
    if not settings.port:
        return ok("port", "none is asked for" if settings.port is None else "any free one")
    where = f"{settings.host}:{settings.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return _taken(where, settings)
        return fail("port", f"{where} cannot be listened on: {error.strerror}", "Choose another OTA_CM_HOST or _PORT.")
    return ok("port", f"{where} is free")


def _taken(where: str, settings: Settings) -> Finding:
    if _is_the_service(settings):
        return ok("port", f"the service answers at {where}")
    advice = "Choose another OTA_CM_PORT, or end that program, before the service is started here."
    return warn("port", f"{where} is in use by something that is not the service", advice)


def _is_the_service(settings: Settings) -> bool:
    """Asked as an orchestrator would."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound
    try:
        with socket.create_connection((host, settings.port or 0), timeout=2.0) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: doctor\r\nConnection: close\r\n\r\n")
            answer = b""
            while len(answer) < 65536 and (data := connection.recv(4096)):
                answer += data
    except OSError:
        return False
    return answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b'{"status":"ok"}')


def _size(count: int) -> str:
    for unit, step in (("GiB", 1 << 30), ("MiB", 1 << 20)):
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return f"{count >> 10} KiB"
