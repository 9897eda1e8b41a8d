"""What a bundle may tell of the cluster itself: read by the operator, for a namespace's account can read none of it."""

from __future__ import annotations

from pydantic import JsonValue

from supportbundle.model.base import Value

MAX_NODES = 500
"""The plan travels in a Secret; 500 summaries are some 60 kB compressed."""


class ClusterFacts(Value):
    """The version as `/version` tells it, and summaries of nodes and storage classes.

    Summaries are Kubernetes objects with fewer fields, so that viewers take them for objects. `node_metrics` are those
    of metrics.k8s.io, empty where it is not served; `omitted_nodes` did not fit.
    """

    version: dict[str, JsonValue]
    nodes: tuple[dict[str, JsonValue], ...] = ()
    storage_classes: tuple[dict[str, JsonValue], ...] = ()
    node_metrics: tuple[dict[str, JsonValue], ...] = ()
    omitted_nodes: int = 0
