"""A bundle whose delivery somebody must approve, with real people's rights."""

from __future__ import annotations

import base64
import io
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from typing import Any

import pytest
import yaml

from support import breaking, sbundle
from support.bucket import Bucket
from support.kube import OPERATOR, SYSTEM, CommandFailed, apply, condition, get, kubectl, run, until

pytestmark = pytest.mark.e2e
ANN, BOB = "ann@example.org", "bob@example.org"


@pytest.fixture(scope="module")
def reviewers(workload: str) -> str:
    """The namespace in which both may decide, and an account too."""
    kubectl("-n", workload, "create", "serviceaccount", "decider")
    subjects = [
        *({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name} for name in (ANN, BOB)),
        {"kind": "ServiceAccount", "name": "decider", "namespace": workload},
    ]
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "reviewers"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "supportbundle-operator-approve",
        },
        "subjects": subjects,
    }
    apply(workload, binding)
    return workload


@pytest.fixture(scope="module")
def silent(workload: str, bucket: Bucket) -> str:
    """A bundle that nobody says anything about; made first, because that takes a minute."""
    assert bucket
    sbundle.create(workload, "silent", destination={"name": "e2e-brief"})
    return "silent"


def awaiting(namespace: str, name: str) -> dict[str, Any]:
    def waits() -> dict[str, Any] | None:
        obj = get(namespace, "sbundle", name)
        return obj if condition(obj, "Ready").get("reason") == "AwaitingApproval" else None

    return until(f"{name} to await approval", waits)


def say(namespace: str, bundle: dict[str, Any], name: str, decision: str, by: str) -> None:
    meta = bundle["metadata"]
    obj = {
        "apiVersion": "supportbundle.dev/v1alpha1",
        "kind": "SupportBundleApproval",
        "metadata": {"name": name},
        "spec": {"bundle": {"name": meta["name"], "uid": meta["uid"]}, "decision": decision, "by": by, "reason": "e2e"},
    }
    kubectl("-n", namespace, "--as", by, "create", "-f", "-", stdin=yaml.safe_dump(obj).encode())


def answered(namespace: str, name: str, reason: str) -> str:
    """The message of an approval's answer, once it has this reason."""

    def message() -> str:
        found = condition(get(namespace, "sbapproval", name), "Accepted")
        return str(found.get("message")) if found.get("reason") == reason else ""

    return until(f"approval {name} to be {reason}", message, seconds=60)


def refused(*command: str) -> str:
    with pytest.raises(CommandFailed) as failed:
        run(*command)
    return str(failed.value)


def links(uid: str) -> list[str]:
    kinds = "secrets,roles,rolebindings"
    found = kubectl("-n", SYSTEM, "get", kinds, "-l", f"supportbundle.dev/bundle-uid={uid}", "-o", "name").split()
    return [name for name in found if "-review-" in name]


def asked(url: str) -> tuple[int, bytes]:
    """What a link answers. Names of Services are known inside the cluster only; the signature holds for the name."""
    parts = urllib.parse.urlsplit(url)
    host, _, port = parts.netloc.partition(":")
    address = parts.netloc
    if host.endswith(".svc"):
        name, namespace = host.split(".")[:2]
        address = f"{get(namespace, 'service', name)['spec']['clusterIP']}:{port}"
    request = urllib.request.Request(parts._replace(netloc=address).geturl(), headers={"Host": parts.netloc})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the link that we were given
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""


