"""The chart renders what the operator reads, and nothing that a hardened cluster refuses."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from supportbundle.collect.registry import REGISTRY, demands_for, rules_for
from supportbundle.config import OperatorConfig
from supportbundle.model.capability import CLUSTER_VERB, EXTRA_VERB, OPT_IN, VIEW_VERB, Capability
from supportbundle.model.names import PSEUDONYMS, run_name
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
EXTRA = "capabilities.extraResources=true"
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


def test_the_operator_may_hold_one_lease_and_no_other(one: One, settings: Callable[..., Mapping[str, Any]]) -> None:
    rules = [rule for rule in one("Role", "")["rules"] if "leases" in rule["resources"]]
    assert [(set(rule["verbs"]), rule["resourceNames"]) for rule in rules] == [({"create", "get", "patch"}, [NAME])]
    assert OperatorConfig.model_validate(settings()).lease_name == NAME
    assert not {grant for grant in grants(one("ClusterRole", "")["rules"]) if grant[1] == "leases"}


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


def test_every_capability_has_a_collector_and_so_a_role_and_a_policy(render: Render) -> None:
    named = {(o["kind"], o["metadata"]["name"]) for o in render(*EVERYTHING)}
    for capability in Capability:
        assert demands_for(capability)
        assert ("ClusterRole", f"{NAME}-collect-{capability.lower()}") in named
        assert ("ValidatingAdmissionPolicy", f"{NAME}-requester-{capability.lower()}") in named


@pytest.mark.parametrize("capability", sorted(set(Capability) - {Capability.RESOURCES}))
def test_a_collecting_role_grants_exactly_what_its_collectors_declare(one: One, capability: Capability) -> None:
    rules = one("ClusterRole", f"-collect-{capability.lower()}", *EVERYTHING)["rules"]
    assert grants(rules) == grants([rule.model_dump(by_alias=True) for rule in rules_for(capability)])


def test_objects_of_any_kind_are_collected_by_what_may_be_viewed(one: One) -> None:
    role = one("ClusterRole", "-collect-resources")
    assert "rules" not in role, "Kubernetes fills it"
    viewed = {"matchLabels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}}
    added = {"matchLabels": {"supportbundle.dev/aggregate-to-collect": "true"}}
    assert role["aggregationRule"] == {"clusterRoleSelectors": [viewed]}
    assert one("ClusterRole", "-collect-resources", EXTRA)["aggregationRule"] == {
        "clusterRoleSelectors": [viewed, added]
    }
    virtual = one("ClusterRole", "-view-resources")
    assert virtual["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert grants(virtual["rules"]) == {("supportbundle.dev", "supportbundles", VIEW_VERB)}


@pytest.mark.parametrize(
    ("suffix", "verb", "on", "words"),
    [
        ("-collect-cluster", CLUSTER_VERB, (), "resources.clusterInfo needs the right collectcluster"),
        ("-collect-extra", EXTRA_VERB, (EXTRA,), "the capability Resources needs the right collectextra"),
    ],
)
def test_what_nobody_may_view_takes_a_verb_that_view_does_not_hold(
    render: Render, one: One, suffix: str, verb: str, on: tuple[str, ...], words: str
) -> None:
    role = one("ClusterRole", suffix)
    assert grants(role["rules"]) == {("supportbundle.dev", "supportbundles", verb)}
    assert not [label for label in role["metadata"]["labels"] if "aggregate" in label]
    holders = [o for o in render(*EVERYTHING) if any(verb in r["verbs"] for r in o.get("rules") or ())]
    assert [o["metadata"]["name"] for o in holders] == [f"{NAME}{suffix}"]
    asked = one("ValidatingAdmissionPolicy", "-requester-resources", *on)["spec"]["validations"]
    [found] = [v for v in asked if f".check('{verb}').allowed()" in v["expression"]]
    assert words in found["messageExpression"]
    assert f"'{NAME}{suffix}'" in found["messageExpression"]
    assert ("clusterInfo" in found["expression"]) == (verb == CLUSTER_VERB)


def test_without_added_kinds_nobody_needs_the_right_to_read_them(one: One) -> None:
    asked = one("ValidatingAdmissionPolicy", "-requester-resources")["spec"]["validations"]
    assert not [v for v in asked if EXTRA_VERB in v["expression"]]


@pytest.mark.parametrize("capability", Capability)
def test_a_policy_checks_exactly_the_rights_that_the_requester_must_hold(one: One, capability: Capability) -> None:
    spec = one("ValidatingAdmissionPolicy", f"-requester-{capability.lower()}", *EVERYTHING)["spec"]
    checks = {v["name"]: v["expression"] for v in spec["variables"] if v["name"].startswith("right")}
    del checks["rights"]
    pattern = r"group\('(.*?)'\)\.resource\('(.*?)'\)(?:\.subresource\('(.*?)'\))?.*\.check\('(.*?)'\)\.allowed\(\)$"
    found = [re.search(pattern, expression) for expression in checks.values()]
    rights = {(m[1], f"{m[2]}/{m[3]}" if m[3] else m[2], m[4]) for m in found if m}
    assert rights == grants([rule.model_dump(by_alias=True) for rule in demands_for(capability)])
    assert set(spec["validations"][-1]["expression"].split(" && ")) == {f"variables.{name}" for name in checks}
    # One check costs 350,000 of 10,000,000, and one more asks for impersonation.
    assert len(checks) <= 26


@pytest.mark.parametrize("capability", sorted(OPT_IN))
def test_what_is_switched_off_has_no_role_and_is_refused_by_its_value(
    render: Render, one: One, settings: Callable[..., Mapping[str, Any]], capability: Capability
) -> None:
    word = capability.lower()
    on = f"capabilities.{word}=true"
    role = f"{NAME}-collect-{word}"
    assert role not in {o["metadata"]["name"] for o in render()}
    assert role in {o["metadata"]["name"] for o in render(on)}
    off = one("ValidatingAdmissionPolicy", f"-requester-{word}")["spec"]["validations"][-1]
    assert off["expression"] == "false"
    assert f"Helm value {on}" in off["message"]
    assert capability not in settings()["enabledCapabilities"]
    assert capability in settings(on)["enabledCapabilities"]


def test_the_default_settings_are_those_of_the_operator(settings: Callable[..., Mapping[str, Any]]) -> None:
    config = OperatorConfig.model_validate(settings())
    plain = OperatorConfig(image="i", collect_role_prefix="p")
    for name in ("enabled_capabilities", "cluster_info", "extra_resources", "debug_image"):
        assert getattr(config, name) == getattr(plain, name), name


def test_debugging_containers_run_the_image_that_the_admin_names(settings: Callable[..., Mapping[str, Any]]) -> None:
    on = "capabilities.debug=true"
    assert settings("debug.image=tools:1")["debugImage"] == ""
    assert settings(on)["debugImage"] == settings()["image"]
    assert settings(on, "debug.image=tools:1")["debugImage"] == "tools:1"


def test_the_cluster_as_a_whole_is_read_only_where_an_admin_says_so(one: One) -> None:
    more = grants(one("ClusterRole", "", "capabilities.clusterInfo=true")["rules"]) - grants(
        one("ClusterRole", "")["rules"]
    )
    assert more == {
        ("", "nodes", "list"),
        ("storage.k8s.io", "storageclasses", "list"),
        ("metrics.k8s.io", "nodes", "list"),
    }


def test_the_operators_requests_have_a_level_of_their_own(render: Render, one: One) -> None:
    level = one("PriorityLevelConfiguration", "", "flowControl.shares=7")
    assert level["spec"]["limited"]["nominalConcurrencyShares"] == 7
    schema = one("FlowSchema", "")["spec"]
    assert schema["priorityLevelConfiguration"] == {"name": level["metadata"]["name"]}
    [rule] = schema["rules"]
    [lease] = one("FlowSchema", "-leader-election")["spec"]["rules"]
    assert rule["subjects"] == lease["subjects"]
    account = {"kind": "ServiceAccount", "serviceAccount": {"name": NAME, "namespace": "ops"}}
    assert rule["subjects"] == [account]
    assert not [o for o in render("flowControl.enabled=false") if o["apiVersion"].startswith("flowcontrol")]


def grants(rules: list[Object]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_operator_may_bind_exactly_the_collecting_roles(one: One) -> None:
    for values, off in (((), OPT_IN), (EVERYTHING, frozenset())):
        binds = [rule for rule in one("ClusterRole", "", *values)["rules"] if "bind" in rule["verbs"]]
        expected = {f"{NAME}-collect-{capability.lower()}" for capability in set(Capability) - off}
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
        if o["kind"] == "ClusterRole"
        and any("supportbundles/status" in rule["resources"] for rule in o.get("rules", ()))
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


def test_the_operator_may_make_keys_of_pseudonyms_in_its_own_namespace_and_nothing_more(one: One) -> None:
    spec = one("ValidatingAdmissionPolicy", "-operator-secrets")["spec"]
    makes = next(variable["expression"] for variable in spec["variables"] if variable["name"] == "makesKey")
    assert "request.operation == 'CREATE'" in makes
    assert "request.namespace == 'ops'" in makes
    assert f"startsWith('{PSEUDONYMS}')" in makes
    assert spec["validations"][0]["expression"].startswith("variables.makesKey || variables.seen.all(")
    for other in ("-operator-accounts", "-operator-bindings", "-operator-jobs"):
        assert "makesKey" not in str(one("ValidatingAdmissionPolicy", other))


def test_editors_may_use_templates_unless_told_otherwise_and_nobody_may_write_them(render: Render, one: One) -> None:
    label = "rbac.authorization.k8s.io/aggregate-to-edit"
    assert one("ClusterRole", "-use-templates")["metadata"]["labels"][label] == "true"
    assert label not in one("ClusterRole", "-use-templates", "templates.usableByEditors=false")["metadata"]["labels"]
    viewers = one("ClusterRole", "-view-templates")
    assert viewers["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    kind = "supportbundletemplates"
    roles = [o for o in render() if o["kind"] == "ClusterRole" and o["metadata"]["name"] != NAME]
    verbs = {verb for o in roles for _, found, verb in grants(o.get("rules") or []) if found == kind}
    assert verbs == {"use", "get", "list", "watch"}


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


def test_an_uninstallation_lets_every_bundle_go_with_the_least_rights(render: Render, one: One) -> None:
    job = one("Job", "-uninstall")
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["release-finalizers"]
    assert job["spec"]["activeDeadlineSeconds"] <= 120
    rules = one("ClusterRole", "-uninstall")["rules"]
    assert grants(rules) == {("supportbundle.dev", "supportbundles", verb) for verb in ("get", "list", "patch")}
    hooks = [o for o in render() if o["metadata"]["name"] == f"{NAME}-uninstall"]
    for made in hooks:
        assert made["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete,post-delete", made["kind"]
    off = render("deletion.releaseOnUninstall=false")
    assert not [o for o in off if o["metadata"]["name"] == f"{NAME}-uninstall"]


def test_how_long_a_store_may_hold_a_deleted_bundle_reaches_the_operator(
    settings: Callable[..., Mapping[str, Any]],
) -> None:
    assert OperatorConfig.model_validate(settings()).deletion_seconds == 1800
    assert OperatorConfig.model_validate(settings("deletion.patienceSeconds=5")).deletion_seconds == 5


def test_deciding_is_for_those_who_administer(one: One) -> None:
    role = one("ClusterRole", "-approve")
    assert grants(role["rules"]) == {("supportbundle.dev", "supportbundleapprovals", v) for v in ("create", "delete")}
    assert [label for label in role["metadata"]["labels"] if "aggregate" in label] == [
        "rbac.authorization.k8s.io/aggregate-to-admin"
    ]
