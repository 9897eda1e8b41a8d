"""The example for Mattermost, applied beside servers that stand in for it, gives the product's packet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.contractservers import kept
from support.kube import ROOT, apply, items, kubectl
from support.packets import (
    NEEDS_LICENCE,
    NEEDS_NODE,
    NO_SOURCE,
    NODE,
    OURS,
    SUPPORT_PACKET,
    V9,
    V11_SHARED,
    leaks,
    parsed,
    top,
)
from support.products import mattermost
from support.sbundle import fetch, ready, unpack

pytestmark = pytest.mark.e2e
EXAMPLE = ROOT / "docs/examples/mattermost.yaml"


def deployed(namespace: str, *objects: Mapping[str, Any]) -> None:
    apply(namespace, *objects)
    for name in (each["metadata"]["name"] for each in objects if each["kind"] == "Deployment"):
        kubectl("-n", namespace, "rollout", "status", f"deployment/{name}", "--timeout=240s")


def packet(namespace: str, name: str) -> dict[str, bytes]:
    """The files of the bundle, which has no warnings and holds nothing that was planted."""
    assert ready(namespace, name)["status"].get("warnings", []) == []
    files = unpack(fetch(namespace, name))
    assert leaks("mattermost", files) == []
    assert files.keys() >= OURS
    return {path: data for path, data in files.items() if path not in OURS}


def seconds(profile: bytes, scratch: Path) -> float:
    """How long a profile took; on a busy node the process that is asked ends it late."""
    (found,) = re.findall(r"Duration: ([\d.]+)", top(profile, scratch))
    return float(found)


def test_the_example_gives_the_reference_list(namespace: str, tmp_path: Path) -> None:
    deployed(namespace, *mattermost.by_operator("mattermost", "-version=v9"), *mattermost.job_server("mattermost"))
    kubectl("-n", namespace, "apply", "-f", str(EXAMPLE))
    files = packet(namespace, "mattermost")
    assert files.keys() == V9
    left_out = {*NO_SOURCE, *NEEDS_NODE, *NEEDS_LICENCE}
    assert list(parsed(files, "support_packet.yaml")) == [key for key in SUPPORT_PACKET if key not in left_out]
    assert seconds(files["cpu.prof"], tmp_path) >= 5
    assert "inuse_space/bytes" in top(files["heap.prof"], tmp_path)
    assert files["goroutines"].startswith(b"goroutine ")
    assert kept("mattermost")["databaseHost"].encode() in files["mattermost.log"]
    assert kept("mattermost")["siteUrl"] in parsed(files, "sanitized_config.json")["ServiceSettings"]["SiteURL"]


def test_a_licensed_cluster_by_its_own_packet_and_node_by_node(namespace: str, tmp_path: Path) -> None:
    made = mattermost.by_enterprise_chart("mattermost", "-version=v11", "-nodes=2", "-packet-seconds=1", replicas=2)
    deployed(namespace, *made)
    pods = [pod["metadata"]["name"] for pod in items(namespace, "pods", "app.kubernetes.io/component=server")]
    # One after the other, for a process takes one profile of its processor at a time.
    apply(namespace, asking("assembled", variant="v11", mode="Assembled", cpuSeconds="1"))
    assembled = packet(namespace, "assembled")
    assert assembled.keys() == V11_SHARED | {f"{pod}/{name}" for pod in pods for name in NODE}
    for pod in pods:
        assert "Duration: " in top(assembled[f"{pod}/cpu.prof"], tmp_path)
    apply(namespace, asking("native", mode="Auto"))
    native = packet(namespace, "native")
    assert native.keys() >= V11_SHARED | {"database_schema.yaml"}
    assert native.keys() >= {f"{pod}/mattermost.log" for pod in pods}


def asking(name: str, **parameters: str) -> dict[str, Any]:
    """The example with other parameters."""
    bundle = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    reference = bundle["spec"]["templateRef"] | {"parameters": parameters}
    return {**bundle, "metadata": {"name": name}, "spec": bundle["spec"] | {"templateRef": reference}}
