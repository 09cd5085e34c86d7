"""The manifests are held to the code, to Kubernetes' schemas, and to what a security review asks of every pod."""

import importlib.util
import json
import re
import tomllib
from typing import Any

import kubernetes_validate
import pytest
import yaml
from truscore.bus.topology import inbox_name, inboxes

from docs.generate.settings import SERVICES as PACKAGES
from docs.generate.settings import variables, variables_of
from services.dataset_validator.settings import ShardWorkerSettings
from tests.house.compose_file import OURS, REPOSITORY, module_of, stages
from tests.house.compose_file import SERVICES as CONTAINERS
from tests.house.manifests import (
    BASE,
    FOLDER,
    OVERLAYS,
    WORKLOADS,
    Object,
    containers_of,
    kustomization,
    namespaces_of,
    of_kind,
    pod_of,
    rendered,
    selects,
    title,
    written,
)

# What its own project supports; objects of operators have their schemas with the operators.
VERSIONS = ("1.35", "1.36", "1.37")
OF_OPERATORS = {
    "rabbitmq.com/v1beta1",
    "postgresql.cnpg.io/v1",
    "keda.sh/v1alpha1",
    "monitoring.coreos.com/v1",
    "trainer.kubeflow.org/v1alpha1",
}
DEPLOYMENTS = {
    each["metadata"]["name"]: each for path, each in written() if path.parent == BASE and each["kind"] == "Deployment"
}
SERVICES = {name: each for name, each in DEPLOYMENTS.items() if name != "mlflow"}
LITERALS = {
    each["name"]: [line.partition("=")[0] for line in each["literals"]]
    for each in kustomization(BASE)["configMapGenerator"]
}


def service_of(name: str) -> Object:
    (container,) = pod_of(DEPLOYMENTS[name])["spec"]["containers"]
    return dict(container)


def environment_of(name: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in service_of(name)["env"]}


def maps_of(name: str) -> list[str]:
    return [each["configMapRef"]["name"] for each in service_of(name)["envFrom"]]


