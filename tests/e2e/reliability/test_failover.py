"""Two pods of the operator: whatever becomes of the one that works, the other goes on; one zip, the same bytes."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
from collections.abc import Iterator

import pytest

from support import leading, sbundle
from support.kube import SYSTEM, CommandFailed, condition, get, kubectl, until
from supportbundle.storage.base import Credentials
from supportbundle.storage.client import StoreConfig
from supportbundle.storage.s3 import S3Store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.environ.get("CLUSTER") == "current", reason="kills processes of the test cluster's node"),
]
LIMIT = 20.0
"""Seconds from the fault until the other pod leads."""
STORE = "supportbundle-operator-store"
SLOW = (
    *sbundle.LOGS,
    {"name": "cpu", "type": "Profile", "profile": {"port": 6060, "kinds": [{"type": "CPU", "seconds": 10}]}},
)


@pytest.fixture(scope="module")
def pair(operator: str) -> Iterator[None]:
    """Two pods; afterwards one."""
    leading.scale(operator, 2)
    yield
    leading.scale(operator, 1)


@pytest.mark.usefixtures("pair")
@pytest.mark.parametrize("fault", leading.FAULTS)
def test_the_other_pod_goes_on_with_the_bundle(workload: str, fault: str) -> None:
    name = f"failover-{fault}"
    sbundle.create(workload, name, SLOW, capabilities=["Logs", "Profiles"])
    until("a running collection", lambda: get(workload, "sbundle", name).get("status", {}).get("phase") == "Collecting")
    old, process = leading.pod(), leading.process(leading.pod())
    leading.FAULTS[fault](old)
    if fault != "killed":  # its container starts again, and is mostly first
        until("another leader", lambda: leading.holder() not in ("", old), seconds=LIMIT)
    sbundle.create(workload, f"{name}-new")
    until("somebody who works", lambda: get(workload, "sbundle", f"{name}-new").get("status"), seconds=60)
    if fault == "paused":
        resumed(process, old)
    for each in (name, f"{name}-new"):
        obj = sbundle.ready(workload, each)
        assert condition(obj, "Ready")["reason"] == "Complete"
        first, second = sbundle.fetch(workload, each), sbundle.fetch(workload, each)
        assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()
        assert len(first) == obj["status"]["artifact"]["sizeBytes"]
        uid, key = obj["metadata"]["uid"], obj["status"]["artifact"]["key"]
        until("one zip and nothing else", lambda uid=uid, key=key: objects(workload, uid) == [key], seconds=20)


def resumed(process: int, old: str) -> None:
    """A leader that was paused beyond its Lease ends as soon as it goes on, and its pod stands by."""
    os.kill(process, signal.SIGCONT)
    until("the end of the old process", lambda: not alive(process), seconds=10)
    # A container that has just ended is for a moment neither the running one nor the previous.
    until("its last words", lambda: "is lost" in previous_log(old), seconds=30)


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as stat:  # noqa: PTH123 - proc is no ordinary file
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def previous_log(pod: str) -> str:
    """What the container said before it was started again; empty until then."""
    if not get(SYSTEM, "pod", pod)["status"]["containerStatuses"][0]["restartCount"]:
        return ""
    try:
        return kubectl("-n", SYSTEM, "logs", pod, "--previous")
    except CommandFailed:  # not ended yet, as the kubelet sees it
        return ""


def objects(namespace: str, uid: str) -> list[str]:
    """Every stored object of a bundle: of one whose staging is gone, the zip."""
    keys = {name: base64.b64decode(value).decode() for name, value in get(SYSTEM, "secret", STORE)["data"].items()}
    address = get(SYSTEM, "service", STORE)["spec"]["clusterIP"]
    store = S3Store(
        StoreConfig(
            endpoint=f"http://{address}:7070",
            region="us-east-1",
            bucket="supportbundles",
            path_style=True,
            credentials=Credentials(keys["accessKey"], keys["secretKey"]),
        )
    )
    return [info.key for info in store.list("") if f"/{namespace}/" in info.key and uid in info.key]
