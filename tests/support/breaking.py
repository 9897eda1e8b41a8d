"""Breaking a real cluster and mending it: killed containers, stopped components, and what can be seen afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.kube import OPERATOR, ROOT, SYSTEM, CommandFailed, condition, get, items, kubectl, names, run, until
from supportbundle.model import names as named
from supportbundle.storage.base import Credentials
from supportbundle.storage.client import StoreConfig
from supportbundle.storage.s3 import S3Store

POD = "app.kubernetes.io/component=operator"
LONG = bool(os.environ.get("SUPPORTBUNDLE_FAULTS_LONG"))
"""Whether outages last as long as the documentation tells, and not only long enough to be noticed."""


def component(verb: str, name: str) -> None:
    """Stop, start or restart a part of the cluster, or kill a container."""
    run(str(ROOT / "tests/cluster/component"), verb, name)


@contextmanager
def stopped(name: str) -> Iterator[None]:
    """The component is away while the context is open; at its end the cluster serves again."""
    component("stop", name)
    try:
        yield
    finally:
        component("start", name)
        until("an API server that answers", _answers)
        kubectl("wait", "node", "--all", "--for=condition=Ready", "--timeout=120s")


def _answers() -> bool:
    try:
        return kubectl("get", "--raw", "/readyz", timeout=10) == "ok"
    except CommandFailed:
        return False


def operator_pod() -> dict[str, Any]:
    """The operator's pod that is not on its way out."""
    (pod,) = (item for item in items(SYSTEM, "pods", POD) if "deletionTimestamp" not in item["metadata"])
    return pod


def kill_operator() -> None:
    """SIGKILL to the operator's process, from the node, as an OOM kill does it."""
    kill(operator_pod())


def kill(pod: dict[str, Any]) -> None:
    """SIGKILL to the first process of a pod's only container."""
    component("kill", pod["status"]["containerStatuses"][0]["containerID"].split("//")[1])


def fresh_operator() -> None:
    """A new pod: a container that was killed before starts again only after a back-off that grows."""
    kubectl("-n", SYSTEM, "rollout", "restart", OPERATOR)
    kubectl("-n", SYSTEM, "rollout", "status", OPERATOR, "--timeout=120s")


def collector_pod(namespace: str, name: str) -> dict[str, Any]:
    """The bundle's first collector pod once it runs."""
    uid = get(namespace, "sbundle", name)["metadata"]["uid"]

    def running() -> dict[str, Any] | None:
        listed = items(namespace, "pods", f"{named.LABEL_UID}={uid}")
        ready = (pod for pod in listed if condition(pod, "Ready").get("status") == "True")
        return next(ready, None)

    found: dict[str, Any] = until(f"a running collector of {name}", running)
    return found


def phase(namespace: str, name: str) -> str:
    """status.phase, or nothing."""
    return str(get(namespace, "sbundle", name).get("status", {}).get("phase", ""))


def reason(namespace: str, name: str) -> tuple[str, str]:
    """Reason and message of the Ready condition."""
    ready = condition(get(namespace, "sbundle", name), "Ready")
    return ready.get("reason", ""), ready.get("message", "")


def told(namespace: str, name: str, *wanted: str, seconds: float = 60) -> str:
    """The message of the Ready condition once its reason is one of these."""

    def said() -> str:
        why, message = reason(namespace, name)
        return message if why in wanted else ""

    return until(f"{name} to say {' or '.join(wanted)}", said, seconds=seconds)


def cluster_id() -> str:
    """The uid of kube-system."""
    return str(get("default", "namespace", "kube-system")["metadata"]["uid"])


def open_bucket(bucket: str) -> S3Store:
    """A bucket of the test cluster's own S3 server, made if need be; no proxy stands before it."""
    keys = Credentials(os.environ["SB_S3_ACCESS_KEY"], os.environ["SB_S3_SECRET_KEY"])
    endpoint = os.environ["SB_S3_ENDPOINT"]
    store = S3Store(
        StoreConfig(bucket=bucket, endpoint=endpoint, region="us-east-1", path_style=True, credentials=keys)
    )
    store.ensure_bucket()
    return store


def zips(store: S3Store, obj: dict[str, Any]) -> list[str]:
    """The keys of all zips that a bundle has left."""
    meta = obj["metadata"]
    prefix = f"{named.artifact_root(cluster_id())}{meta['namespace']}/"
    return [info.key for info in store.list(prefix) if meta["uid"] in info.key]


def operator_log() -> str:
    """What the operator has said since its container started, and before if it was restarted."""
    logs = kubectl("-n", SYSTEM, "logs", OPERATOR, "--tail=-1")
    try:
        return kubectl("-n", SYSTEM, "logs", OPERATOR, "--tail=-1", "--previous") + logs
    except CommandFailed:
        return logs


def any_of(kind: str, namespace: str, uid: str) -> list[str]:
    """What is left of a bundle."""
    return names(namespace, kind, f"{named.LABEL_UID}={uid}")