@pytest.mark.usefixtures("silent", "bucket")
def test_a_reviewer_alone_reads_the_link_and_a_denial_leaves_nothing(reviewers: str) -> None:
    sbundle.create(reviewers, "turned-down", destination={"name": "e2e-strict"})
    obj = awaiting(reviewers, "turned-down")
    assert "no leak was found" in condition(obj, "Ready")["message"]
    say(reviewers, obj, "look", "Review", ANN)
    command = answered(reviewers, "look", "LinkReady").partition("kubectl ")[2]
    words = f"kubectl {command}".partition(" | ")[0].replace("'", "").split()
    url = base64.b64decode(run(*words, "--as", ANN)).decode()
    assert "cannot get resource" in refused(*words, "--as", BOB)
    code, data = asked(url)
    assert code == 200
    assert "manifest.json" in zipfile.ZipFile(io.BytesIO(data)).namelist()

    for shown in (
        json.dumps(get(reviewers, "sbundle", "turned-down")),
        json.dumps(get(reviewers, "sbapproval", "look")),
        kubectl("-n", reviewers, "get", "events", "-o", "json"),
        kubectl("-n", SYSTEM, "logs", OPERATOR, "--tail=-1"),
    ):
        assert "X-Amz-Signature" not in shown

    say(reviewers, obj, "no", "Denied", BOB)
    over = sbundle.finished(reviewers, "turned-down")
    assert condition(over, "Ready")["reason"] == "ApprovalDenied"
    assert over["status"]["approval"]["by"] == BOB
    answered(reviewers, "no", "Denied")
    answered(reviewers, "look", "ReviewClosed")
    until("the staged zip to be gone", lambda: asked(url)[0] == 404, seconds=30)
    until("no link", lambda: not links(obj["metadata"]["uid"]), seconds=30)
    until("a settled status", lambda: "staging" not in get(reviewers, "sbundle", "turned-down")["status"], seconds=30)
    events = kubectl("-n", reviewers, "get", "events", "-o", "jsonpath={.items[*].reason}").split()
    assert {"AwaitingApproval", "ApprovalDenied"} <= set(events)


@pytest.mark.usefixtures("bucket")
def test_an_account_approves_and_the_word_of_the_second_is_too_late(reviewers: str) -> None:
    sbundle.create(reviewers, "approved", destination={"name": "e2e-strict"})
    obj = awaiting(reviewers, "approved")
    account = f"system:serviceaccount:{reviewers}:decider"
    say(reviewers, obj, "yes", "Approved", account)
    answered(reviewers, "yes", "Approved")
    record = get(reviewers, "sbundle", "approved")["status"]["approval"]
    assert (record["state"], record["by"], record["name"]) == ("Approved", account, "yes")
    say(reviewers, obj, "late", "Denied", ANN)
    answered(reviewers, "late", "AlreadyDecided")
    kubectl("-n", reviewers, "delete", "sbundle", "approved", "--wait=false")


def test_an_approval_that_is_no_longer_asked_for_delivers_what_is_staged(workload: str, bucket: Bucket) -> None:
    sbundle.create(workload, "freed", destination={"name": "e2e-loose"})
    before = awaiting(workload, "freed")["status"]
    assert before["staging"]["destination"] == "default"
    kubectl("patch", "sbdest", "e2e-loose", "--type=merge", "-p", '{"spec":{"approval":{"required":false}}}')

    def delivered() -> dict[str, Any] | None:
        # A destination is believed for half a minute, and nothing else would wake the bundle for five.
        poke = f"e2e.example.org/poke={time.monotonic_ns()}"
        kubectl("-n", workload, "annotate", "sbundle", "freed", poke, "--overwrite")
        obj = get(workload, "sbundle", "freed")
        return obj if obj["status"]["phase"] in {"Ready", "Failed"} else None

    status = until("the delivery", delivered, seconds=120)["status"]
    assert status["phase"] == "Ready", json.dumps(status, indent=1)
    assert status["collection"] == before["collection"]
    assert "staging" not in status
    assert bucket.store.head(status["artifact"]["key"])


def test_silence_denies(reviewers: str, silent: str) -> None:
    over = sbundle.finished(reviewers, silent)
    assert condition(over, "Ready")["reason"] == "ApprovalTimedOut"


def test_an_operator_killed_while_a_zip_waits_and_while_it_is_delivered_delivers_it_once(
    reviewers: str, bucket: Bucket
) -> None:
    sbundle.create(reviewers, "survivor", destination={"name": "e2e-strict"})
    obj = awaiting(reviewers, "survivor")
    breaking.kill_operator()
    say(reviewers, obj, "survive", "Approved", ANN)
    until("the delivery", lambda: breaking.phase(reviewers, "survivor") in {"Delivering", "Ready"}, seconds=120)
    breaking.kill_operator()
    try:
        over = sbundle.ready(reviewers, "survivor")["status"]
        assert over["approval"]["by"] == ANN
        uid = obj["metadata"]["uid"]
        kept = [info.key for info in bucket.store.list("bundles/") if uid in info.key]
        assert kept == [over["artifact"]["key"]]
        until("nothing left of the delivery", lambda: not breaking.any_of("jobs,pods,secrets", SYSTEM, uid), seconds=60)
    finally:
        breaking.fresh_operator()
