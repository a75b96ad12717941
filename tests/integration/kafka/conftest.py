"""What the tests against Kafka share."""

from __future__ import annotations

import pytest

from infra.kafka.broker_jars import ToolsMissing, java
from infra.kafka.local_broker import LocalBroker
from tests.brokers import docker_answers


@pytest.fixture(scope="session")
def local_broker() -> type[LocalBroker]:
    """The broker without Docker, for a test that needs this one."""
    if docker_answers():
        try:
            java()
        except ToolsMissing as missing:
            pytest.skip(str(missing))
    return LocalBroker
