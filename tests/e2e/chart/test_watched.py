"""A narrowed installation works in its own namespaces and leaves others alone, because it may not even look there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from support import sbundle
from support.installing import install
from support.kube import RELEASE, SYSTEM, CommandFailed, condition, get, kubectl, names, run, until
from support.outside import KEYS, Bucket, put_destination, put_secret

pytestmark = pytest.mark.e2e
THEIRS, REVIEWER = "e2e-watched", "ann@example.org"
EVENTS = ({"name": "events", "type": "Events"},)
ACCOUNT = f"--as=system:serviceaccount:{SYSTEM}:supportbundle-operator"


@pytest.fixture(scope="module")
def narrowed(operator: str, pair: tuple[str, str]) -> tuple[str, str]:
    """The operator watches the first namespace of two; a bundle waits in the other."""
    assert operator
    install(f"watchNamespaces={{{pair[0]}}}")
    sbundle.create(pair[1], "elsewhere", EVENTS)
    return pair


def may(namespace: str, verb: str, resource: str) -> bool:
    """Whether the operator's account holds a right."""
    try:
        return kubectl("auth", "can-i", verb, resource, "-n", namespace, ACCOUNT).strip() == "yes"
    except CommandFailed:
        return False


def test_bundles_of_the_watched_namespace_run_and_others_stay_untouched(narrowed: tuple[str, str]) -> None:
    here, there = narrowed
    sbundle.create(here, "watched", EVENTS)
    sbundle.ready(here, "watched", seconds=60)
    assert sbundle.unpack(sbundle.fetch(here, "watched"))
    untouched = get(there, "sbundle", "elsewhere")
    assert "status" not in untouched
    assert not untouched["metadata"].get("finalizers")


@pytest.fixture(scope="module")
def reviewed(narrowed: tuple[str, str]) -> Iterator[Bucket]:
    """A bucket elsewhere that takes only what somebody has approved."""
    assert narrowed
    made = Bucket(THEIRS)
    made.store.ensure_bucket()
    put_secret(SYSTEM, THEIRS, KEYS)
    s3 = made.options | {"credentialsSecretRef": {"name": THEIRS}}
    put_destination(THEIRS, type="S3", s3=s3, approval={"required": True})
    yield made
    kubectl("delete", "sbdest", THEIRS)
    kubectl("-n", SYSTEM, "delete", "secret", THEIRS)


def awaiting(namespace: str, name: str) -> dict[str, Any]:
    """The bundle, once it waits for somebody's word."""

    def waits() -> dict[str, Any] | None:
        obj = get(namespace, "sbundle", name)
        return obj if condition(obj, "Ready").get("reason") == "AwaitingApproval" else None

    return until(f"{name} to await approval", waits)


def say(bundle: dict[str, Any], name: str, decision: str) -> None:
    """As somebody who may do everything: who may do what is tested elsewhere."""
    meta = bundle["metadata"]
    about = {"name": meta["name"], "uid": meta["uid"]}
    obj = {
        "apiVersion": "supportbundle.dev/v1alpha1",
        "kind": "SupportBundleApproval",
        "metadata": {"name": name},
        "spec": {"bundle": about, "decision": decision, "by": REVIEWER, "reason": "e2e"},
    }
    user = ("--as", REVIEWER, "--as-group", "system:masters")
    kubectl("-n", meta["namespace"], *user, "create", "-f", "-", stdin=yaml.safe_dump(obj).encode())


def left_beside_the_operator(bundle: dict[str, Any]) -> list[str]:
    """Jobs, pods, links and Secrets of a bundle in the operator's own namespace."""
    selector = f"supportbundle.dev/bundle-uid={bundle['metadata']['uid']}"
    return names(SYSTEM, "jobs,pods,secrets,roles,rolebindings", selector)


def test_reviews_approvals_and_deliveries_work_beside_the_narrowed_operator(
    narrowed: tuple[str, str], reviewed: Bucket
) -> None:
    here, _ = narrowed
    for name in ("approved", "denied"):
        sbundle.create(here, name, EVENTS, destination={"name": THEIRS})
    wanted, unwanted = awaiting(here, "approved"), awaiting(here, "denied")
    say(wanted, "look", "Review")
    until(
        "a link for the reviewer",
        lambda: condition(get(here, "sbapproval", "look"), "Accepted").get("reason") == "LinkReady",
        seconds=60,
    )
    say(wanted, "yes", "Approved")
    say(unwanted, "no", "Denied")
    sent = sbundle.ready(here, "approved")["status"]["artifact"]
    assert sbundle.unpack(reviewed.store.get(sent["key"]))
    assert condition(sbundle.finished(here, "denied"), "Ready")["reason"] == "ApprovalDenied"
    for obj in (wanted, unwanted):
        until("nothing left of it", lambda obj=obj: not left_beside_the_operator(obj), seconds=60)


def test_a_bundle_that_is_deleted_while_it_awaits_its_approval_leaves_nothing(
    narrowed: tuple[str, str], reviewed: Bucket
) -> None:
    assert reviewed
    here, _ = narrowed
    sbundle.create(here, "dropped", EVENTS, destination={"name": THEIRS})
    obj = awaiting(here, "dropped")
    say(obj, "peek", "Review")
    until("a link for the reviewer", lambda: left_beside_the_operator(obj), seconds=60)
    kubectl("-n", here, "delete", "sbundle", "dropped")
    until("nothing left of it", lambda: not left_beside_the_operator(obj), seconds=60)


@pytest.mark.parametrize(("verb", "resource"), [("create", "serviceaccounts"), ("list", "secrets"), ("patch", "pods")])
def test_beside_itself_it_may_deliver_and_no_more(narrowed: tuple[str, str], verb: str, resource: str) -> None:
    assert narrowed
    assert may(SYSTEM, "create", "jobs.batch")
    assert not may(SYSTEM, verb, resource)


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("list", "pods"),
        ("list", "supportbundles.supportbundle.dev"),
        ("create", "events"),
        ("create", "jobs.batch"),
        ("create", "rolebindings.rbac.authorization.k8s.io"),
        ("patch", "secrets"),
    ],
)
def test_its_account_holds_its_rights_in_the_watched_namespace_alone(
    narrowed: tuple[str, str], verb: str, resource: str
) -> None:
    here, there = narrowed
    assert may(here, verb, resource)
    assert not may(there, verb, resource)


def test_helm_tests_it_where_it_looks(narrowed: tuple[str, str]) -> None:
    here, _ = narrowed
    said = run("helm", "test", RELEASE, "-n", SYSTEM, "--timeout", "2m").decode()
    assert "Phase:          Succeeded" in said
    assert get(here, "sbundle", "supportbundle-operator-test")["status"]["phase"] in {"Ready", "Expired"}
    left = kubectl("-n", here, "get", "pod,serviceaccount,role", "-l", "app.kubernetes.io/component=test", "-o", "name")
    assert not left.strip()


def test_widened_again_it_takes_up_what_waited(narrowed: tuple[str, str]) -> None:
    _, there = narrowed
    install()
    sbundle.ready(there, "elsewhere", seconds=60)
    gone = kubectl("get", "role,rolebinding", "-A", "-o", "name", "-l", "app.kubernetes.io/instance=" + RELEASE)
    assert "supportbundle-operator-watch" not in gone
