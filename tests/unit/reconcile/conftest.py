"""The world in which reconciliation is tested."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.build import NOW, UID
from support.memory import Fuse, MemoryApi, MemoryStore
from support.universe import Universe, pod
from supportbundle.reconcile import paths


@pytest.fixture
def universe(tmp_path: Path) -> Universe:
    fuse = Fuse()
    api = MemoryApi(fuse)
    for name in ("web-1", "web-2"):
        api.put(paths.named("pods", "team", name), pod(name))
    earlier = {"name": "p", "creationTimestamp": "2026-11-20T00:00:00Z"}
    api.put(paths.policy("p"), {"metadata": dict(earlier)})
    api.put(
        paths.policy_binding("p"),
        {"metadata": dict(earlier), "spec": {"policyName": "p", "validationActions": ["Deny"]}},
    )
    spec = {"target": {"selector": {"matchLabels": {"app": "web"}}}, "collectors": [{"name": "logs", "type": "Logs"}]}
    metadata = {
        "namespace": "team", "name": "incident", "uid": UID, "generation": 1, "creationTimestamp": NOW.isoformat(),
    }  # fmt: skip
    api.put(paths.bundle("team", "incident"), {"metadata": metadata, "spec": spec})
    return Universe(api, MemoryStore(fuse), tmp_path, ThreadPoolExecutor(1))