def test_every_service_has_a_deployment_of_the_name_that_it_has_under_compose() -> None:
    assert set(SERVICES) == set(OURS)
    assert {service_of(name)["command"][2] for name in SERVICES} == {f"services.{package}" for package in PACKAGES}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_command_is_that_of_the_image_and_starts_a_module_that_exists(name: str) -> None:
    command = service_of(name)["command"]
    assert command == ["python", "-m", module_of(OURS[name])]
    assert importlib.util.find_spec(f"{command[2]}.__main__")
    assert service_of(name)["image"] == f"truscore/{name}"
    assert name in stages()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_variable_is_a_setting_of_the_service(name: str) -> None:
    module = service_of(name)["command"][2]
    known = {variable.name for variable in variables(module)}
    maps = [each for each in maps_of(name) if each in LITERALS]
    given = {*environment_of(name), *(key for each in maps for key in LITERALS[each])}
    assert {key for key in given if key.startswith("TRUSCORE_")} <= known
    # Any other setting may be given in a ConfigMap of the service's own.
    assert maps_of(name) == [*maps, f"{name}-settings"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_given_the_store_only_where_it_has_a_setting_for_it(name: str) -> None:
    known = {variable.name for variable in variables(service_of(name)["command"][2])}
    assert ("truscore-store" in maps_of(name)) == ("TRUSCORE_S3_ENDPOINT" in known)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_ports_are_those_that_the_service_listens_on(name: str) -> None:
    ports = {str(each["containerPort"]): each["name"] for each in service_of(name)["ports"]}
    listened = {value for key, value in environment_of(name).items() if key.endswith("_PORT")}
    assert set(ports) == listened
    (service,) = [
        each for _, each in written() if each["kind"] == "Service" and each["metadata"]["name"] == name
    ]  # fmt: skip
    assert {str(each["port"]): each["targetPort"] for each in service["spec"]["ports"]} == ports


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_probes_ask_the_grpc_health_that_the_canary_decides(name: str) -> None:
    container = service_of(name)
    (port,) = (each["containerPort"] for each in container["ports"] if each["name"] == "grpc")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["grpc"] == {"port": port}
    # A broker that is away for a few minutes must not end every service.
    live = container["livenessProbe"]
    assert live["periodSeconds"] * live["failureThreshold"] >= 900


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_has_the_time_to_drain_that_compose_gives_it(name: str) -> None:
    grace = OURS[name]["stop_grace_period"]
    assert pod_of(SERVICES[name])["spec"]["terminationGracePeriodSeconds"] == int(grace.removesuffix("s"))


def test_images_carry_the_version_of_the_project() -> None:
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    images = {each["name"]: each["newTag"] for each in kustomization(BASE)["images"]}
    assert images == {f"truscore/{name}": version for name in DEPLOYMENTS}
    for each in kustomization(FOLDER / "components/dask")["images"]:
        assert images[each["name"]] == each["newTag"]


def test_inboxes_that_are_scaled_by_exist() -> None:
    path = FOLDER / "overlays/production/autoscaling.yaml"
    queues = {
        (each["spec"]["scaleTargetRef"]["name"], trigger["metadata"]["queueName"])
        for each in yaml.safe_load_all(path.read_text()) if each["kind"] == "ScaledObject"
        for trigger in each["spec"]["triggers"]
    }  # fmt: skip
    known = {
        (listener.service, inbox_name(listener.service, row.routing_key)) for row, listener in inboxes()
        if listener.service in ("dataset-validator", "exporter")
    }  # fmt: skip
    assert queues == known


def test_alerts_are_those_of_compose() -> None:
    rule = yaml.safe_load((FOLDER / "overlays/production/alerts.yaml").read_text())
    files = [
        yaml.safe_load((REPOSITORY / f"deploy/prometheus/{name}.yml").read_text()) for name in ("recording", "alerts")
    ]
    assert rule["spec"]["groups"] == [group for each in files for group in each["groups"]]


def test_the_cluster_of_brokers_has_the_configuration_and_plugins_of_the_single_one() -> None:
    spec = yaml.safe_load((FOLDER / "overlays/production/rabbitmq.yaml").read_text())["spec"]["rabbitmq"]
    lines = (REPOSITORY / "deploy/rabbitmq/rabbitmq.conf").read_text().splitlines()
    assert spec["additionalConfig"].splitlines() == [line for line in lines if line and not line.startswith("#")]
    plugins = (REPOSITORY / "deploy/rabbitmq/enabled_plugins").read_text()
    assert spec["additionalPlugins"] == re.findall(r"\w+", plugins)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_follows_the_schema_of_three_versions(version: str) -> None:
    # Most objects are the same in all overlays, and reading a schema takes its time.
    objects = {json.dumps(each, sort_keys=True): each for overlay in OVERLAYS for each in rendered(overlay)}
    for each in objects.values():
        if each["apiVersion"] not in OF_OPERATORS:
            kubernetes_validate.validate(dict(each), version, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_stands_in_the_namespace_whoever_applies_it(overlay: str) -> None:
    assert namespaces_of(rendered(overlay)) == {"truscore"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_restricted_as_pod_security_has_it(overlay: str) -> None:
    """Also beyond it: a root that can't be written to, no token, no variables of other services."""
    for workload in of_kind(rendered(overlay), *WORKLOADS):
        spec = pod_of(workload)["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, title(workload)
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, title(workload)
        assert spec["automountServiceAccountToken"] is False, title(workload)
        assert spec["enableServiceLinks"] is False, title(workload)
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), title(workload)
        kinds = {key for volume in spec["volumes"] for key in volume if key != "name"}
        assert kinds <= {"secret", "configMap", "emptyDir", "projected", "persistentVolumeClaim"}, title(workload)
        for container in containers_of(workload):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, title(workload)
            assert not any("hostPort" in port for port in container.get("ports", [])), title(workload)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_has_requests_limits_and_an_image_of_one_version(overlay: str) -> None:
    for workload in of_kind(rendered(overlay), *WORKLOADS):
        for container in containers_of(workload):
            for kind in ("requests", "limits"):
                assert container["resources"][kind].keys() >= {"cpu", "memory", "ephemeral-storage"}, title(workload)
            _, _, tag = container["image"].rpartition("/")[2].partition(":")
            assert tag, f"{title(workload)}: {container['image']} names no version"
            assert tag != "latest", title(workload)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_secret_is_in_a_manifest_and_none_becomes_a_variable_of_ours(overlay: str) -> None:
    assert of_kind(rendered(overlay), "Secret") == []
    for workload in of_kind(rendered(overlay), "Deployment"):
        for container in containers_of(workload):
            assert "secretKeyRef" not in str(container), title(workload)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_that_serves_has_a_budget_and_every_budget_lets_a_machine_be_emptied(overlay: str) -> None:
    budgets = of_kind(rendered(overlay), "PodDisruptionBudget")
    assert all(each["spec"]["maxUnavailable"] == 1 for each in budgets)
    for workload in of_kind(rendered(overlay), "Deployment"):
        labels = pod_of(workload)["metadata"]["labels"]
        assert [each for each in budgets if selects(each["spec"]["selector"], labels)] != [], title(workload)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_traffic_is_denied_by_default_and_every_pod_has_a_policy_of_its_own(overlay: str) -> None:
    policies = of_kind(rendered(overlay), "NetworkPolicy")
    (deny,) = (each["spec"] for each in policies if each["metadata"]["name"] == "default-deny")
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for workload in of_kind(rendered(overlay), *WORKLOADS):
        labels = pod_of(workload)["metadata"]["labels"]
        own = [
            each for each in policies if each["spec"]["podSelector"] and selects(each["spec"]["podSelector"], labels)
        ]
        assert own != [], title(workload)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_may_reach_the_store_or_mlflow_only_where_it_has_an_address_of_it(name: str) -> None:
    (policy,) = (
        each["spec"] for path, each in written()
        if path.parent == BASE and each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == name
    )  # fmt: skip
    reached = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    known = {variable.name for variable in variables(service_of(name)["command"][2])}
    needs = {5672: True, 9000: "TRUSCORE_S3_ENDPOINT" in known, 5000: "TRUSCORE_MLFLOW_URL" in known}
    needs[50051] = "TRUSCORE_MONITOR_ADDRESS" in known
    assert reached == {port for port, needed in needs.items() if needed}


def test_scheduler_and_workers_of_dask_start_as_under_compose_and_the_validator_is_told_where() -> None:
    objects = rendered("dask")
    found = {each["metadata"]["name"]: containers_of(each)[0] for each in of_kind(objects, "Deployment")}
    scheduler, worker = found["dask-scheduler"], found["validator-worker"]
    # Kubernetes asks for its health from outside of the pod.
    local = ["127.0.0.1" + part.removeprefix("0.0.0.0") if ":" in part else part for part in scheduler["command"]]
    assert local == CONTAINERS["dask-scheduler"]["command"]
    assert worker["command"] == CONTAINERS["validator-worker"]["command"]
    own = {each["name"]: each["value"] for each in worker["env"]}
    assert own.keys() | set(LITERALS["truscore-store"]) <= {each.name for each in variables_of(ShardWorkerSettings)} | {
        "TRUSCORE_SECRETS_DIR"
    }
    told = {each["name"]: each["value"] for each in found["dataset-validator"]["env"]}
    address = told["TRUSCORE_VALIDATOR_DASK_SCHEDULER"]
    assert own["TRUSCORE_VALIDATOR_DASK_SCHEDULER"] == address
    (service,) = (
        each for each in of_kind(objects, "Service") if address == f"tcp://{each['metadata']['name']}:8786"
    )  # fmt: skip
    assert service["spec"]["ports"][0] == {"name": "dask", "port": 8786, "targetPort": "dask"}


def test_nothing_reaches_what_runs_dask_but_the_validator_and_what_scrapes_it() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind(rendered("dask"), "NetworkPolicy")}
    ingress = {
        name: [rule["from"] for rule in policies[name]["ingress"]] for name in ("dask-scheduler", "validator-worker")
    }
    scraped = [{"namespaceSelector": {"matchLabels": {"truscore.io/monitoring": "true"}}}]
    name = "app.kubernetes.io/name"
    in_list = {"key": name, "operator": "In", "values": ["dataset-validator", "validator-worker"]}
    assert ingress["dask-scheduler"] == [[{"podSelector": {"matchExpressions": [in_list]}}], scraped]
    assert ingress["validator-worker"] == [[{"podSelector": {"matchLabels": {name: "dask-scheduler"}}}], scraped]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_named_is_there(overlay: str) -> None:
    """ConfigMaps, claims, accounts and priority classes that pods name; Secrets are the operator's to make."""
    objects = rendered(overlay)
    known = {(each["kind"], each["metadata"]["name"]) for each in objects}
    for workload in of_kind(objects, *WORKLOADS):
        missing = [each for each in _named(workload) if each not in known]
        assert missing == [], title(workload)


def _named(workload: Object) -> list[tuple[str, str]]:
    spec: dict[str, Any] = pod_of(workload)["spec"]
    named = [("PriorityClass", spec["priorityClassName"])] if "priorityClassName" in spec else []
    named += [("ServiceAccount", spec["serviceAccountName"])] if "serviceAccountName" in spec else []
    for volume in spec["volumes"]:
        if "persistentVolumeClaim" in volume:
            named.append(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]))
        if "configMap" in volume and not volume["configMap"].get("optional"):
            named.append(("ConfigMap", volume["configMap"]["name"]))
    for container in containers_of(workload):
        refs = [each["configMapRef"] for each in container.get("envFrom", [])]
        named += [("ConfigMap", each["name"]) for each in refs if not each.get("optional")]
    return named
