"""Which of the operator's pods works, its process on the node, and ways to take it away."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime

from support.kube import OPERATOR, ROOT, SYSTEM, get, items, kubectl, run, until

LEASE = "supportbundle-operator"
COMPONENT = "app.kubernetes.io/component=operator"


def pods() -> list[str]:
    """The operator's pods that are there to stay."""
    found = items(SYSTEM, "pods", COMPONENT)
    return [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]


def holder() -> str:
    """The pod that the Lease names; empty while there is none."""
    leases = items(SYSTEM, "leases")
    return "".join(lease["spec"].get("holderIdentity", "") for lease in leases).partition("_")[0]


def pod() -> str:
    """The pod that leads, once it is one that stays: after a rollout the old one leads until it ends."""
    return until("a leader that stays", lambda: (name := holder()) in pods() and name, seconds=60) or ""


def container(name: str) -> str:
    """The id of a pod's only container, for the runtime."""
    identity: str = get(SYSTEM, "pod", name)["status"]["containerStatuses"][0]["containerID"]
    return identity.split("//")[1]


def process(name: str) -> int:
    """The process id of a pod's container on the node."""
    wanted = container(name)
    socket = f"{os.environ['SB_CLUSTER_STATE']}/containerd.sock"
    tasks = run("ctr", "-a", socket, "-n", "k8s.io", "tasks", "ls").decode().splitlines()
    return next(int(words[1]) for words in map(str.split, tasks) if words[0] == wanted)


def taken() -> datetime:
    """When the Lease changed hands, by the clock of the pod that took it."""
    return datetime.fromisoformat(get(SYSTEM, "lease", LEASE)["spec"]["acquireTime"])


def scale(namespace: str, replicas: int) -> None:
    """Scale, and wait for who is to lead."""
    kubectl("-n", namespace, "scale", OPERATOR, f"--replicas={replicas}")
    kubectl("-n", namespace, "rollout", "status", OPERATOR, "--timeout=120s")
    pod()


def deleted(pod: str) -> None:
    """As an eviction does it: SIGTERM and time to go."""
    kubectl("-n", SYSTEM, "delete", "pod", pod, "--wait=false")


def killed(pod: str) -> None:
    """SIGKILL from the node, as an OOM kill does it: the kubelet starts the container again."""
    run(str(ROOT / "tests/cluster/component"), "kill", container(pod))


def paused(pod: str) -> None:
    """SIGSTOP: to the other pod as if the node had died. A pod deleted by force lives until its kubelet hears."""
    os.kill(process(pod), signal.SIGSTOP)


FAULTS: dict[str, Callable[[str], None]] = {
    "deleted": deleted,
    "killed": killed,
    "paused": paused,
}
