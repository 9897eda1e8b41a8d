"""A schedule gives its author no account that they could not use themselves, and the operator no bundle of its own."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from support.access import Object, Person, Rule, Site, accepted, bundle, refused

pytestmark = pytest.mark.e2e
LOOP: Object = {"name": "loop", "type": "RestartLoop"}


def rule(group: str, resources: str, verbs: str, *names: str) -> Rule:
    found = {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}
    return found | ({"resourceNames": list(names)} if names else {})


WRITE = rule("supportbundle.dev", "supportbundleschedules", "create get update patch")
IMPERSONATE = rule("", "serviceaccounts", "impersonate", "watcher")
RIGHTS = (
    rule("", "pods/log", "get"),
    rule("", "pods", "list"),
    rule("supportbundle.dev", "supportbundles", "collect"),
    rule("supportbundle.dev", "supportbundledestinations", "use", "default"),
)


def schedule(**fields: object) -> Object:
    spec = {**bundle()["spec"], "serviceAccountName": "watcher"}
    return {
        "apiVersion": "supportbundle.dev/v1alpha1",
        "kind": "SupportBundleSchedule",
        "metadata": {"name": "night"},
        "spec": {"schedule": "30 2 * * *", "bundleTemplate": {"spec": spec}, **fields},
    }


def without_account() -> Object:
    found = schedule()
    del found["spec"]["bundleTemplate"]["spec"]["serviceAccountName"]
    return found


def with_template(**fields: object) -> Object:
    found = schedule()
    found["spec"]["bundleTemplate"]["spec"] |= fields
    return found


def child(**spec: object) -> Object:
    """A bundle as the operator makes it."""
    found = bundle(serviceAccountName="watcher", **spec)
    owner = {"apiVersion": "supportbundle.dev/v1alpha1", "kind": "SupportBundleSchedule", "name": "night", "uid": "1"}
    found["metadata"]["ownerReferences"] = [{**owner, "controller": True, "blockOwnerDeletion": False}]
    return found


@pytest.fixture(scope="module")
def author(site: Site) -> Person:
    """Somebody who may write schedules and be the account watcher."""
    return site.person(WRITE, IMPERSONATE)


def test_one_who_may_be_the_account_may_write_a_schedule_for_it(author: Person) -> None:
    accepted(lambda: author.create(schedule(triggers=[LOOP])))


def test_one_who_may_not_hears_the_right_and_the_command(site: Site) -> None:
    person = site.person(WRITE)
    refused(
        lambda: person.create(schedule()),
        "spec.bundleTemplate.spec.serviceAccountName watcher needs the right impersonate on serviceaccounts/watcher",
        f"which {person.user} lacks",
        "--verb=impersonate --resource=serviceaccounts --resource-name=watcher",
    )


def test_somebody_else_may_label_a_schedule_but_not_change_what_it_does(site: Site) -> None:
    person, made = site.person(WRITE), schedule(suspend=True)
    made["metadata"]["name"] = "of-another"
    site.make(made)
    accepted(lambda: person.patch(made, {"metadata": {"labels": {"a": "b"}}}))
    refused(lambda: person.patch(made, {"spec": {"suspend": False}}), "needs the right impersonate")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        pytest.param(without_account(), "must name the ServiceAccount whose rights its bundles use", id="no-account"),
        pytest.param(with_template(cancel=True), "cannot be cancelled before it is made", id="cancelled"),
        pytest.param(with_template(capabilities=["Events"]), "needs the capability Logs", id="capability"),
        pytest.param(with_template(collectors=[]), "nothing to collect", id="nothing"),
        pytest.param(with_template(ttl="1s1"), "ttl", id="ttl"),
        pytest.param(schedule(schedule="every day"), "spec.schedule", id="words"),
        pytest.param(schedule(timeZone="../etc/passwd"), "spec.timeZone", id="path"),
        pytest.param(schedule(jitter="25h"), "must not be longer than 24h", id="jitter"),
        pytest.param(schedule(cooldown="1s"), "must lie between 10s and 168h", id="cooldown"),
        pytest.param(schedule(triggers=[{"name": "a", "type": "Alert"}]), "needs alert with labels", id="alert"),
        pytest.param(
            schedule(triggers=[{**LOOP, "type": "OOMKilled", "restartLoop": {}}]), "only type RestartLoop", id="options"
        ),
        pytest.param(schedule(triggers=[LOOP, LOOP]), "Duplicate value", id="twice"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_written(author: Person, wanted: Object, words: str) -> None:
    refused(lambda: author.create(wanted), words)


def test_a_schedule_without_a_time_and_without_triggers_is_refused(author: Person) -> None:
    wanted = schedule()
    del wanted["spec"]["schedule"]
    refused(lambda: author.create(wanted), "nothing would ever make a bundle")


def test_labels_of_the_operator_are_its_own(author: Person) -> None:
    wanted = schedule()
    wanted["spec"]["bundleTemplate"]["metadata"] = {"annotations": {"supportbundle.dev/trigger": "Cron"}}
    refused(lambda: author.create(wanted), "belong to the operator")


def test_a_schedule_may_change(author: Person, site: Site) -> None:
    made = schedule()
    made["metadata"]["name"] = "changes"
    site.make(made)
    spec: dict[str, Any] = {
        "bundleTemplate": {"spec": {"ttl": "2h", "limits": {"maxBytes": "5Mi"}}},
        "schedule": "0 1 * * *",
    }
    accepted(lambda: author.patch(made, {"spec": spec}))


def test_nothing_is_scheduled_in_namespaces_of_kubernetes(site: Site) -> None:
    admin = Person(site.admin.server, None, "kube-system")
    refused(lambda: admin.create(schedule()), "belongs to Kubernetes itself")


@pytest.fixture(scope="module")
def account(site: Site) -> str:
    """The account watcher, with all that a bundle of logs takes."""
    name = site.account("watcher")
    site.grant(name, *RIGHTS)
    return name


def test_the_operator_makes_bundles_in_the_name_of_an_account_that_has_the_rights(site: Site, account: str) -> None:
    assert account
    accepted(lambda: site.operator.create(child()))


@pytest.mark.parametrize(
    ("left", "words"),
    [(0, "get pods/log"), (1, "list pods"), (2, "collect on supportbundles"), (3, "the right use on")],
)
def test_an_account_that_lacks_a_right_has_no_bundles(site: Site, left: int, words: str) -> None:
    name = f"short-{left}"
    user = site.account(name)
    site.grant(user, *(right for index, right in enumerate(RIGHTS) if index != left))
    wanted = {**child(), "spec": {**child()["spec"], "serviceAccountName": name}}
    refused(lambda: site.operator.create(wanted), words, f"which {user} lacks")


def test_a_template_takes_the_right_of_the_account_and_none_of_the_operators(site: Site) -> None:
    preset = f"{site.release}-nightly"
    user = site.account("templated")
    site.grant(user, *RIGHTS)
    wanted = child(templateRef={"name": preset})
    wanted["spec"]["serviceAccountName"] = "templated"
    said = refused(
        lambda: site.operator.create(wanted),
        f"the template {preset} needs the right use on supportbundletemplates/{preset} in namespace {site.namespace}",
        f"which {user} lacks",
        f"--user='{user}'",
    )
    assert site.operator.user
    assert site.operator.user not in said
    use = rule("supportbundle.dev", "supportbundletemplates", "use", preset)
    site.grant(site.operator.user, use)
    refused(lambda: site.operator.create(wanted), f"the template {preset} needs the right use")
    site.grant(user, use)
    accepted(lambda: site.operator.create(wanted))


def test_the_operator_makes_no_bundle_of_its_own(site: Site, account: str) -> None:
    assert account
    plain = child()
    del plain["metadata"]["ownerReferences"]
    refused(lambda: site.operator.create(plain), "a SupportBundleSchedule controls")
    owned = child()
    owned["metadata"]["ownerReferences"][0]["controller"] = False
    refused(lambda: site.operator.create(owned), "a SupportBundleSchedule controls")
    nameless = copy.deepcopy(child())
    del nameless["spec"]["serviceAccountName"]
    refused(lambda: site.operator.create(nameless), "denied request")


def test_the_operator_deletes_only_bundles_of_schedules(site: Site, account: str) -> None:
    assert account
    # An owner that exists, or the garbage collector is first.
    owner = schedule() | {"metadata": {"name": "owner"}}
    site.make(owner)
    mine = child()
    uid = json.loads(site.admin.get(owner).text)["metadata"]["uid"]
    mine["metadata"]["ownerReferences"][0] |= {"name": "owner", "uid": uid}
    for name, wanted in (("mine", mine), ("theirs", bundle())):
        wanted["metadata"]["name"] = name
        site.make(wanted)
    accepted(lambda: site.operator.delete({**child(), "metadata": {"name": "mine"}}))
    refused(
        lambda: site.operator.delete({**bundle(), "metadata": {"name": "theirs"}}), "a SupportBundleSchedule controls"
    )


def test_the_operator_writes_no_schedules(site: Site) -> None:
    refused(lambda: site.operator.create(schedule()), "cannot create resource")
    assert site.operator.may("patch", "supportbundleschedules/status")
    assert not site.operator.may("patch", "supportbundleschedules")


def test_viewers_see_schedules_and_editors_write_them(site: Site) -> None:
    viewer, editor = site.person(), site.person()
    assert viewer.user
    assert editor.user
    site.bind(viewer.user, "ClusterRole", "view")
    site.bind(editor.user, "ClusterRole", "edit")
    accepted(lambda: editor.create(schedule()))
    refused(lambda: viewer.create(schedule()), "cannot create resource")
    assert viewer.may("list", "supportbundleschedules")
