"""The chart renders what the operator reads, and nothing that a hardened cluster refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from supportbundle.collect.registry import REGISTRY
from supportbundle.config import OperatorConfig
from supportbundle.model.capability import Capability
from supportbundle.model.spec import CollectorSpec
from supportbundle.model.template import parse_template
from supportbundle.plan import require_valid

Object = dict[str, Any]
Render = Callable[..., list[Object]]
One = Callable[..., Object]
ROOT = Path(__file__).parents[3]
CHART = ROOT / "helm" / "supportbundle-operator"
NAME = "sb-supportbundle-operator"
EVERYTHING = tuple(f"capabilities.{name}=true" for name in ("debug", "helm", "clusterInfo", "extraResources"))
BUCKET = ("store.bucket=mine", "store.region=eu-central-1", "store.existingSecret=keys", "store.prefix=a/")


def test_lint_is_strict_and_clean(helm: Callable[..., Any]) -> None:
    done = helm("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "setting",
    [
        "unknown=1",
        "store.buckets=mine",
        "store.embedded.persistence.sise=1Gi",
        "replicas=6",
        "logLevel=LOUD",
        "image.digest=sha256:12",
        "store.endpoint=s3.example.com",
        "collector.scratchSize=much",
        "capabilities.exec=false",
        "flowControl.shares=0",
        "sanitization.knownSecrets=maybe",
        "sanitization.rules[0].kind=Key",
        "templates.ship=true",
    ],
)
def test_the_values_schema_refuses_what_means_nothing(helm: Callable[..., Any], setting: str) -> None:
    done = helm("template", "sb", str(CHART), "--kube-version", "1.30.0", "--set", setting)
    assert done.returncode != 0
    assert setting.split("=", maxsplit=1)[0].rsplit(".", maxsplit=1)[-1] in done.stderr


def test_the_crds_are_those_of_the_source_and_outlive_the_release(render: Render) -> None:
    rendered = {o["metadata"]["name"]: o for o in render() if o["kind"] == "CustomResourceDefinition"}
    sources = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "crds").glob("*.yaml"))]
    assert rendered.keys() == {source["metadata"]["name"] for source in sources}
    for source in sources:
        found = rendered[source["metadata"]["name"]]
        assert found["spec"] == source["spec"]
        assert found["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_crds_can_be_left_out_or_given_up(render: Render) -> None:
    assert not [o for o in render("crds.enabled=false") if o["kind"] == "CustomResourceDefinition"]
    given_up = [o for o in render("crds.keep=false") if o["kind"] == "CustomResourceDefinition"]
    assert given_up
    assert not [o for o in given_up if "annotations" in o["metadata"]]


def test_the_floor_reaches_the_operator_as_it_is_written(settings: Callable[..., Mapping[str, Any]]) -> None:
    rule = {"name": "acme-ticket", "type": "Regex", "pattern": 'TCK-"\\d+', "reason": "it's ours"}
    escaped = {name: value.replace("\\", "\\\\").replace(",", "\\,") for name, value in rule.items()}
    values = [f"sanitization.rules[0].{name}={value}" for name, value in escaped.items()]
    floor = OperatorConfig.model_validate(settings(*values, "sanitization.knownSecrets=false")).sanitization
    assert [one.model_dump(mode="json", exclude_defaults=True) for one in floor.rules] == [rule]
    assert not floor.known_secrets


@pytest.mark.parametrize(
    "values", [(), BUCKET, EVERYTHING, ("policies.enabled=false",), ("collector.priorityClassName=low",)]
)
def test_the_operator_reads_the_settings_that_the_chart_writes(
    settings: Callable[..., Mapping[str, Any]], values: tuple[str, ...]
) -> None:
    config = OperatorConfig.model_validate(settings(*values))
    assert config.image == "supportbundle-operator:0.1.0"
    assert config.default_destination is not None


def test_without_a_bucket_the_embedded_store_is_the_default_destination(
    settings: Callable[..., Mapping[str, Any]], one: One
) -> None:
    config = OperatorConfig.model_validate(settings())
    assert config.create_bucket
    assert config.default_destination is not None
    s3 = config.default_destination.s3
    assert s3 is not None
    assert s3.path_style
    assert s3.endpoint == f"http://{NAME}-store.ops.svc:7070"
    assert s3.credentials_secret_ref is not None
    assert s3.credentials_secret_ref.name == one("Secret", "-store")["metadata"]["name"]
    assert one("Service", "-store")["spec"]["ports"][0]["port"] == 7070


def test_with_a_bucket_there_is_no_embedded_store(settings: Callable[..., Mapping[str, Any]], render: Render) -> None:
    s3 = settings(*BUCKET)["defaultDestination"]["s3"]
    assert s3 == {
        "bucket": "mine",
        "region": "eu-central-1",
        "pathStyle": False,
        "prefix": "a/",
        "credentialsSecretRef": {"name": "keys"},
    }
    assert not [o for o in render(*BUCKET) if o["metadata"]["name"].endswith("-store")]


def test_without_a_secret_the_cloud_identity_signs(settings: Callable[..., Mapping[str, Any]]) -> None:
    assert "credentialsSecretRef" not in settings("store.bucket=mine")["defaultDestination"]["s3"]


def test_a_ca_bundle_of_several_lines_arrives_whole(helm: Callable[..., Any], tmp_path: Path, one: One) -> None:
    assert one("ConfigMap", "")
    pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"store": {"bucket": "mine", "caBundle": pem}}), encoding="utf-8")
    done = helm(
        "template", "sb", str(CHART), "--kube-version", "1.30.0", "-f", str(values), "-s", "templates/config.yaml"
    )
    config = OperatorConfig.model_validate(yaml.safe_load(yaml.safe_load(done.stdout)["data"]["config.yaml"]))
    assert config.default_destination is not None
    assert config.default_destination.s3 is not None
    assert config.default_destination.s3.ca_bundle == pem


STAGING = ("staging.bucket=aside", "staging.region=eu-central-1", "staging.prefix=s/", "staging.existingSecret=keys")


def test_a_staging_bucket_is_read_as_it_was_written(settings: Callable[..., Mapping[str, Any]]) -> None:
    config = OperatorConfig.model_validate(
        settings(*STAGING, "staging.serverSideEncryption.type=AES256", "store.serverSideEncryption.type=aws:kms")
    )
    assert config.staging is not None
    assert (config.staging.bucket, config.staging.region, config.staging.prefix) == ("aside", "eu-central-1", "s/")
    assert config.staging.credentials_secret_ref is not None
    assert config.staging.credentials_secret_ref.name == "keys"
    assert config.staging.server_side_encryption is not None
    assert OperatorConfig.model_validate(settings()).staging is None


def test_deliveries_have_an_account_without_rights_and_with_the_clouds_identity(render: Render) -> None:
    arn = "serviceAccount.annotations.role=x"
    account = next(
        o for o in render(arn) if o["kind"] == "ServiceAccount" and o["metadata"]["name"] == f"{NAME}-deliver"
    )
    assert account["metadata"]["annotations"] == {"role": "x"}
    assert account["automountServiceAccountToken"] is False
    bindings = [o for o in render() if o["kind"] in {"RoleBinding", "ClusterRoleBinding"}]
    assert not [b for b in bindings for s in b["subjects"] if s["name"] == account["metadata"]["name"]]


@pytest.mark.parametrize("suffix", ["", "-store"])
def test_pods_meet_the_restricted_standard(one: One, suffix: str) -> None:
    pod = one("Deployment", suffix)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
    assert not [volume for volume in pod["volumes"] if "hostPath" in volume]
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_changed_settings_restart_the_operator(one: One) -> None:
    def checksum(*values: str) -> str:
        found: str = one("Deployment", "", *values)["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        return found

    assert checksum() == checksum("replicas=0")
    assert checksum() != checksum("workers=9")


def test_a_new_pod_stands_by_before_the_old_one_goes(one: One) -> None:
    spec = one("Deployment", "", "replicas=2")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    [container] = spec["template"]["spec"]["containers"]
    fields = {e["name"]: e["valueFrom"]["fieldRef"]["fieldPath"] for e in container["env"]}
    assert fields == {"POD_NAMESPACE": "metadata.namespace", "POD_NAME": "metadata.name", "POD_UID": "metadata.uid"}


MONITORING = (
    "metrics.serviceMonitor.enabled=true",
    "metrics.prometheusRule.enabled=true",
    "metrics.dashboard.enabled=true",
)


def test_monitoring_is_rendered_only_if_asked(render: Render, one: One) -> None:
    assert not [
        o for o in render() if o["apiVersion"].startswith("monitoring.") or "dashboard" in o["metadata"]["name"]
    ]
    monitor = one("ServiceMonitor", "", *MONITORING, "metrics.serviceMonitor.labels.release=prom")
    assert monitor["metadata"]["labels"]["release"] == "prom"
    service = one("Service", "-metrics")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert {e["port"] for e in monitor["spec"]["endpoints"]} <= {port["name"] for port in service["spec"]["ports"]}


def test_alerts_and_dashboard_arrive_as_they_were_checked(one: One) -> None:
    rule = one("PrometheusRule", "", *MONITORING)
    assert rule["spec"] == yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))
    board = one("ConfigMap", "-dashboard", *MONITORING)
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    wanted = json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))
    assert json.loads(board["data"]["supportbundle.json"]) == wanted
    moved = one("PrometheusRule", "", *MONITORING, "metrics.prometheusRule.runbooks=https://wiki/runs")
    links = {alert["annotations"]["runbook_url"].partition("#")[0] for alert in moved["spec"]["groups"][0]["rules"]}
    assert links == {"https://wiki/runs"}


SHIPPED = sorted((CHART / "files" / "templates").glob("*.yaml"), key=lambda path: path.stem)


def test_the_operator_may_write_the_shipped_templates_and_no_others(
    one: One, settings: Callable[..., Mapping[str, Any]]
) -> None:
    off = "templates.shipped=false"
    assert settings(off)["templates"] == {}
    assert sorted(settings()["templates"]) == [path.stem for path in SHIPPED]
    for values, expected in (((), [[path.stem for path in SHIPPED]]), ((off,), [])):
        rules = one("ClusterRole", "", *values)["rules"]
        writing = [r for r in rules if r["resources"] == ["supportbundletemplates"] and "patch" in r["verbs"]]
        assert [r["resourceNames"] for r in writing] == expected


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_template_is_valid_and_lists_just_what_it_needs(
    path: Path, settings: Callable[..., Mapping[str, Any]]
) -> None:
    obj = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert obj["metadata"] == {"name": path.stem}
    assert settings()["templates"][path.stem] == obj["spec"]
    template = parse_template({**obj, "metadata": {"name": path.stem, "uid": "u"}})
    used: set[Capability] = set()

    def requires(collector: CollectorSpec) -> frozenset[Capability]:
        needed = REGISTRY[collector.type].requires(collector)
        used.update(needed)
        return needed

    require_valid(template, requires)
    assert used == set(template.spec.capabilities)
    assert template.spec.description
    assert all(p.description for p in (*template.spec.parameters, *template.spec.secrets))


def test_ports_are_probed_only_where_an_admin_says_so(settings: Callable[..., Mapping[str, Any]]) -> None:
    assert settings()["profileProbe"] is False
    assert settings("profiles.probe=true")["profileProbe"] is True


def test_how_long_a_store_may_hold_a_deleted_bundle_reaches_the_operator(
    settings: Callable[..., Mapping[str, Any]],
) -> None:
    assert OperatorConfig.model_validate(settings()).deletion_seconds == 1800
    assert OperatorConfig.model_validate(settings("deletion.patienceSeconds=5")).deletion_seconds == 5
