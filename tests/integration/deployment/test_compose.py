"""compose.yaml is what Compose takes, and what it starts is the service with settings that the service takes."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.kafka.broker_jars import version
from infra.kafka.local_broker import BROKER_SETTINGS
from infra.postgres.server_settings import postgres_command
from services.process import LONGEST_STOP_SECONDS
from services.settings import ROLES
from tests.integration.deployment.deployed import (
    COMPOSE,
    INFRA,
    PROCESS_CONNECTIONS,
    REPOSITORY,
    TOOLS,
    Required,
    compose,
    compose_variables,
    image_environment,
    new_env,
    of_ours,
    read,
    roles_of,
    run,
)


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    return new_env(tmp_path / ".env")


@pytest.fixture
def services(variables: dict[str, str]) -> dict[str, Any]:
    return dict(compose(variables)["services"])


@pytest.fixture
def processes(services: dict[str, Any]) -> dict[str, Any]:
    """The services that run our image, by name."""
    return {name: service for name, service in services.items() if "build" in service}


def test_it_fits_the_schema_of_compose() -> None:
    checked = run(TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)
    assert checked.returncode == 0, checked.stdout


def test_the_env_file_has_all_that_must_be_given_and_every_run_draws_its_own(tmp_path: Path) -> None:
    one, another = (new_env(tmp_path / name) for name in ("one", "another"))
    required = {name for name, rule in compose_variables() if rule == ":?"}
    assert set(one) == required
    assert {name for name in one if one[name] == another[name]} == {"OTA_CM_PUBLIC_URL"}
    assert all(len(value) >= 24 for name, value in one.items() if name != "OTA_CM_PUBLIC_URL")


def test_no_secret_has_a_default(variables: dict[str, str]) -> None:
    lenient = {name for name, rule in compose_variables() if rule != ":?"}
    assert not {name for name in lenient if name.endswith(("_KEY", "_PASSWORD"))}
    for name in variables:
        with pytest.raises(Required, match=name):
            compose({**variables, name: ""})
    for word in ("password", "secret", "key"):
        fixed = [line for line in COMPOSE.read_text().splitlines() if f"_{word.upper()}:" in line and "${" not in line]
        assert fixed == []


def test_an_env_file_that_is_there_is_kept(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    new_env(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_text()
    again = run("sh", INFRA / "new-env.sh", "https://elsewhere.example.com", file)
    assert again.returncode != 0
    assert file.read_text() == before


def test_the_env_file_stays_out_of_git_and_out_of_the_image() -> None:
    ignored = (REPOSITORY / ".gitignore").read_text().splitlines()
    left_out = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert "*.env" in ignored
    assert left_out[-1] == "**/*.env"


def test_every_role_has_a_process_of_its_own(processes: dict[str, Any]) -> None:
    roles = {name: roles_of(service["command"]) for name, service in processes.items()}
    assert roles.pop("migrate") is None
    assert roles == {role: role for role in ROLES}
    assert processes["migrate"]["command"] == ["migrate"]


def test_the_service_takes_the_settings_of_each_of_them(processes: dict[str, Any]) -> None:
    for name, service in processes.items():
        environment = {**image_environment(), **service["environment"]}
        settings, asked = read(environment, roles_of(service["command"]))
        assert of_ours(environment) <= asked, name
        assert settings.database_url is not None
        assert settings.master_key is not None
        if name != "migrate":
            assert settings.kafka is not None
            assert not settings.migrate
            assert settings.public_url == "https://tickets.example.com"
        assert (settings.operator_key is not None) == (name == "api")


def test_nothing_starts_before_what_it_needs(services: dict[str, Any], processes: dict[str, Any]) -> None:
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert services["migrate"]["restart"] == "no"
    for role in ROLES:
        assert processes[role]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    for name in ("postgres", "kafka"):
        assert services[name]["healthcheck"]["test"][0] == "CMD"


def test_processes_may_do_no_more_than_they_need(processes: dict[str, Any]) -> None:
    for service in processes.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert float(service["stop_grace_period"].removesuffix("s")) > LONGEST_STOP_SECONDS


def test_nothing_listens_to_the_world_by_default(variables: dict[str, str], services: dict[str, Any]) -> None:
    published = {port for service in services.values() for port in service.get("ports", ())}
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert compose(variables)["networks"]["inside"] == {"internal": True}
    for closed in ("postgres", "kafka", "relay", "projector", "issuer", "migrate"):
        assert services[closed]["networks"] == ["inside"]


def test_prometheus_asks_every_process_at_its_port(services: dict[str, Any]) -> None:
    scraping = yaml.safe_load((INFRA / "prometheus/prometheus.yaml").read_text())
    (job,) = scraping["scrape_configs"]
    (targets,) = job["static_configs"]
    port = image_environment()["OTA_CM_METRICS_PORT"]
    assert sorted(targets["targets"]) == sorted(f"{role}:{port}" for role in ROLES)
    assert services["prometheus"]["profiles"] == services["grafana"]["profiles"] == ["monitoring"]


def test_what_is_mounted_is_there(services: dict[str, Any], variables: dict[str, str]) -> None:
    volumes = compose(variables)["volumes"]
    mounted = [volume.split(":") for service in services.values() for volume in service.get("volumes", ())]
    for source, *_ in mounted:
        assert (INFRA / source).exists() if source.startswith(".") else source in volumes, source
    used = {source for source, *_ in mounted if not source.startswith(".")}
    assert used == set(volumes)


def test_postgres_logs_as_little_as_the_embedded_one(services: dict[str, Any]) -> None:
    embedded = postgres_command(Path(), Path(), Path(), {})
    kept_out = {part for part in embedded if isinstance(part, str) and part.startswith("--log_")} - {
        "--log_timezone=UTC",
        "--log_checkpoints=off",
    }
    assert len(kept_out) >= 6
    assert kept_out <= set(services["postgres"]["command"])


def test_postgres_has_a_connection_for_each_process_and_as_many_again(services: dict[str, Any]) -> None:
    (most,) = (int(part.split("=")[1]) for part in services["postgres"]["command"] if "max_connections" in part)
    assert most >= 2 * len(ROLES) * PROCESS_CONNECTIONS


def test_kafka_is_the_version_and_set_up_as_the_one_that_tests_use(services: dict[str, Any]) -> None:
    kafka = services["kafka"]
    assert kafka["image"] == f"apache/kafka:{version()}"
    spread = {"num.partitions", "offsets.topic.num.partitions"}
    expected = {
        f"KAFKA_{name.upper().replace('.', '_')}": value
        for name, value in BROKER_SETTINGS.items()
        if name not in spread
    }
    assert expected.items() <= kafka["environment"].items()
    assert [volume.split(":")[1] for volume in kafka["volumes"]] == [kafka["environment"]["KAFKA_LOG_DIRS"]]


def test_postgres_keeps_its_data_where_this_version_has_it(services: dict[str, Any]) -> None:
    postgres = services["postgres"]
    assert postgres["image"].startswith("postgres:18")
    assert "postgres:/var/lib/postgresql" in postgres["volumes"]
    assert "--host=127.0.0.1" in postgres["healthcheck"]["test"]
