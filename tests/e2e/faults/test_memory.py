"""The operator within 128 MiB: several bundles at once with logs that are many times larger."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from support import breaking, sbundle
from support.kube import SYSTEM, apply, condition, kubectl

pytestmark = pytest.mark.e2e
log = logging.getLogger(__name__)
BUNDLES = 6 if breaking.LONG else 3
BYTES = 60_000_000 if breaking.LONG else 20_000_000
PODS = 3


@pytest.fixture
def loud(namespace: str) -> Iterator[str]:
    """Pods with big logs."""
    labels = {"app": "loud"}
    container = {
        "name": "app",
        "image": "localhost/sb-workload:test",
        "imagePullPolicy": "IfNotPresent",
        "args": ["-print-bytes", str(BYTES)],
        # It serves once all is printed.
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
    }
    template = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "loud"},
        "spec": {"replicas": PODS, "selector": {"matchLabels": labels}, "template": template},
    }
    apply(namespace, deployment)
    kubectl("-n", namespace, "rollout", "status", "deployment/loud", "--timeout=120s")
    return namespace


def test_bundles_of_big_logs_never_pass_through_the_operators_memory(loud: str) -> None:
    pod = breaking.operator_pod()
    assert pod["spec"]["containers"][0]["resources"]["limits"]["memory"] == "128Mi"
    bundles = [f"big-{number}" for number in range(BUNDLES)]
    for name in bundles:
        # How fast they are read is no matter here.
        sbundle.create(loud, name, app="loud", limits={"maxDuration": "10m"})
    sizes = []
    for name in bundles:
        obj = sbundle.ready(loud, name, seconds=380)
        assert condition(obj, "Ready")["reason"] == "Complete", json.dumps(obj["status"])
        sizes.append(obj["status"]["progress"]["bytes"])
    assert min(sizes) > PODS * BYTES * 0.9
    after = breaking.operator_pod()
    assert after["metadata"]["uid"] == pod["metadata"]["uid"]
    assert (
        after["status"]["containerStatuses"][0]["restartCount"] == pod["status"]["containerStatuses"][0]["restartCount"]
    )
    log.info("operator: %s of 128 MiB; %d MiB of logs", memory(), sum(sizes) >> 20)


def memory() -> str:
    """Resident memory of the operator's process, now and at most, in MiB."""
    code = "print(open('/proc/1/status').read())"
    text = kubectl("-n", SYSTEM, "exec", "deploy/supportbundle-operator", "--", "python3", "-c", code)
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return " and at most ".join(str(int(fields[name].split()[0]) >> 10) for name in ("VmRSS", "VmHWM"))
