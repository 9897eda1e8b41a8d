"""Who may decide about a delivery, and how little the operator's own account gains from links, finalizers and Jobs."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from support import build
from support.access import RBAC, Answer, Object, Person, Site, accepted, bundle, refused
from supportbundle.model import names
from supportbundle.reconcile import reviews

pytestmark = pytest.mark.e2e
ANN = "ann@example.org"
LINK = names.review_name(build.UID, ANN)
Change = Callable[[Object], None]


def approval(by: str, **spec: object) -> Object:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "SupportBundleApproval",
        "metadata": {"name": "a"},
        "spec": {"bundle": {"name": "b", "uid": build.UID}, "decision": "Approved", "by": by, **spec},
    }


def holding(site: Site, role: str) -> Person:
    """Somebody with this ClusterRole in the tenant's namespace."""
    person = site.person()
    assert person.user
    site.bind(person.user, "ClusterRole", role)
    return person


def test_whoever_administers_a_namespace_decides_and_whoever_edits_it_does_not(site: Site) -> None:
    for role in ("admin", f"{site.release}-approve"):
        person = holding(site, role)
        accepted(lambda person=person: person.create(approval(str(person.user))))
    for role in ("edit", "view"):
        person = holding(site, role)
        refused(lambda person=person: person.create(approval(str(person.user))), "cannot create resource")
        accepted(lambda person=person, role=role: Answer(ok=person.may("list", names.APPROVALS), text=role))


def test_nobody_decides_in_anothers_name(site: Site) -> None:
    person = holding(site, "admin")
    message = f"spec.by must be the user name of whoever decides; set it to {person.user}"
    refused(lambda: person.create(approval("somebody-else")), f"{site.release}-approvals", message)


def test_an_account_decides_under_its_own_name(site: Site) -> None:
    user = site.account("approver")
    site.bind(user, "ClusterRole", f"{site.release}-approve")
    person = Person(site.admin.server, user, site.namespace)
    accepted(lambda: person.create(approval(user)))
    refused(lambda: person.create(approval("approver")), f"set it to {user}")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"decision": "Perhaps"}, "Unsupported value"),
        ({"bundle": {"name": "b"}}, "spec.bundle.uid"),
        ({"bundle": {"name": "b", "uid": "1"}}, "spec.bundle.uid"),
        ({"reason": "x" * 1025}, "spec.reason"),
        ({"more": True}, "unknown field"),
    ],
)
def test_a_decision_that_means_nothing_is_refused(site: Site, spec: Object, message: str) -> None:
    refused(lambda: site.admin.create(approval("admin", **spec)), message)


def test_a_decision_is_immutable_and_its_answer_is_the_operators(site: Site) -> None:
    person = holding(site, "admin")
    said = approval(str(person.user))
    accepted(lambda: person.create(said, dry=False))
    try:
        refused(lambda: site.admin.patch(said, {"spec": {"decision": "Denied"}}), "spec is immutable")
        path = f"/apis/{names.API_VERSION}/namespaces/{site.namespace}/{names.APPROVALS}/a/status?dryRun=All"
        answer: Object = {"status": {"conditions": []}}
        merge = "application/merge-patch+json"
        accepted(lambda: site.operator.ask("PATCH", path, answer, merge))
        refused(lambda: person.ask("PATCH", path, answer, merge), "cannot patch resource")
    finally:
        site.admin.delete(said, dry=False)


def link(site: Site) -> dict[str, Object]:
    """What makes a reviewer's link, by kind."""
    made = reviews.manifests(build.bundle(), LINK, ANN, "https://store/x", site.release)
    return {obj["kind"]: copy.deepcopy(obj) for _, obj in made}


def at_home(site: Site) -> Person:
    return replace(site.operator, namespace=site.release)


def test_a_link_is_made_and_removed_in_the_operators_own_namespace(site: Site) -> None:
    admin = replace(site.admin, namespace=site.release)
    for obj in link(site).values():
        accepted(lambda obj=obj: at_home(site).create(obj))
        answer = admin.create(obj, dry=False)
        assert answer.ok, answer.text
    ann = Person(site.admin.server, ANN, site.release)
    bob = Person(site.admin.server, "bob@example.org", site.release)
    secret = link(site)["Secret"]
    accepted(lambda: ann.get(secret))
    refused(lambda: bob.get(secret), "cannot get resource")
    other = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "other"}}
    refused(lambda: ann.get(other), "cannot get resource")
    refused(lambda: ann.patch(secret, {}), "cannot patch resource")
    accepted(lambda: at_home(site).patch(secret, {"data": {"url": "eA=="}}))
    for obj in link(site).values():
        accepted(lambda obj=obj: at_home(site).delete(obj, dry=False))


def rule(**changes: object) -> Change:
    return lambda obj: obj["rules"][0].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        rule(resourceNames=["other"]),
        rule(resourceNames=[LINK, "other"]),
        rule(resourceNames=[]),
        rule(verbs=["get", "list"]),
        rule(verbs=["*"]),
        rule(resources=["secrets", "configmaps"]),
        rule(apiGroups=["", "apps"]),
        lambda obj: obj["rules"].append(dict(obj["rules"][0])),
        lambda obj: obj.update(rules=[]),
    ],
)
def test_a_role_says_nothing_but_one_secret(site: Site, change: Change) -> None:
    wanted = link(site)["Role"]
    change(wanted)
    # RBAC itself forbids the operator to give away what it does not hold; the policy forbids the rest.
    refused(lambda: at_home(site).create(wanted), "forbidden")


