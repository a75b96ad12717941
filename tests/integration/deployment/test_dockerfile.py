"""The Dockerfile: what a linter says of it, and what it puts into the image."""

from __future__ import annotations

import os
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.integration.deployment.deployed import (
    DOCKERFILE,
    REPOSITORY,
    TOOLS,
    image_environment,
    image_healthcheck,
    instructions,
    of_ours,
    read,
    run,
)

_HADOLINT = TOOLS / "hadolint"


@pytest.mark.skipif(not _HADOLINT.exists(), reason="hadolint comes for Linux only")
def test_the_linter_finds_nothing() -> None:
    checked = run(_HADOLINT, DOCKERFILE)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_last_stage_has_only_what_was_built_and_is_nobody() -> None:
    stages = [place for place, (name, _) in enumerate(instructions()) if name == "FROM"]
    last = instructions()[stages[-1] :]
    assert len(stages) == 2
    assert [rest for name, rest in last if name == "COPY"] == ["--from=build /opt/channel-manager /opt/channel-manager"]
    assert not [rest for name, rest in last if name == "RUN" and ("pip" in rest or "apt" in rest)]
    (user,) = (rest for name, rest in last if name == "USER")
    assert all(int(part) > 0 for part in user.split(":"))
    assert ("ENTRYPOINT", '["channel-manager"]') in last
    assert ("STOPSIGNAL", "SIGTERM") in last


def test_everything_is_installed_by_the_hashes_of_the_lock_file() -> None:
    installing = [
        step.strip()
        for name, rest in instructions()
        if name == "RUN"
        for step in rest.split("&&")
        if "pip install" in step or "uv build" in step
    ]
    of_the_wheel = [step for step in installing if step.endswith("--no-deps dist/*.whl")]
    assert len(installing) == 4
    assert len(of_the_wheel) == 1
    assert all("--require-hashes" in step for step in installing if step not in of_the_wheel)
    assert "\nuv==" in (REPOSITORY / "requirements.lock").read_text()


def test_what_is_copied_is_in_the_build_context_and_all_packages_are_copied() -> None:
    copied = [part for name, rest in instructions() if name == "COPY" for part in rest.split()[:-1]]
    sources = {part for part in copied if not part.startswith(("--", "/"))}
    let_in = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert sources == let_in
    assert all((REPOSITORY / source).exists() for source in sources)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= sources


def test_the_image_sets_only_what_the_service_reads() -> None:
    environment = image_environment()
    ours = of_ours(environment)
    settings, asked = read({name: environment[name] for name in ours}, None)
    assert ours <= asked
    exposed = {int(port) for name, rest in instructions() if name == "EXPOSE" for port in rest.split()}
    assert exposed == {settings.port, settings.metrics_port}


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (404, False)])
def test_the_healthcheck_asks_whether_the_process_can_work(status: int, healthy: bool) -> None:
    with _answering(status) as (port, asked):
        assert _check(port) is healthy
    assert asked == ["/readyz"]


def test_the_healthcheck_fails_where_nobody_listens() -> None:
    with _answering(200) as (port, _):
        pass
    assert not _check(port)


def _check(port: int) -> bool:
    environment = {**os.environ, "OTA_CM_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(image_healthcheck(), env=environment, capture_output=True, timeout=30, check=False)
    return done.returncode == 0


@contextmanager
def _answering(status: int) -> Iterator[tuple[int, list[str]]]:
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()
