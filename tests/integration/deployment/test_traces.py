"""Traces are off in what we ship, and on with the lines that stand there as comments."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import sampling

from services.settings import read_settings
from tests.integration.deployment.deployed import COMPOSE, KUBERNETES

_EXAMPLE = re.compile(r'^ *# ?(OTEL_\w+)(?:: |=)"?([^"\s]+)"?', re.MULTILINE)


@pytest.mark.parametrize("file", [COMPOSE, KUBERNETES / "settings.properties"], ids=lambda file: file.name)
def test_the_lines_in_comments_turn_them_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = file.read_text()
    examples = dict(_EXAMPLE.findall(text))
    assert len(examples) == text.count("OTEL_") == 3
    assert read_settings(examples).traces
    for name, value in examples.items():
        monkeypatch.setenv(name, value)
    sampler = sampling._get_from_env_or_default()
    assert isinstance(sampler, sampling.ParentBased)
    assert "0.01" in sampler.get_description()  # type: ignore[no-untyped-call]
