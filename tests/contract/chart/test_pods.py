"""What an admin sets about pods, proxies, labels and networks arrives where it should, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from support import chartvalues
from supportbundle.config import PROXY_VARIABLES, OperatorConfig
from supportbundle.model.names import LABEL_MANAGED_BY, MANAGED_BY, labels

Object = dict[str, Any]
Render = Callable[..., list[Object]]
One = Callable[..., Object]
NETWORK = "networkPolicy.enabled=true"
WEBHOOK = ("webhook.alertmanager.enabled=true", "webhook.alertmanager.existingSecret=alerts")
DIGEST = "sha256:" + "a" * 64
TEST = ("ServiceAccount", "Role", "RoleBinding", "Pod")


def pod(one: One, *values: str, suffix: str = "") -> Object:
    found: Object = one("Deployment", suffix, *values)["spec"]["template"]
    return found


def environment(one: One, *values: str) -> dict[str, str]:
    [container] = pod(one, *values)["spec"]["containers"]
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


def test_the_proxy_reaches_the_operator_and_what_is_inside_the_cluster_needs_none(one: One) -> None:
    assert not environment(one).keys() & set(PROXY_VARIABLES)
    found = environment(one, "proxy.https=http://proxy:3128", "proxy.noProxy={10.0.0.0/8,.example.org}")
    assert found["HTTPS_PROXY"] == "http://proxy:3128"
    assert "HTTP_PROXY" not in found
    assert found["NO_PROXY"].split(",") == [
        "10.0.0.0/8",
        ".example.org",
        ".svc",
        ".cluster.local",
        "localhost",
        "127.0.0.1",
    ]


def test_additional_environment_comes_after_the_proxys(one: One) -> None:
    found = environment(one, "proxy.http=http://p:1", "extraEnv[0].name=NO_PROXY", "extraEnv[0].value=mine")
    assert found["NO_PROXY"] == "mine", "Kubernetes takes the last of a name"


def test_pull_secrets_priority_annotations_and_labels_are_the_admins(
    one: One, settings: Callable[..., Mapping[str, Any]]
) -> None:
    values = (
        "image.pullSecrets={regcred}",
        "priorityClassName=important",
        "collector.priorityClassName=modest",
        "podAnnotations.a=b",
        "podLabels.c=d",
        "deploymentAnnotations.e=f",
    )
    deployment, found = one("Deployment", "", *values), pod(one, *values)
    assert found["spec"]["imagePullSecrets"] == [{"name": "regcred"}]
    assert pod(one, *values, suffix="-store")["spec"]["imagePullSecrets"] == [{"name": "regcred"}]
    assert found["spec"]["priorityClassName"] == "important"
    assert found["metadata"]["annotations"]["a"] == "b"
    assert found["metadata"]["labels"]["c"] == "d"
    assert deployment["metadata"]["annotations"] == {"e": "f"}
    config = OperatorConfig.model_validate(settings(*values))
    assert config.image_pull_secrets == ("regcred",)
    assert config.collector.priority_class_name == "modest"


def test_a_digest_identifies_every_image_that_the_operator_names(
    one: One, settings: Callable[..., Mapping[str, Any]]
) -> None:
    values = (f"image.digest={DIGEST}", "image.repository=registry.example/sb", f"store.embedded.image.digest={DIGEST}")
    image = f"registry.example/sb@{DIGEST}"
    assert pod(one, *values)["spec"]["containers"][0]["image"] == image
    assert settings(*values)["image"] == image
    jobs = one("ValidatingAdmissionPolicy", "-operator-jobs", *values)["spec"]["validations"]
    assert any(f"c.image == '{image}'" in rule["expression"] for rule in jobs)
    store = pod(one, *values, suffix="-store")["spec"]["containers"][0]["image"]
    assert store == f"versity/versitygw@{DIGEST}"


def test_common_labels_are_on_every_object_and_in_no_selector(render: Render) -> None:
    for obj in render("commonLabels.example\\.org/team=storage", NETWORK, "crds.keep=false"):
        assert obj["metadata"]["labels"]["example.org/team"] == "storage", obj["metadata"]["name"]
        spec = obj.get("spec") or {}
        for selector in (spec.get("selector"), spec.get("podSelector")):
            assert "example.org/team" not in str(selector)


def test_what_hardens_a_pod_can_be_taken_away_field_by_field(one: One) -> None:
    values = ("podSecurityContext.runAsUser=null", "podSecurityContext.fsGroup=null")
    assert pod(one, *values)["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_pods_are_spread_by_the_operators_own_labels_unless_told_otherwise(one: One) -> None:
    spread = "topologySpreadConstraints[0]."
    values = (f"{spread}maxSkew=1", f"{spread}topologyKey=zone", f"{spread}whenUnsatisfiable=DoNotSchedule")
    own = one("Deployment", "")["spec"]["selector"]
    plain = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    assert pod(one, *values)["spec"]["topologySpreadConstraints"] == [{**plain, "labelSelector": own}]
    given = {"matchLabels": {"a": "b"}}
    found = pod(one, *values, f"{spread}labelSelector.matchLabels.a=b")["spec"]["topologySpreadConstraints"]
    assert found == [{**plain, "labelSelector": given}]


def test_a_budget_for_disruptions_needs_two_replicas(
    render: Render, helm: Callable[..., CompletedProcess[str]], one: One
) -> None:
    assert not [o for o in render() if o["kind"] == "PodDisruptionBudget"]
    flags = ("--kube-version", "1.30.0", "--skip-schema-validation", "--set", "replicas=2")
    done = helm("template", "sb", str(chartvalues.CHART), *flags, "-s", "templates/pdb.yaml")
    budget = yaml.safe_load(done.stdout)["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == one("Deployment", "")["spec"]["selector"]


def test_network_policies_are_made_only_where_they_are_wanted(render: Render) -> None:
    assert not [o for o in render() if o["kind"] == "NetworkPolicy"]
    made = [o["metadata"]["name"] for o in render(NETWORK) if o["kind"] == "NetworkPolicy"]
    assert made == ["sb-supportbundle-operator", "sb-supportbundle-operator-store"]
    own_bucket = [o["metadata"]["name"] for o in render(NETWORK, "store.bucket=mine") if o["kind"] == "NetworkPolicy"]
    assert own_bucket == ["sb-supportbundle-operator"]


@pytest.mark.parametrize(
    ("values", "port"),
    [
        ((), 443),
        (("store.endpoint=https://s3.example.org",), 443),
        (("store.endpoint=http://s3.example.org",), 80),
        (("store.endpoint=http://s3.example.org:9000",), 9000),
        (("store.endpoint=https://[fd00::1]:9443",), 9443),
        (("store.endpoint=https://[fd00::1]",), 443),
        (("proxy.https=http://proxy:3128",), 3128),
        (("staging.bucket=parts", "staging.endpoint=https://s3.example.org:9000"), 9000),
        (("store.endpoint=https://s3.example.org:9000", "staging.bucket=parts"), 9000),
    ],
)
def test_the_operator_may_reach_its_store_and_its_proxy(one: One, values: tuple[str, ...], port: int) -> None:
    egress = one("NetworkPolicy", "", NETWORK, "store.bucket=mine", *values)["spec"]["egress"]
    assert port in [entry["port"] for rule in egress for entry in rule["ports"]]
    assert {53, 443, 6443} <= {entry["port"] for rule in egress for entry in rule["ports"]}


def test_the_operator_may_reach_a_staging_store_beside_the_embedded_one(one: One) -> None:
    staging = ("staging.bucket=parts", "staging.endpoint=http://s3.example.org:9000")
    egress = one("NetworkPolicy", "", NETWORK, *staging)["spec"]["egress"]
    assert {7070, 9000} <= {entry["port"] for rule in egress for entry in rule["ports"]}


def test_the_webhook_is_reached_where_there_is_one(one: One) -> None:
    def ingress(*values: str) -> dict[str, Any]:
        rules = one("NetworkPolicy", "", NETWORK, *values)["spec"]["ingress"]
        return {rule["ports"][0]["port"]: rule.get("from") for rule in rules}

    assert ingress().keys() == {"health", "metrics"}
    assert ingress(*WEBHOOK)["webhook"] is None
    peer = "networkPolicy.alertsFrom[0].namespaceSelector.matchLabels.a=b"
    assert ingress(*WEBHOOK, peer)["webhook"] == [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]


def test_the_servers_of_the_api_can_be_named(one: One) -> None:
    egress = one("NetworkPolicy", "", NETWORK, "networkPolicy.apiServerCIDRs={10.0.0.1/32}")["spec"]["egress"]
    [rule] = [rule for rule in egress if {entry["port"] for entry in rule["ports"]} == {443, 6443}]
    assert rule["to"] == [{"ipBlock": {"cidr": "10.0.0.1/32"}}]


def test_the_embedded_store_answers_the_operator_and_collectors_wherever_they_run(one: One) -> None:
    spec = one("NetworkPolicy", "-store", NETWORK)["spec"]
    assert spec["egress"] == []
    [rule] = spec["ingress"]
    operator, runs = rule["from"]
    assert operator["podSelector"] == one("Deployment", "")["spec"]["selector"]
    assert runs == {"podSelector": {"matchLabels": {LABEL_MANAGED_BY: MANAGED_BY}}, "namespaceSelector": {}}
    assert labels("bundle", "uid")[LABEL_MANAGED_BY] == MANAGED_BY
    narrowed = one("NetworkPolicy", "-store", NETWORK, "watchNamespaces={a,b}")["spec"]["ingress"][0]["from"][1]
    [expression] = narrowed["namespaceSelector"]["matchExpressions"]
    assert expression["values"] == ["a", "b", "ops"]


@pytest.mark.parametrize(
    ("values", "namespace", "arguments"),
    [
        ((), "ops", []),
        (("watchNamespaces={a,b}",), "a", []),
        (("policies.enabled=false",), "ops", ["--account=sb-supportbundle-operator-test"]),
    ],
)
def test_the_test_runs_with_a_users_rights_where_the_operator_looks(
    one: One, values: tuple[str, ...], namespace: str, arguments: list[str]
) -> None:
    found = {kind: one(kind, "-test", *values) for kind in TEST}
    assert {obj["metadata"]["namespace"] for obj in found.values()} == {namespace}
    for obj in found.values():
        assert obj["metadata"]["annotations"]["helm.sh/hook"] == "test"
        assert obj["metadata"]["annotations"]["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    [container] = found["Pod"]["spec"]["containers"]
    assert container["args"] == ["try", namespace, "sb-supportbundle-operator-test", *arguments]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    granted = {
        (resource, verb) for rule in found["Role"]["rules"] for resource in rule["resources"] for verb in rule["verbs"]
    }
    assert ("supportbundles", "collect") in granted or not arguments
    assert not {resource for resource, _ in granted} & {"secrets", "pods", "supportbundles/status"}
