"""`watchNamespaces`: rights are granted in these namespaces; what stays cluster-wide is little, and listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from supportbundle.config import OperatorConfig

Object = dict[str, Any]
Render = Callable[..., list[Object]]
One = Callable[..., Object]
NAME = "sb-supportbundle-operator"
ROOT = Path(__file__).parents[3]
WATCH = ("watchNamespaces={a,b}", "capabilities.clusterInfo=true")
ALL = ("capabilities.clusterInfo=true",)
CLUSTER_WIDE = {
    ("supportbundle.dev", "supportbundledestinations"),
    ("supportbundle.dev", "supportbundletemplates"),
    ("supportbundle.dev", "supportbundletemplates/status"),
    ("authorization.k8s.io", "subjectaccessreviews"),
    ("discovery.k8s.io", "endpointslices"),
    ("", "namespaces"),
    ("", "nodes"),
    ("storage.k8s.io", "storageclasses"),
    ("metrics.k8s.io", "nodes"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
}
"""The README lists these."""


def grants(rules: list[Object]) -> set[tuple[str, str, str, str]]:
    return {
        (group, resource, name, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    }


def roles(render: Render, *values: str) -> dict[str, set[tuple[str, str, str, str]]]:
    """The operator's Roles of watched namespaces, by namespace."""
    return {
        o["metadata"]["namespace"]: grants(o["rules"])
        for o in render(*values)
        if o["kind"] == "Role" and o["metadata"]["name"] == f"{NAME}-watch"
    }


def test_the_operator_is_told_where_to_look(settings: Callable[..., Mapping[str, Any]]) -> None:
    assert OperatorConfig.model_validate(settings(*WATCH)).watch_namespaces == ("a", "b")
    assert OperatorConfig.model_validate(settings()).watch_namespaces == ()


def test_a_narrowed_operator_holds_the_same_rights_and_no_more_of_them_cluster_wide(render: Render, one: One) -> None:
    everywhere = grants(one("ClusterRole", "", *ALL)["rules"])
    narrow = grants(one("ClusterRole", "", *WATCH)["rules"])
    in_namespaces = roles(render, *WATCH)
    assert in_namespaces.keys() == {"a", "b"}
    assert in_namespaces["a"] == in_namespaces["b"]
    assert narrow | in_namespaces["a"] == everywhere
    assert not narrow & in_namespaces["a"]
    assert {(group, resource) for group, resource, _, _ in narrow} == CLUSTER_WIDE
    assert not roles(render, *ALL)


@pytest.mark.parametrize("resource", sorted({resource for _, resource in CLUSTER_WIDE}))
def test_the_readme_tells_what_stays_cluster_wide(resource: str) -> None:
    text = (ROOT / "helm" / "supportbundle-operator" / "README.md").read_text(encoding="utf-8")
    section = text.partition("## What stays cluster-wide")[2].partition("\n## ")[0].lower()
    words = {
        "supportbundledestinations": "destinations",
        "supportbundletemplates": "watch` templates",
        "supportbundletemplates/status": "their status",
        "namespaces": "the namespace `kube-system`",
        "storageclasses": "storage classes",
        "validatingadmissionpolicybindings": "and bindings",
        "subjectaccessreviews": "subjectaccessreviews",
    }
    assert words.get(resource, resource) in section


def test_each_watched_namespace_binds_its_role_to_the_operator(render: Render) -> None:
    bindings = [o for o in render(*WATCH) if o["kind"] == "RoleBinding" and o["metadata"]["name"] == f"{NAME}-watch"]
    assert {o["metadata"]["namespace"] for o in bindings} == {"a", "b"}
    for binding in bindings:
        assert binding["roleRef"]["name"] == f"{NAME}-watch"
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": NAME, "namespace": "ops"}]


def test_the_operator_makes_keys_in_its_own_namespace_also_where_it_does_not_watch_it(one: One) -> None:
    assert grants(one("Role", "", *WATCH)["rules"]) >= {("", "secrets", "", "get"), ("", "secrets", "", "create")}


def test_beside_itself_a_narrowed_operator_holds_nothing_that_one_of_all_namespaces_lacks(one: One) -> None:
    narrow, everywhere = grants(one("Role", "", *WATCH)["rules"]), grants(one("Role", "", *ALL)["rules"])
    assert everywhere < narrow
    assert narrow - everywhere <= grants(one("ClusterRole", "", *ALL)["rules"])
    assert ("", "secrets", "", "list") not in narrow


def test_policies_hold_everywhere_all_the_same(render: Render) -> None:
    def policies(*values: str) -> list[Object]:
        return [o for o in render(*values) if o["kind"].startswith("ValidatingAdmissionPolicy")]

    assert policies(*WATCH) == policies(*ALL)
