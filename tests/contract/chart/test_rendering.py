"""The chart renders what the operator reads, and nothing that a hardened cluster refuses."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from supportbundle.collect.registry import rules_for
from supportbundle.config import OperatorConfig
from supportbundle.model.capability import Capability
from supportbundle.model.names import run_name
from supportbundle.model.unsupported import CAPABILITIES

Object = dict[str, Any]
Render = Callable[..., list[Object]]
One = Callable[..., Object]
ROOT = Path(__file__).parents[3]
CHART = ROOT / "helm" / "supportbundle-operator"
NAME = "sb-supportbundle-operator"
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
        "replicas=2",
        "logLevel=LOUD",
        "image.digest=sha256:12",
        "store.endpoint=s3.example.com",
        "collector.scratchSize=much",
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


@pytest.mark.parametrize("values", [(), BUCKET, ("policies.enabled=false",), ("collector.priorityClassName=low",)])
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


@pytest.mark.parametrize("capability", sorted(set(Capability) - CAPABILITIES))
def test_a_collecting_role_grants_exactly_what_its_collectors_declare(one: One, capability: Capability) -> None:
    rules = one("ClusterRole", f"-collect-{capability.lower()}")["rules"]
    assert grants(rules) == grants([rule.model_dump(by_alias=True) for rule in rules_for(capability)])


def grants(rules: list[Object]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_operator_may_bind_exactly_the_collecting_roles(one: One) -> None:
    binds = [rule for rule in one("ClusterRole", "")["rules"] if "bind" in rule["verbs"]]
    expected = {f"{NAME}-collect-{capability.lower()}" for capability in set(Capability) - CAPABILITIES}
    assert [set(rule["resourceNames"]) for rule in binds] == [expected]


def test_the_operator_reads_nothing_of_tenants(one: One) -> None:
    granted = grants(one("ClusterRole", "")["rules"])
    assert not {grant for grant in granted if grant[1] in {"configmaps", "pods/log", "pods/exec", "pods/portforward"}}
    assert not {grant for grant in granted if grant[1] == "secrets" and grant[2] in {"get", "list", "watch"}}
    assert not {grant for grant in granted if "*" in grant}
    assert not {grant for grant in granted if grant[2] in {"impersonate", "escalate"}}


def test_only_the_operator_may_write_status(render: Render) -> None:
    writers = [
        o["metadata"]["name"]
        for o in render()
        if o["kind"] == "ClusterRole" and any("supportbundles/status" in rule["resources"] for rule in o["rules"])
    ]
    assert writers == [NAME]


def test_every_policy_is_bound_to_deny_and_known_to_the_operator(
    render: Render, settings: Callable[..., Mapping[str, Any]]
) -> None:
    policies = {o["metadata"]["name"]: o for o in render() if o["kind"] == "ValidatingAdmissionPolicy"}
    bindings = [o for o in render() if o["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert {binding["spec"]["policyName"] for binding in bindings} == policies.keys()
    assert {binding["metadata"]["name"] for binding in bindings} == policies.keys()
    assert all(binding["spec"]["validationActions"] == ["Deny"] for binding in bindings)
    assert all(policy["spec"]["failurePolicy"] == "Fail" for policy in policies.values())
    assert set(settings()["policyNames"]) == policies.keys()


def test_every_collector_pod_is_closed_and_for_everybody(one: One) -> None:
    spec = one("ValidatingAdmissionPolicy", "-collector-pods")["spec"]
    [condition] = spec["matchConditions"]
    pattern = condition["expression"].removeprefix("request.name.matches('").removesuffix("')")
    uid = str(uuid.uuid4())
    assert re.search(pattern, f"{run_name(uid)}-0-x7k2p")
    assert not re.search(pattern, run_name(uid.replace("-", "")) + "-0-x7k2p")
    assert [v["expression"] for v in spec["validations"]] == ["false"]


def test_the_operator_changes_no_event(one: One) -> None:
    assert {grant[2] for grant in grants(one("ClusterRole", "")["rules"]) if grant[1] == "events"} == {"create", "list"}


def test_without_policies_the_operator_is_told_of_none(
    render: Render, settings: Callable[..., Mapping[str, Any]]
) -> None:
    off = "policies.enabled=false"
    assert not [o for o in render(off) if o["kind"].startswith("ValidatingAdmissionPolicy")]
    assert "policyNames" not in settings(off)


def test_editors_may_use_the_default_destination_unless_told_otherwise(one: One) -> None:
    label = "rbac.authorization.k8s.io/aggregate-to-edit"
    assert one("ClusterRole", "-use-default")["metadata"]["labels"][label] == "true"
    assert label not in one("ClusterRole", "-use-default", "store.usableByEditors=false")["metadata"]["labels"]
