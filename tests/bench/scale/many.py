"""A thousand bundles created at once, on simulated pods: all end, none is lost, a small one is not starved."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import figures
import node

from support import sbundle
from support.driving import admin
from support.kube import RELEASE, ROOT, SYSTEM, apply, condition, kubectl, names, run, until
from supportbundle.kube.client import Client
from supportbundle.model.names import API_VERSION, PLURAL
from supportbundle.model.paths import collection

NAMESPACES = [f"sb-scale-many-{number}" for number in range(4)]
AT_ONCE = 32
TARGETS = 3
LARGE_EVERY = 10
"""One bundle in ten is large: forty collectors of each target's log, so three shards instead of one."""
LARGE = tuple(
    {"name": f"logs-{number:02d}", "type": "Logs", "logs": {"tailLines": 10 + number}} for number in range(40)
)
PATIENCE = 3600.0


def measure(count: int) -> None:
    """Create them, wait for all, print what it took; then an empty cluster again."""
    run("helm", "upgrade", RELEASE, str(ROOT / "helm/supportbundle-operator"), "-n", SYSTEM, "--reuse-values", "--wait",
        f"--set=collector.nodeSelector.{node.LABEL}=yes", "--set=collector.tolerations[0].operator=Exists")  # fmt: skip
    try:
        asyncio.run(_measure(count))
    finally:
        for namespace in NAMESPACES:
            kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")
        kubectl("delete", "node", node.NAME, "--ignore-not-found")
        run("helm", "upgrade", RELEASE, str(ROOT / "helm/supportbundle-operator"), "-n", SYSTEM, "--reuse-values",
            "--wait", "--set=collector.nodeSelector=null", "--set=collector.tolerations=null")  # fmt: skip


async def _measure(count: int) -> None:
    async with admin() as client, node.simulated(client) as simulated:
        for namespace in NAMESPACES:
            await asyncio.to_thread(_prepare, namespace)
        before, metrics = await asyncio.to_thread(lambda: (figures.requests(), figures.metrics()))
        began = time.monotonic()
        numbers = iter(range(count))
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(_creator(client, numbers))
        created = time.monotonic() - began
        print(f"{count} bundles created in {created:.0f} s, one in {LARGE_EVERY} with 40 collectors")
        found = await _all_over(client, count, began)
        took = time.monotonic() - began
        spent = await asyncio.to_thread(lambda: (figures.requests() - before, figures.metrics() - metrics))
        await asyncio.to_thread(_tell, found, took, *spent, simulated)


def _prepare(namespace: str) -> None:
    """Pods to collect from. Beside the loop, in which the simulated node lives."""
    kubectl("create", "namespace", namespace)
    until("the default account", lambda: "serviceaccount/default" in names(namespace, "serviceaccounts"))
    apply(namespace, *(node.target(f"web-{number}") for number in range(TARGETS)))
    kubectl("-n", namespace, "wait", "pod", "--all", "--for=condition=Ready", "--timeout=60s")


async def _creator(client: Client, numbers: Iterator[int]) -> None:
    for number in numbers:
        large = number % LARGE_EVERY == 0
        obj = sbundle.manifest(f"{'large' if large else 'small'}-{number:05d}", LARGE if large else sbundle.LOGS)
        namespace = NAMESPACES[number % len(NAMESPACES)]
        await client.create(collection(API_VERSION, PLURAL, namespace), obj)


async def _all_over(client: Client, count: int, began: float) -> list[dict[str, Any]]:
    """Every bundle, once all are over; looked at each 5 s."""
    peak = 0
    while True:
        bundles = [obj async for obj in client.items(collection(API_VERSION, PLURAL))]
        over = [obj for obj in bundles if any(condition(obj, c).get("status") == "True" for c in ("Ready", "Stalled"))]
        now, most = await asyncio.to_thread(figures.memory)
        peak = max(peak, most)
        phases = Counter(obj.get("status", {}).get("phase", "unseen") for obj in bundles)
        print(f"  {time.monotonic() - began:5.0f} s: {dict(phases)}, operator {now} MiB, at most {peak}", flush=True)
        if len(over) == count or time.monotonic() - began > PATIENCE:
            return bundles
        await asyncio.sleep(5)


def _tell(
    bundles: list[dict[str, Any]], took: float, requests: int, metrics: Counter[str], simulated: node.Simulated
) -> None:
    reasons = Counter(condition(obj, "Ready").get("reason", "none") for obj in bundles)
    print(f"all over after {took:.0f} s: {dict(reasons)}; {len(bundles) / took:.1f} bundles a second")
    print(f"collector pods simulated: {simulated.pods}, fragments stored: {simulated.fragments}")
    print(f"API requests of the operator: {requests}, {requests / len(bundles):.1f} a bundle")
    print(f"steps: { ({name: value for name, value in metrics.items() if 'reconcile_total' in name}) }")
    for kind in ("small", "large"):
        mine = [_seconds(obj) for obj in bundles if obj["metadata"]["name"].startswith(kind)]
        print(f"{kind}: creation to the end {statistics.median(mine):.0f} s median, {max(mine):.0f} s at most")
    print(f"operator: {figures.memory()} MiB resident now and at most, restarts {figures.restarts()}")
    odd = [obj for obj in bundles if condition(obj, "Ready").get("status") != "True"]
    for obj in odd[:3]:
        print(json.dumps(condition(obj, "Ready")))


def _seconds(obj: dict[str, Any]) -> float:
    began = datetime.fromisoformat(obj["metadata"]["creationTimestamp"])
    ended = obj.get("status", {}).get("completedAt")
    return (datetime.fromisoformat(ended) - began).total_seconds() if ended else float("inf")
