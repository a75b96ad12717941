"""What the files in infra/ say of how the service is run, as Docker, Compose and Kubernetes would read it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.bootstrap import POOL_MAX
from services.setting_source import SettingSource
from services.settings import Settings, read_settings

REPOSITORY = Path(__file__).resolve().parents[3]
INFRA = REPOSITORY / "infra"
COMPOSE = INFRA / "compose.yaml"
KUBERNETES = INFRA / "kubernetes"
DOCKERFILE = INFRA / "Dockerfile"
TOOLS = Path(sys.executable).parent

PROCESS_CONNECTIONS = POOL_MAX + 4
"""What a process may hold at most: its pool, and those of the writer, the listener, the projector and a command."""

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<rule>:-|:\?)(?P<text>[^}]*))?\}")


class Required(Exception):
    """A variable of compose.yaml that has no value; Compose stops there, too."""


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A tool, to its end; what it said is in what is returned."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=REPOSITORY,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def new_env(file: Path, public_url: str = "https://tickets.example.com") -> dict[str, str]:
    """What infra/new-env.sh makes."""
    made = run("sh", INFRA / "new-env.sh", public_url, file)
    assert made.returncode == 0, made.stderr
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def compose_variables() -> Iterator[tuple[str, str | None]]:
    """Name and rule (`:-`, `:?` or none) of every variable in compose.yaml."""
    for match in _VARIABLE.finditer(COMPOSE.read_text()):
        yield match["name"], match["rule"]


def compose(variables: Mapping[str, str]) -> dict[str, Any]:
    """compose.yaml with its variables put in. Raises Required."""

    def value(match: re.Match[str]) -> str:
        if given := variables.get(match["name"]):
            return given
        if match["rule"] == ":-":
            return match["text"]
        raise Required(match["name"])

    loaded = yaml.safe_load(_VARIABLE.sub(value, COMPOSE.read_text()))
    assert isinstance(loaded, dict)
    return loaded


def roles_of(command: list[str]) -> str | None:
    """Of `serve --roles …`; None for another command."""
    if command[:2] != ["serve", "--roles"]:
        return None
    (roles,) = command[2:]
    return roles


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, in order, without comments, their lines joined."""
    text = re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE.read_text())
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(name, rest) for line in lines if line for name, _, rest in [line.partition(" ")]]


def image_environment() -> dict[str, str]:
    """What the image's last stage sets."""
    last = max(place for place, (name, _) in enumerate(instructions()) if name == "FROM")
    set_here = [rest for name, rest in instructions()[last:] if name == "ENV"]
    return dict(pair.split("=", 1) for rest in set_here for pair in rest.split())


def image_healthcheck() -> list[str]:
    """Its command; the interpreter is this one."""
    (check,) = (rest for name, rest in instructions() if name == "HEALTHCHECK")
    command = json.loads(check[check.index("CMD ") + 4 :])
    assert command[0] == "python"
    return [sys.executable, *command[1:]]


def documents(file: Path) -> list[dict[str, Any]]:
    """Of a manifest."""
    return [document for document in yaml.safe_load_all(file.read_text()) if document is not None]


def read(environment: Mapping[str, str], roles: str | None) -> tuple[Settings, set[str]]:
    """The settings as the service reads them, and the names that it looked up."""
    asked: set[str] = set()
    look_up = SettingSource.text

    def text(source: SettingSource, name: str) -> str | None:
        asked.add(name)
        return look_up(source, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SettingSource, "text", text)
        return read_settings(environment, {"OTA_CM_ROLES": roles} if roles is not None else {}), asked


def of_ours(environment: Mapping[str, str]) -> set[str]:
    """The names that only the service could have a use for."""
    return {name for name in environment if re.match("OTA_CM_|KAFKA_|DATABASE_", name)}
