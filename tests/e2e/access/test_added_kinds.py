"""Kinds that an admin adds to Resources: read only where that is switched on, and for whom it is granted."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest
import yaml

from support.access import RBAC, Answer, Object, Rule, Site, accepted, bundle, refused
from support.kube import ROOT, kubectl, run
from supportbundle.model.capability import VIEW_VERB

pytestmark = pytest.mark.e2e
GRANT = "An admin can grant it: "
NAME = f"added-{uuid.uuid4().hex[:6]}"
KINDS = ("-requester-resources", "-collect-resources", "-collect-extra")


def rule(group: str, resource: str, *verbs: str) -> Rule:
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}


@pytest.fixture(scope="module")
def added(site: Site) -> Iterator[Site]:
    """What the chart makes of the switch, for the tenant's namespace alone, and a role that adds one kind."""
    text = run(
        *("helm", "template", NAME, str(ROOT / "helm" / "supportbundle-operator"), "--kube-version", "1.30.0"),
        *("--set", f"fullnameOverride={NAME},capabilities.extraResources=true"),
    )
    objects = [obj for obj in yaml.safe_load_all(text) if obj and obj["metadata"]["name"] in {NAME + k for k in KINDS}]
    assert len(objects) == len(KINDS) + 1, "the policy has a binding"
    here = {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}}
    for obj in objects:
        if obj["kind"] == "ValidatingAdmissionPolicyBinding":
            obj["spec"]["matchResources"] = {"namespaceSelector": here}
    labels = {"supportbundle.dev/aggregate-to-collect": "true"}
    more: Object = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": NAME, "labels": labels}}
    objects.append(more | {"rules": [dict(rule("example.com", "widgets", "get", "list"))]})
    manifest = yaml.safe_dump_all(objects).encode()
    kubectl("apply", "-f", "-", stdin=manifest)
    yield site
    kubectl("delete", "-f", "-", stdin=manifest)


def collected(role: str) -> Answer:
    """Whether the added kind is in the role."""
    found = json.loads(kubectl("get", "clusterrole", role, "-o", "json"))
    kinds = sorted({kind for rule in found["rules"] or () for kind in rule.get("resources", ())})
    return Answer(ok="widgets" in kinds and "deployments" in kinds, text=",".join(kinds))


def test_an_added_kind_is_collected_only_where_that_is_switched_on(added: Site) -> None:
    accepted(lambda: collected(f"{NAME}-collect-resources"))
    assert not collected(f"{added.release}-collect-resources").ok


def test_whoever_may_view_a_namespace_needs_one_more_right_for_added_kinds(added: Site) -> None:
    create = rule("supportbundle.dev", "supportbundles", "create", VIEW_VERB)
    use = {**rule("supportbundle.dev", "supportbundledestinations", "use"), "resourceNames": ["default"]}
    person = added.person(create, use)
    wanted = bundle(capabilities=["Resources"], collectors=[{"name": "r", "type": "Resources"}])
    del wanted["spec"]["target"]
    heard = refused(
        lambda: person.create(wanted),
        "the capability Resources needs the right collectextra on supportbundles",
        f"in namespace {added.namespace}, which {person.user} lacks",
        f"{NAME}-collect-extra",
    )
    run("bash", "-c", heard.split(GRANT, 1)[1].splitlines()[0])
    accepted(lambda: person.create(wanted))