@pytest.mark.usefixtures("overgranted")
def test_even_with_every_right_it_writes_no_other_role(site: Site) -> None:
    wanted = link(site)["Role"]
    wanted["rules"][0]["resourceNames"] = ["other"]
    refused(lambda: at_home(site).create(wanted), "operator-roles", "only Roles that let somebody get the one Secret")
    for name in ("backup", names.run_name(build.UID)):
        wanted = link(site)["Role"]
        wanted["metadata"]["name"] = name
        refused(
            lambda wanted=wanted: at_home(site).create(wanted), "operator-roles", "the operator may touch only roles"
        )


@pytest.fixture(scope="module")
def overgranted(site: Site) -> Iterator[None]:
    """Somebody has given the operator's account every right there is."""
    name = f"{site.release}-lifetime"
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "User", "name": site.operator.user}],
    }
    site.make(binding)
    yield
    site.admin.delete(binding, dry=False)


@pytest.mark.usefixtures("overgranted")
@pytest.mark.parametrize("kind", ["Role", "Secret", "RoleBinding"])
def test_a_link_is_made_nowhere_else(site: Site, kind: str) -> None:
    wanted = link(site)[kind]
    wanted["metadata"]["namespace"] = site.namespace
    refused(lambda: site.operator.create(wanted), "in its own namespace only")


@pytest.mark.usefixtures("overgranted")
@pytest.mark.parametrize(
    "change",
    [
        lambda b: b["roleRef"].update(name="other"),
        lambda b: b["roleRef"].update(kind="ClusterRole", name="cluster-admin"),
        lambda b: b["subjects"][0].update(kind="Group", name="system:authenticated"),
        lambda b: b["subjects"].append(dict(b["subjects"][0], name="bob")),
        lambda b: b.update(subjects=[]),
        lambda b: b["metadata"].update(name=names.run_name(build.UID) + "-logs"),
    ],
)
def test_a_link_is_bound_to_one_person(site: Site, change: Change) -> None:
    wanted = link(site)["RoleBinding"]
    change(wanted)
    refused(lambda: at_home(site).create(wanted), "operator-bindings", "the operator may bind")


@pytest.fixture(scope="module")
def held(site: Site) -> Iterator[Object]:
    """A bundle that exists, with somebody else's finalizer."""
    obj = bundle(deletionPolicy="Delete")
    obj["metadata"] = {
        "name": f"held-{uuid.uuid4().hex[:6]}",
        "finalizers": ["example.org/theirs"],
        "labels": {"a": "b"},
    }
    site.make(obj)
    yield obj
    site.admin.patch(obj, {"metadata": {"finalizers": []}}, dry=False)
    site.admin.delete(obj, dry=False)


def with_finalizers(*found: str) -> Object:
    return {"metadata": {"finalizers": list(found)}}


@pytest.mark.parametrize("suffix", ["", "-uninstall"])
def test_of_a_bundle_the_operator_changes_its_own_finalizer_alone(site: Site, held: Object, suffix: str) -> None:
    account = replace(site.operator, user=f"{site.operator.user}{suffix}")
    if suffix:
        rights = {"apiGroups": [names.GROUP], "resources": [names.PLURAL], "verbs": ["get", "list", "patch"]}
        site.grant(str(account.user), rights)
    accepted(lambda: account.patch(held, with_finalizers("example.org/theirs", names.FINALIZER)))
    accepted(lambda: account.patch(held, with_finalizers(names.FINALIZER, "example.org/theirs")))
    accepted(lambda: account.patch(held, with_finalizers("example.org/theirs")))
    message = "changes nothing of a SupportBundle but its own finalizer"
    for patch in (
        with_finalizers(),
        with_finalizers(names.FINALIZER),
        with_finalizers("example.org/theirs", "example.org/mine"),
        {"metadata": {"labels": {"a": "c"}}},
        {"metadata": {"labels": None}},
        {"metadata": {"annotations": {"a": "c"}}},
        {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": build.UID}]}},
        {"spec": {"cancel": True}},
    ):
        refused(lambda patch=patch: account.patch(held, patch), f"{site.release}-operator-bundles", message)


def test_a_running_job_can_be_stopped_and_nothing_else(site: Site) -> None:
    run = names.run_name(str(uuid.uuid4()))
    labels = names.labels("incident", run.removeprefix("sb-"))
    container = {"name": "c", "image": "x"}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": run, "labels": labels},
        "spec": {
            "suspend": True,
            "activeDeadlineSeconds": 600,
            "template": {"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }
    site.make(job)
    try:
        accepted(lambda: site.operator.patch(job, {"spec": {"suspend": True}}))
        message = "do nothing to a Job that exists but suspend it"
        for patch in (
            {"spec": {"suspend": False}},
            {"spec": {"activeDeadlineSeconds": 6000}},
            {"spec": {"parallelism": 5}},
            {"spec": {"backoffLimit": 9}},
            {"spec": {"ttlSecondsAfterFinished": 1}},
            {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}},
            {"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}},
            {"metadata": {"annotations": {"a": "b"}}},
            {"metadata": {"labels": {"more": "b"}}},
        ):
            refused(lambda patch=patch: site.operator.patch(job, patch), f"{site.release}-operator-jobs", message)
    finally:
        answer = site.admin.delete(job, dry=False)
        assert answer.ok, json.dumps(answer.text)
