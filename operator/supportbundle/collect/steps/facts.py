"""What expressions know besides answers: the pod that is asked, its node, and the bundle."""

from __future__ import annotations

from pydantic import JsonValue

from supportbundle.model.pod import PodFacts
from supportbundle.plan.context import PlanContext
from supportbundle.plan.steps import BUNDLE, NODE, POD


def facts(pod: PodFacts | None, context: PlanContext) -> dict[str, JsonValue]:
    """`pod`, `node` and `bundle`. Without a pod that is known before, the first two are null.

    `node` is what the kubelet says of its machine (`operatingSystem`, `architecture`, versions), and null unless the
    bundle may tell of the cluster.
    """
    return {
        POD: None if pod is None else _pod(pod),
        NODE: None if pod is None else _node(pod.node, context),
        BUNDLE: {
            "namespace": context.namespace,
            "time": context.now.isoformat(),
            "milliseconds": int(context.now.timestamp() * 1000),
        },
    }


def _pod(pod: PodFacts) -> JsonValue:
    return {
        "name": pod.name,
        "ip": pod.ip,
        "nodeName": pod.node,
        "labels": dict(pod.labels),
        "images": {container.name: container.image for container in pod.containers},
    }


def _node(name: str, context: PlanContext) -> JsonValue:
    for node in context.cluster.nodes if context.cluster is not None else ():
        metadata, status = node.get("metadata"), node.get("status")
        if isinstance(metadata, dict) and metadata.get("name") == name and isinstance(status, dict):
            info = status.get("nodeInfo")
            return {"name": name, **info} if isinstance(info, dict) else {"name": name}
    return None
