"""A thousand bundles created at once, on simulated pods: all end, none is lost, a small one is not starved."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import figures
import node

from support import sbundle
from support.driving import admin
from support.installing import install
from support.kube import apply, condition, kubectl, names, until
from supportbundle.kube.client import Client
from supportbundle.model.names import API_VERSION, PLURAL
from supportbundle.model.paths import collection

NAMESPACES = [f"sb-scale-{number}" for number in range(4)]
AT_ONCE = 16
TARGETS = 3
LARGE_EVERY = 10
LARGE = tuple(
    {"name": f"logs-{number:02d}", "type": "Logs", "logs": {"tailLines": 10 + number}} for number in range(40)
)
"""120 tasks instead of 3: some 5 s of a simulated collector in each of three shards, and 6 MB each."""
SHARES = ("resources.requests.cpu=500m", "store.embedded.resources.requests.cpu=500m")
"""What is measured must not starve behind the tests of others on the same cores."""
PATIENCE = 1500.0
LOOK = 15.0


@dataclass
class Spent:
    """What the operator asked for, by the API server's count and by its own."""

    requests: int
    metrics: Counter[str]
    every: Counter[str]

    @classmethod
    def now(cls) -> Spent:
        """Until now."""
        return cls(figures.requests(), figures.metrics(), figures.by_resource())

    def since(self, before: Spent) -> Spent:
        """Between two looks."""
        return Spent(self.requests - before.requests, self.metrics - before.metrics, self.every - before.every)


def measure(count: int) -> None:
    """Create them, wait for all, print what it took; then an empty cluster again."""
    install(*node.SETTINGS, *SHARES)
    try:
        asyncio.run(_measure(count))
    finally:
        kubectl("delete", "namespace", *NAMESPACES, "--ignore-not-found", "--wait=false")
        install()


async def _measure(count: int) -> None:
    async with admin() as client, node.simulated(client) as simulated:
        for namespace in NAMESPACES:
            await asyncio.to_thread(_prepare, namespace)
        print(f"operator before: {await asyncio.to_thread(figures.memory)} MiB resident, at most")
        before = await asyncio.to_thread(Spent.now)
        began = time.monotonic()
        numbers = iter(range(count))
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(_creator(client, numbers))
        print(f"{count} bundles created in {time.monotonic() - began:.0f} s, one in {LARGE_EVERY} is large")
        found = await _all_over(client, count, began)
        took = time.monotonic() - began
        after = await asyncio.to_thread(Spent.now)
        await asyncio.to_thread(_tell, found, took, after.since(before), simulated)
        await asyncio.to_thread(kubectl, "delete", "namespace", *NAMESPACES, timeout=900)
        gone = (await asyncio.to_thread(Spent.now)).since(after)
        print(f"deleted: {gone.requests / count:.1f} API requests a bundle")


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
        namespace = NAMESPACES[number // LARGE_EVERY % len(NAMESPACES)]
        await client.create(collection(API_VERSION, PLURAL, namespace), obj)


async def _all_over(client: Client, count: int, began: float) -> list[dict[str, Any]]:
    """Every bundle, once all are over."""
    while True:
        bundles = [obj async for obj in client.items(collection(API_VERSION, PLURAL))]
        over = [obj for obj in bundles if any(condition(obj, c).get("status") == "True" for c in ("Ready", "Stalled"))]
        phases = Counter(obj.get("status", {}).get("phase", "unseen") for obj in bundles)
        now, most = await asyncio.to_thread(figures.memory)
        print(f"  {time.monotonic() - began:5.0f} s: {dict(phases)}, operator {now} MiB, at most {most}", flush=True)
        if len(over) == count or time.monotonic() - began > PATIENCE:
            return bundles
        await asyncio.sleep(LOOK)


def _tell(bundles: list[dict[str, Any]], took: float, spent: Spent, simulated: node.Simulated) -> None:
    count = len(bundles)
    reasons = Counter(condition(obj, "Ready").get("reason", "none") for obj in bundles)
    print(f"all over after {took:.0f} s: {dict(reasons)}; {count / took:.1f} bundles a second")
    print(f"collector pods: {simulated.pods}, at most {simulated.most} at once; fragments: {simulated.fragments}")
    print(f"API requests of the operator: {spent.requests}, {spent.requests / count:.1f} a bundle")
    for title, prefix in (("by its own count", "supportbundle_kube_requests_total"),
                          ("store", "supportbundle_store_requests_total"),
                          ("steps", "supportbundle_reconcile_total")):  # fmt: skip
        mine = {name.removeprefix(prefix): value for name, value in spent.metrics.items() if name.startswith(prefix)}
        each = ", ".join(f"{name} {value / count:.2f}" for name, value in sorted(mine.items(), key=lambda i: -i[1]))
        print(f"{title}: {sum(mine.values()) / count:.1f} a bundle: {each}")
    timed = "supportbundle_store_request_duration_seconds"
    sums = {name: value for name, value in spent.metrics.items() if name.startswith(f"{timed}_sum")}
    took_ = (f"{name[len(timed) + 4:]} {1000 * value / spent.metrics[name.replace('_sum', '_count')]:.0f} ms"
             for name, value in sums.items())  # fmt: skip
    print(f"store, mean times: {', '.join(took_)}")
    print(f"operator's CPU: {spent.metrics['process_cpu_seconds_total'] / count:.2f} s a bundle")
    most = ", ".join(f"{name} {value / count:.1f}" for name, value in spent.every.most_common(24))
    print(f"the API server answered, also to Kubernetes itself and this bench, a bundle: {most}")
    for kind in ("small", "large"):
        mine_ = sorted(_seconds(obj) for obj in bundles if obj["metadata"]["name"].startswith(kind))
        p95 = mine_[int(len(mine_) * 0.95)]
        print(
            f"{kind}: creation to end, median {statistics.median(mine_):.0f} s, p95 {p95:.0f} s, max {mine_[-1]:.0f} s"
        )
    print(f"operator: {figures.memory()} MiB resident now and at most, restarts {figures.restarts()}")
    odd = [obj for obj in bundles if condition(obj, "Ready").get("status") != "True"]
    for obj in odd[:3]:
        print(json.dumps(condition(obj, "Ready")))


def _seconds(obj: dict[str, Any]) -> float:
    began = datetime.fromisoformat(obj["metadata"]["creationTimestamp"])
    ended = obj.get("status", {}).get("completedAt")
    return (datetime.fromisoformat(ended) - began).total_seconds() if ended else float("inf")
