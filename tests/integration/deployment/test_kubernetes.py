"""The manifests fit Kubernetes' schemas and each other, and run the service with settings that the service takes."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.api.health import OPERATIONS
from services.process import LONGEST_STOP_SECONDS
from services.setting_source import SettingError
from services.settings import ROLES
from tests.certificates import write_certificate
from tests.integration.deployment.deployed import (
    INFRA,
    KUBERNETES,
    PROCESS_CONNECTIONS,
    REPOSITORY,
    TOOLS,
    documents,
    image_environment,
    of_ours,
    read,
    roles_of,
    run,
)

# The oldest that has what we use (preStop.sleep, matchLabelKeys), and the newest that there are schemas of.
_VERSIONS = ("1.31", "1.37")
_MANIFESTS = sorted(file for file in KUBERNETES.rglob("*.yaml") if file.name != "kustomization.yaml")
_LABELS = {"app.kubernetes.io/name": "ota-channel-manager"}

_SECRETS = {
    "DATABASE_URL": "postgresql://channel_manager:password@db/channel_manager",
    "OTA_CM_MASTER_KEY": base64.b64encode(bytes(32)).decode(),
    "OTA_CM_OPERATOR_KEY": "operator-0123456789",
    "OTA_CM_KAFKA_SASL_USERNAME": "channel-manager",
    "OTA_CM_KAFKA_SASL_PASSWORD": "password",
}


def _of_kind(kind: str, file: Path) -> dict[str, Any]:
    (found,) = (document for document in documents(file) if document["kind"] == kind)
    return found


def _workload(role: str) -> dict[str, Any]:
    return _of_kind("StatefulSet" if role == "issuer" else "Deployment", KUBERNETES / f"{role}.yaml")


def _pod(workload: Mapping[str, Any]) -> dict[str, Any]:
    return dict(workload["spec"]["template"]["spec"])


def _container(workload: Mapping[str, Any]) -> dict[str, Any]:
    (container,) = _pod(workload)["containers"]
    return dict(container)


def _properties() -> dict[str, str]:
    lines = (KUBERNETES / "settings.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("kubernetes", _VERSIONS)
def test_they_fit_the_schemas(kubernetes: str) -> None:
    _fits(kubernetes, *_MANIFESTS)


def _fits(kubernetes: str, *files: Path) -> None:
    checked = run(TOOLS / "kubernetes-validate", "--strict", "--kubernetes-version", kubernetes, *files)
    said = checked.stdout + checked.stderr
    assert checked.returncode == 0, said
    assert "WARN" not in said  # a kind that there is no schema of
    assert said.count(" passed ") == sum(len(documents(file)) for file in files)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl, which has kustomize in it, is not installed")
@pytest.mark.parametrize("by_lag", [False, True], ids=["by CPU", "by lag"])
def test_kustomize_puts_them_together(tmp_path: Path, by_lag: bool) -> None:
    shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    kustomization = tmp_path / "kubernetes/kustomization.yaml"
    if by_lag:
        kustomization.write_text(kustomization.read_text().replace("# components:", "components:"))
    whole = [_built(tmp_path / "kubernetes", tmp_path / "whole.yaml")]
    whole.append(_built(tmp_path / "kubernetes/migrations", tmp_path / "migrations.yaml"))
    _fits(_VERSIONS[-1], *whole)
    made = [document for file in whole for document in documents(file)]
    config_maps = {document["metadata"]["name"] for document in made if document["kind"] == "ConfigMap"}
    for document in made:
        if document["kind"] in {"Deployment", "StatefulSet", "Job"}:
            container = _container(document)
            assert re.fullmatch(r"registry\.example\.com/channel-manager:\d.*", container["image"])
            used = {one["configMapRef"]["name"] for one in container.get("envFrom", ()) if "configMapRef" in one}
            assert used <= config_maps
            assert used or document["kind"] == "Job"
        assert document["kind"] == "Namespace" or document["metadata"]["namespace"] == "ota-channel-manager"
    scaled = {document["metadata"]["name"]: document for document in made if "Autoscaler" in document["kind"]}
    (metric,) = scaled["issuer"]["spec"]["metrics"]
    assert metric["type"] == ("External" if by_lag else "Resource")


def _built(folder: Path, into: Path) -> Path:
    built = run("kubectl", "kustomize", folder)
    assert built.returncode == 0, built.stderr
    into.write_text(built.stdout)
    return into


def test_every_manifest_is_applied_but_the_example() -> None:
    named = {
        (folder / resource).relative_to(KUBERNETES)
        for folder in (KUBERNETES, KUBERNETES / "migrations")
        for resource in yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    }
    there = {file.relative_to(KUBERNETES) for file in _MANIFESTS}
    assert there - named == {Path("secrets.example.yaml")}
    assert named <= there


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_its_workload_and_its_budget(role: str) -> None:
    workload = _workload(role)
    labels = {**_LABELS, "app.kubernetes.io/component": role}
    assert roles_of(_container(workload)["args"]) == role
    assert workload["spec"]["selector"]["matchLabels"] == workload["spec"]["template"]["metadata"]["labels"] == labels
    budget = _of_kind("PodDisruptionBudget", KUBERNETES / f"{role}.yaml")
    assert budget["spec"]["selector"]["matchLabels"] == labels
    assert budget["spec"]["maxUnavailable"] == 1
    for constraint in _pod(workload)["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"] == labels
    for document in documents(KUBERNETES / f"{role}.yaml"):
        assert document["metadata"] == {"name": role, "labels": labels}
        if document["kind"] == "HorizontalPodAutoscaler":
            target = document["spec"]["scaleTargetRef"]
            assert (target["kind"], target["name"]) == (workload["kind"], role)
            assert document["spec"]["minReplicas"] >= 2
            assert "replicas" not in workload["spec"]  # each apply would undo what was scaled


@pytest.mark.parametrize("role", ROLES)
def test_pods_differ_in_their_role_alone(role: str) -> None:
    def alike(workload: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        own_container = {"args", "resources", "lifecycle"}
        own_pod = {"topologySpreadConstraints", "containers"}
        container, pod = _container(workload), _pod(workload)
        return (
            {name: value for name, value in container.items() if name not in own_container},
            {name: value for name, value in pod.items() if name not in own_pod},
        )

    assert alike(_workload(role)) == alike(_workload("api"))


@pytest.mark.parametrize("workload", [*map(_workload, ROLES), documents(KUBERNETES / "migrations/migrate.yaml")[0]])
def test_pods_are_allowed_where_the_restricted_standard_rules(workload: dict[str, Any]) -> None:
    pod, container = _pod(workload), _container(workload)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    namespace = documents(KUBERNETES / "namespace.yaml")[0]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {"requests", "limits"} == container["resources"].keys()


@pytest.mark.parametrize("role", ROLES)
def test_the_service_takes_the_settings_of_each_role(role: str, tmp_path: Path) -> None:
    container = _container(_workload(role))
    sources = [next(iter(source.values()))["name"] for source in container["envFrom"]]
    assert sources == ["settings", "secrets"]
    (instance,) = container["env"]
    assert instance["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    environment = {
        **image_environment(),
        **_mounted(_properties(), tmp_path, container),
        **_SECRETS,
        instance["name"]: f"{role}-0",
    }
    settings, asked = read(environment, roles_of(container["args"]))
    assert of_ours(environment) <= asked
    assert settings.instance == f"{role}-0"
    assert not settings.migrate
    assert settings.kafka is not None
    assert settings.kafka.security_protocol == "SASL_SSL"


def _mounted(properties: dict[str, str], folder: Path, container: Mapping[str, Any]) -> dict[str, str]:
    """The certificate where the service can see it: the path in the pod lies in what is mounted there."""
    (mount,) = container["volumeMounts"]
    path = properties["OTA_CM_KAFKA_SSL_CAFILE"]
    assert path == f"{mount['mountPath']}/ca.crt"
    trusted, _ = write_certificate(folder)
    return {**properties, "OTA_CM_KAFKA_SSL_CAFILE": str(trusted)}


def test_the_example_names_every_secret_and_nothing_starts_with_it() -> None:
    secrets = documents(KUBERNETES / "secrets.example.yaml")
    example = {document["metadata"]["name"]: document["stringData"] for document in secrets}
    assert example["secrets"].keys() == _SECRETS.keys()
    volumes = {volume["secret"]["secretName"] for role in ROLES for volume in _pod(_workload(role))["volumes"]}
    assert volumes == {"kafka-ca"} == example.keys() - {"secrets"}
    for name, value in example["secrets"].items():
        given = {**_properties(), **_SECRETS, "OTA_CM_KAFKA_SSL_CAFILE": "", name: value}
        with pytest.raises(SettingError, match=name):
            read(given, "api")


def test_migrations_are_applied_by_their_job_alone() -> None:
    job = documents(KUBERNETES / "migrations/migrate.yaml")[0]
    container = _container(job)
    assert container["args"] == ["migrate"]
    assert {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"]} == {
        name: {"name": "secrets", "key": name} for name in ("DATABASE_URL", "OTA_CM_MASTER_KEY")
    }
    read({name: _SECRETS[name] for name in ("DATABASE_URL", "OTA_CM_MASTER_KEY")}, None)
    tags = {
        folder: yaml.safe_load((folder / "kustomization.yaml").read_text())["images"]
        for folder in (KUBERNETES, KUBERNETES / "migrations")
    }
    assert tags[KUBERNETES] == tags[KUBERNETES / "migrations"]


def test_probes_ask_what_there_is() -> None:
    container = _container(_workload("api"))
    paths = {operation.path for operation in OPERATIONS}
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {probe["path"] for probe in probes.values()} == paths
    assert probes["liveness"]["path"] == "/healthz"  # a database that is away is no reason to kill every process
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {probe["port"] for probe in probes.values()} == {"http"}
    environment = image_environment()
    assert ports == {"http": int(environment["OTA_CM_PORT"]), "metrics": int(environment["OTA_CM_METRICS_PORT"])}
    annotations = _workload("api")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == environment["OTA_CM_METRICS_PORT"]
    (port,) = _of_kind("Service", KUBERNETES / "api.yaml")["spec"]["ports"]
    assert port["targetPort"] == "http"


def test_a_pod_has_the_time_to_finish_what_it_holds() -> None:
    for role in ROLES:
        workload = _workload(role)
        waits = _container(workload).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert (waits > 0) == (role == "api")
        assert _pod(workload)["terminationGracePeriodSeconds"] > waits + LONGEST_STOP_SECONDS


def test_there_are_as_many_partitions_as_issuers_and_as_many_connections_as_pods() -> None:
    most = {}
    for role in ROLES:
        workload = _workload(role)
        scaled = [one for one in documents(KUBERNETES / f"{role}.yaml") if one["kind"] == "HorizontalPodAutoscaler"]
        most[role] = scaled[0]["spec"]["maxReplicas"] if scaled else workload["spec"]["replicas"]
        most[role] += workload["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 0)
    assert most["issuer"] <= int(_properties()["OTA_CM_KAFKA_PARTITIONS"])
    told = re.search(r"`max_connections` of (\d+) for\s+the manifests", (INFRA / "README.md").read_text())
    assert told is not None
    assert int(told[1]) >= PROCESS_CONNECTIONS * sum(most.values())


def test_the_lag_that_issuers_scale_by_is_a_metric_of_ours() -> None:
    component = yaml.safe_load((KUBERNETES / "scale-by-lag/kustomization.yaml").read_text())
    (change,) = yaml.safe_load(component["patches"][0]["patch"])
    (metric,) = change["value"]
    name = metric["external"]["metric"]["name"]
    assert f"| `{name}` |" in (REPOSITORY / "README.md").read_text()
    assert f"as: {name}" in (INFRA / "README.md").read_text()
