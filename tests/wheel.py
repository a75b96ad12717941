"""`python -m tests.wheel`: builds the wheel, installs it into a fresh environment and runs it from `/`.

Shows that what is shipped is whole without the source tree: package data is in it, tests are not, and the locked
dependencies are enough for it to run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent  # of the environment, not of what it was made from
STEP_SECONDS = 120

# What would find the source tree, or another service's settings.
_FOREIGN = re.compile("^(PYTHON|OTA_CM_|DATABASE_URL$|KAFKA_|VIRTUAL_ENV$)")


class WheelFaulty(Exception):
    """The wheel is not what it should be; the text says how."""


def main() -> int:
    """Exit status 0 if the wheel is whole and works, else 1."""
    with tempfile.TemporaryDirectory(prefix="wheel-") as made:
        folder = Path(made)
        folder.chmod(0o755)  # the demonstration's PostgreSQL may run as another user
        try:
            wheel = _built(folder / "dist")
            _look_into(wheel)
            environment = _installed(wheel, folder / "environment")
            _run_from_root(environment)
        except WheelFaulty as fault:
            print(f"wheel: {fault}", file=sys.stderr)
            return 1
    return 0


def _built(folder: Path) -> Path:
    _step("built", sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, REPOSITORY)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _look_into(wheel: Path) -> None:
    """Every file of the packages is in it, and nothing else of the repository."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    source = {
        str(path.relative_to(REPOSITORY))
        for package in packages
        for path in (REPOSITORY / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    for needed in ("infra/postgres/migrations/0001_event_store.sql", "services/sample_catalog.json"):
        assert needed in source
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
        licences = [name for name in archive.namelist() if name.endswith("/LICENSE")]
    if missing := sorted(source - shipped):
        raise WheelFaulty(f"not in it: {', '.join(missing)}")
    if foreign := sorted(shipped - source):
        raise WheelFaulty(f"what does not belong in it: {', '.join(foreign)}")
    if not licences:
        raise WheelFaulty("the licence is not in it")
    print(f"wheel: {wheel.name} holds {len(shipped)} files of {', '.join(packages)}")


def _installed(wheel: Path, environment: Path) -> Path:
    uv = shutil.which("uv", path=os.pathsep.join((str(BIN), os.environ.get("PATH", ""))))
    if uv is None:
        raise WheelFaulty("uv is missing: `make install` brings it")
    _step("environment made", uv, "venv", "--quiet", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    lock = REPOSITORY / "requirements.lock"
    _step("installed", uv, "pip", "install", "--quiet", "--python", python, "--constraint", lock, wheel)
    return environment


def _run_from_root(environment: Path) -> None:
    """The commands of the installed wheel, where nothing else can be imported by chance."""
    where = _step(
        "imported", environment / "bin" / "python", "-c", "import services, domain; print(services.__file__)"
    ).strip()
    if not Path(where).is_relative_to(environment.resolve()):
        raise WheelFaulty(f"it runs the code of {where}")
    command = environment / "bin" / "channel-manager"
    helped = _step("--help", command, "--help")
    for name in ("serve", "demo", "migrate", "status", "rebuild", "key"):
        if not re.search(rf"^\s+{name}\s", helped, re.MULTILINE):
            raise WheelFaulty(f"--help does not tell of {name}:\n{helped}")
        _step(f"{name} --help", command, name, "--help")
    _step("demo", command, "demo", "--save", environment.parent / "tickets")


def _step(what: str, *command: str | Path) -> str:
    """Run a command in `/`; what it printed. Raises WheelFaulty."""
    environment = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
    began = time.monotonic()
    try:
        done = subprocess.run(
            command, cwd="/", env=environment, capture_output=True, text=True, timeout=STEP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise WheelFaulty(f"{what}: not done within {STEP_SECONDS} s: {late.stdout!r} {late.stderr!r}") from None
    if done.returncode != 0:
        raise WheelFaulty(f"{what}: exit status {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    print(f"wheel: {what}, {time.monotonic() - began:.1f} s", flush=True)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
