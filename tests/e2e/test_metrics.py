"""A scrape of the service as an operator runs it, with nothing configured."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable

from tests.e2e.service import REPOSITORY, Service


def test_every_metric_of_the_readme_is_there(service: Callable[..., Service]) -> None:
    running = service("--port", "0").start()
    running.ready()
    with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    always, _, _ = (REPOSITORY / "README.md").read_text().partition("| metric where Kafka is used |")
    listed = re.findall(r"^\| `(ota_cm_\w+)[`{]", always, re.MULTILINE)
    assert len(listed) > 20
    assert sorted(listed) == sorted(re.findall(r"^# TYPE (ota_cm_\w+) ", text, re.MULTILINE))
    free = re.search(r"^ota_cm_disk_free_bytes (\S+)$", text, re.MULTILINE)
    assert free is not None
    assert float(free[1]) > 0
