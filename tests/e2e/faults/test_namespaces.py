"""Namespaces that keep collectors from starting, from ending, or that go away."""

from __future__ import annotations

import pytest

from support import breaking, injecting, sbundle
from support.faultproxy import FaultProxy, answers
from support.kube import OPERATOR, apply, condition, get, kubectl, names, until
from supportbundle.model import names as named
from supportbundle.storage.s3 import S3Store

pytestmark = pytest.mark.e2e
SHAKY = {"name": "e2e-shaky"}
EVENTS = ({"name": "events", "type": "Events"},)
LIMITS = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "small"},
    "spec": {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]},
}


def test_a_limit_range_that_forbids_collectors_is_named_and_waited_for(namespace: str) -> None:
    apply(namespace, LIMITS)
    sbundle.create(namespace, "limited", EVENTS)
    message = breaking.told(namespace, "limited", "WaitingForPods")
    assert "maximum memory usage per Container is 64Mi" in message
    assert "collector.resources" in message
    kubectl("-n", namespace, "delete", "limitrange", "small")
    assert condition(sbundle.ready(namespace, "limited", seconds=90), "Ready")["reason"] == "Complete"


def test_an_image_that_cannot_be_pulled_is_named(namespace: str) -> None:
    with injecting.injected(namespace, injecting.IMAGE):
        sbundle.create(namespace, "unpullable", EVENTS)
        message = breaking.told(namespace, "unpullable", "WaitingForPods")
    assert "localhost/no-such:none" in message
    assert "image.pullSecrets" in message
    kubectl("-n", namespace, "patch", "sbundle", "unpullable", "--type=merge", "-p", '{"spec":{"cancel":true}}')
    assert condition(sbundle.finished(namespace, "unpullable"), "Ready")["reason"] == "Cancelled"


def test_pod_security_lets_collectors_pass_and_names_what_it_refuses(namespace: str) -> None:
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    sbundle.create(namespace, "restricted", EVENTS)
    assert condition(sbundle.ready(namespace, "restricted"), "Ready")["reason"] == "Complete"
    kubectl("label", "namespace", namespace, "--overwrite", "pod-security.kubernetes.io/enforce=privileged")
    with injecting.injected(namespace, injecting.SIDECAR):
        kubectl("label", "namespace", namespace, "--overwrite", "pod-security.kubernetes.io/enforce=restricted")
        sbundle.create(namespace, "refused", EVENTS)
        message = breaking.told(namespace, "refused", "WaitingForPods")
    assert 'violates PodSecurity "restricted' in message
    assert 'container "mesh"' in message
    assert condition(sbundle.ready(namespace, "refused", seconds=90), "Ready")["reason"] == "Complete"


def test_a_sidecar_that_never_ends_keeps_nothing_waiting(namespace: str) -> None:
    with injecting.injected(namespace, injecting.SIDECAR):
        sbundle.create(namespace, "meshed", EVENTS)
        pod = breaking.collector_pod(namespace, "meshed")
        assert [container["name"] for container in pod["spec"]["containers"]] == ["collector", "mesh"]
        obj = sbundle.ready(namespace, "meshed", seconds=60)
    assert condition(obj, "Ready")["reason"] == "Complete"
    uid = obj["metadata"]["uid"]
    until("the pod's end", lambda: not names(namespace, "pods,jobs", f"{named.LABEL_UID}={uid}"))


def test_a_namespace_that_is_deleted_midway_leaves_nothing(
    namespace: str, tight: str, proxy: FaultProxy, bucket: S3Store
) -> None:
    with proxy.on("PutObject", answers(503, "SlowDown"), key="fragments/") as rule:
        sbundle.create(namespace, "vanishing", EVENTS, destination=SHAKY)
        until("a collector that cannot store its result", lambda: rule.met)
        obj = get(namespace, "sbundle", "vanishing")
        kubectl("delete", "namespace", namespace, "--timeout=120s", timeout=150)
    prefix = named.staging_prefix(breaking.cluster_id(), namespace, obj["metadata"]["uid"])
    until("an empty staging area", lambda: not list(bucket.list(prefix)))
    assert breaking.zips(bucket, obj) == []
    assert "unexpected failure" not in kubectl("-n", tight, "logs", OPERATOR)
