"""The rights that the chart grants and the policies that it sets: exactly what collectors declare, and no more."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from supportbundle.collect.registry import demands_for, rules_for
from supportbundle.config import OperatorConfig
from supportbundle.model.capability import CLUSTER_VERB, EXTRA_VERB, OPT_IN, VIEW_VERB, Capability
from supportbundle.model.names import PSEUDONYMS, run_name

Object = dict[str, Any]
Render = Callable[..., list[Object]]
One = Callable[..., Object]
ROOT = Path(__file__).parents[3]
NAME = "sb-supportbundle-operator"
EVERYTHING = tuple(f"capabilities.{name}=true" for name in ("debug", "helm", "clusterInfo", "extraResources"))
EXTRA = "capabilities.extraResources=true"


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


def test_the_operator_may_hold_one_lease_and_no_other(one: One, settings: Callable[..., Mapping[str, Any]]) -> None:
    rules = [rule for rule in one("Role", "")["rules"] if "leases" in rule["resources"]]
    assert [(set(rule["verbs"]), rule["resourceNames"]) for rule in rules] == [({"create", "get", "patch"}, [NAME])]
    assert OperatorConfig.model_validate(settings()).lease_name == NAME
    assert not {grant for grant in grants(one("ClusterRole", "")["rules"]) if grant[1] == "leases"}


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


def test_deciding_is_for_those_who_administer(one: One) -> None:
    role = one("ClusterRole", "-approve")
    assert grants(role["rules"]) == {("supportbundle.dev", "supportbundleapprovals", v) for v in ("create", "delete")}
    assert [label for label in role["metadata"]["labels"] if "aggregate" in label] == [
        "rbac.authorization.k8s.io/aggregate-to-admin"
    ]
