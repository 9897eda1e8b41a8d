"""What the operator has read of the cluster itself, as files where troubleshoot has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping

import orjson
from pydantic import JsonValue

from supportbundle.collect.base import RunContext
from supportbundle.collect.lists import Json, Kind, write_list
from supportbundle.errors import TooLarge
from supportbundle.model.cluster import ClusterFacts
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Task

VERSION_FILE = "cluster-info/cluster_version.json"
NODES_FILE = "cluster-resources/nodes.json"
CLASSES_FILE = "cluster-resources/storage-classes.json"
METRICS_FILE = "cluster-info/node-metrics.json"
JSON_LIMIT = 8 << 20

Objects = Iterable[Mapping[str, JsonValue]]


async def write_cluster_info(facts: ClusterFacts, task: Task, context: RunContext) -> None:
    """Version, nodes and storage classes; node metrics where there are any."""
    await write_version(facts.version, task, context)
    await _list(NODES_FILE, "v1", "Node", facts.nodes, task, context)
    await _list(CLASSES_FILE, "storage.k8s.io/v1", "StorageClass", facts.storage_classes, task, context)
    if facts.node_metrics:
        await _list(METRICS_FILE, "metrics.k8s.io/v1beta1", "NodeMetrics", facts.node_metrics, task, context)
    if facts.omitted_nodes:
        message = f"{len(facts.nodes)} nodes are listed; {facts.omitted_nodes} more are not."
        context.sink.gap(Gap.say("TooLarge", message, target="nodes", collector=task.collector))


async def write_version(version: Mapping[str, JsonValue], task: Task, context: RunContext) -> None:
    """`{"info": {...}, "string": "v1.34.4"}`, as troubleshoot writes it."""
    await write_json(VERSION_FILE, {"info": version, "string": version.get("gitVersion", "")}, task, context)


async def write_json(path: str, document: object, task: Task, context: RunContext) -> None:
    """One JSON file.

    Raises:
        TooLarge: it does not fit, so that it is dropped.
    """
    async with context.sink.member(path, task=task, limit=JSON_LIMIT) as member:
        if not await member.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"):
            raise TooLarge(f"{path} does not fit.", "Raise limits.maxBytes.")


async def _list(path: str, api_version: str, kind: str, objects: Objects, task: Task, context: RunContext) -> None:
    await write_list(_one_by_one(objects), Kind(api_version, kind, path), task, context, path=path, empty=True)


async def _one_by_one(objects: Objects) -> AsyncIterator[Json]:
    for obj in objects:
        yield dict(obj)
