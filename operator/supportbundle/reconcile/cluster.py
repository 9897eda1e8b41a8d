"""What a bundle may tell of the cluster itself, read with the operator's rights when a bundle is planned.

Only summaries leave: what a node is called, what it can carry and how it is; no addresses, images or provider ids.
Nobody waits for a part that cannot be read; it is empty.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from supportbundle.collect.base import ClusterReader
from supportbundle.errors import SupportBundleError
from supportbundle.model.cluster import MAX_NODES, ClusterFacts
from supportbundle.model.paths import collection

Json = dict[str, Any]
NODES = collection("v1", "nodes")
CLASSES = collection("storage.k8s.io/v1", "storageclasses")
METRICS = collection("metrics.k8s.io/v1beta1", "nodes")
MAX_CLASSES = 200
_PAGE = "50"
"""A node takes up to 50 kB, most of it the names of its images."""

_VERSION = frozenset(
    {"buildDate", "compiler", "gitCommit", "gitTreeState", "gitVersion", "goVersion", "major", "minor", "platform"}
)
_META = ("name", "uid", "labels", "creationTimestamp")
_NODE_SPEC = ("taints", "unschedulable")
_NODE_STATUS = ("capacity", "allocatable")
_CONDITION = ("type", "status", "reason", "lastTransitionTime")
_NODE_INFO = (
    "architecture",
    "containerRuntimeVersion",
    "kernelVersion",
    "kubeletVersion",
    "operatingSystem",
    "osImage",
)
_CLASS = ("provisioner", "reclaimPolicy", "volumeBindingMode", "allowVolumeExpansion")
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


async def read_cluster(client: ClusterReader) -> ClusterFacts:
    """Everything that may be read and is served; at most `MAX_NODES` nodes."""
    nodes = await _some(client, NODES, MAX_NODES, _node)
    return ClusterFacts(
        version=await _version(client),
        nodes=nodes,
        storage_classes=await _some(client, CLASSES, MAX_CLASSES, _storage_class),
        node_metrics=await _some(client, METRICS, MAX_NODES, _node_metrics),
        omitted_nodes=await _omitted(client) if len(nodes) == MAX_NODES else 0,
    )


async def _version(client: ClusterReader) -> Json:
    try:
        answer = await client.get("/version")
    except SupportBundleError:
        return {}
    return {key: value for key, value in answer.items() if key in _VERSION and isinstance(value, str)}


async def _some(client: ClusterReader, path: str, limit: int, summary: Callable[[Json], Json]) -> tuple[Json, ...]:
    """What was read before a failure is kept."""
    found: list[Json] = []
    try:
        async for obj in _first(client.items(path, {"limit": _PAGE}), limit):
            found.append(summary(obj))  # noqa: PERF401 - what came before a failure must stay
    except SupportBundleError:
        pass
    return tuple(found)


async def _first(objects: AsyncIterator[Json], limit: int) -> AsyncIterator[Json]:
    for _ in range(limit):
        obj = await anext(objects, None)
        if obj is None:
            return
        yield obj


async def _omitted(client: ClusterReader) -> int:
    """The server counts for us: a page of one object says how many remain."""
    try:
        page = await client.get(NODES, {"limit": "1"})
    except SupportBundleError:
        return 0
    remaining = page.get("metadata", {}).get("remainingItemCount") or 0
    return max(0, int(remaining) + 1 - MAX_NODES)


def _node(node: Json) -> Json:
    spec, status = node.get("spec") or {}, node.get("status") or {}
    conditions = [_only(condition, _CONDITION) for condition in status.get("conditions") or ()]
    return {
        "metadata": _only(node["metadata"], _META),
        "spec": _only(spec, _NODE_SPEC),
        "status": {
            **_only(status, _NODE_STATUS),
            "conditions": conditions,
            "nodeInfo": _only(status.get("nodeInfo") or {}, _NODE_INFO),
        },
    }


def _storage_class(storage_class: Json) -> Json:
    """Without parameters: they may name Secrets and endpoints of the storage behind it."""
    metadata = storage_class["metadata"]
    default = _only(metadata.get("annotations") or {}, (_DEFAULT_CLASS,))
    kept = _only(metadata, ("name", "uid", "creationTimestamp"))
    return {"metadata": kept | ({"annotations": default} if default else {}), **_only(storage_class, _CLASS)}


def _node_metrics(metrics: Json) -> Json:
    return {"metadata": _only(metrics["metadata"], _META), **_only(metrics, ("timestamp", "window", "usage"))}


def _only(source: Mapping[str, Any], keys: tuple[str, ...]) -> Json:
    return {key: source[key] for key in keys if key in source}
