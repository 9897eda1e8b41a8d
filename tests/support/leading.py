"""Which of the operator's pods works, and its process on the node."""

from __future__ import annotations

import json
import os

from support.kube import SYSTEM, get, kubectl, run, until

LEASE = "supportbundle-operator"
COMPONENT = ("-l", "app.kubernetes.io/component=operator")


def pods() -> list[str]:
    """The operator's pods that are there to stay."""
    found = json.loads(kubectl("-n", SYSTEM, "get", "pods", *COMPONENT, "-o", "json"))["items"]
    return [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]


def holder() -> str:
    """The pod that the Lease names; empty while there is none."""
    spec = json.loads(kubectl("-n", SYSTEM, "get", "leases", "-o", "json"))["items"]
    return "".join(lease["spec"].get("holderIdentity", "") for lease in spec).partition("_")[0]


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
