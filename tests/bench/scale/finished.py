"""Ten thousand bundles that are over: what an operator that starts among them takes and asks."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import figures

from support import sbundle
from support.driving import admin
from support.kube import kubectl
from supportbundle.kube.client import Client
from supportbundle.model.names import API_VERSION, PLURAL
from supportbundle.model.paths import collection, one

NAMESPACE = "sb-scale-finished"
AT_ONCE = 24
SETTLED = 15.0
"""Seconds without requests of the operator's, but for a few, after which its start is over."""
NOISE = 3


def measure(count: int) -> None:
    """Make them, restart the operator, print what it took; then an empty cluster again."""
    kubectl("create", "namespace", NAMESPACE)
    try:
        print(f"none finished: {_start()}")
        print(f"  resident {figures.memory()[0]} MiB, at most {figures.memory()[1]} MiB")
        began = time.monotonic()
        asyncio.run(_create(count))
        print(f"{count} finished bundles created in {time.monotonic() - began:.0f} s; the operator watched:")
        print(f"  resident {figures.memory()[0]} MiB, at most {figures.memory()[1]} MiB")
        print(f"{count} finished: {_start()}")
        now, most = figures.memory()
        print(f"  resident {now} MiB, at most {most} MiB, restarts {figures.restarts()}")
        print(f"  apply to Ready of one new bundle among them: {_one():.1f} s")
    finally:
        asyncio.run(_delete())
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _start() -> str:
    """Restart the operator: time to ready, and requests until it came to rest."""
    before = figures.requests()
    ready = figures.start_anew()
    since = began = time.monotonic()
    last = figures.requests()
    while time.monotonic() - since < SETTLED:
        time.sleep(1)
        if (now := figures.requests()) - last > NOISE:
            since = time.monotonic()
        last = now
    return f"start to ready {ready:.0f} s, {last - before} requests, the last of them {since - began:.0f} s after ready"


def _one() -> float:
    """Seconds from apply to the end of a bundle without targets of its own: Events of the namespace."""
    began = time.monotonic()
    sbundle.create(NAMESPACE, "new", ({"name": "events", "type": "Events"},))
    kubectl("-n", NAMESPACE, "wait", "sbundle/new", "--for=condition=Ready", "--timeout=120s")
    return time.monotonic() - began


async def _create(count: int) -> None:
    numbers = iter(range(count))
    async with admin() as client, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(_creator(client, numbers))


async def _creator(client: Client, numbers: Any) -> None:
    for number in numbers:
        name = f"incident-{number:05d}"
        obj = sbundle.manifest(name)
        await client.create(collection(API_VERSION, PLURAL, NAMESPACE), obj)
        path = one(API_VERSION, PLURAL, name, NAMESPACE, subresource="status")
        await client.patch(path, {"status": status(name, number)})


async def _delete() -> None:
    async with admin() as client:
        names = [obj["metadata"]["name"] async for obj in client.items(collection(API_VERSION, PLURAL, NAMESPACE))]
        for start in range(0, len(names), AT_ONCE):
            batch = (one(API_VERSION, PLURAL, name, NAMESPACE) for name in names[start : start + AT_ONCE])
            await asyncio.gather(*(client.delete(path) for path in batch))


def status(name: str, number: int) -> dict[str, Any]:
    """As the operator leaves it: of ten bundles eight are Ready with an artifact, one has expired, one has failed."""
    now = datetime.now(UTC).replace(microsecond=0)
    phase = {8: "Expired", 9: "Failed"}.get(number % 10, "Ready")
    good = {"Ready": "True", "Expired": "True", "Failed": "False"}[phase]
    artifact = {
        "destination": "default",
        "bucket": "supportbundles",
        "key": f"bundles/{uuid.UUID(int=1)}/{NAMESPACE}/{name}-{uuid.UUID(int=number)}.zip",
        "sizeBytes": 1234567 + number,
        "etag": f"{number:032x}",
        "files": 12,
        "manifestSHA256": f"{number:064x}",
        "expiresAt": _written(now + timedelta(days=7, seconds=number)),
    }
    return {
        "phase": phase,
        "observedGeneration": 1,
        "startedAt": _written(now),
        "completedAt": _written(now),
        "conditions": [_condition(kind, value, now) for kind, value in _conditions(good).items()],
        "progress": {"targets": {"done": 3, "total": 3}, "tasks": {"done": 9, "total": 9}, "bytes": 7340032},
        "warnings": [
            {
                "target": f"web-{i}/app",
                "collector": "logs",
                "reason": "Timeout",
                "message": "Not finished in time. " * 4,
            }
            for i in range(5)
        ],
        "warningCount": 5,
        **({} if phase == "Failed" else {"artifact": artifact}),
    }


def _conditions(good: str) -> dict[str, str]:
    stalled = "False" if good == "True" else "True"
    others = dict.fromkeys(("Collected", "Sanitized", "Uploaded"), good)
    return {"Ready": good, "Reconciling": "False", "Stalled": stalled, **others}


def _condition(kind: str, value: str, now: datetime) -> dict[str, Any]:
    message = "12 files, 1234567 bytes, 218 redactions. 5 wanted item(s) are missing; see status.warnings."
    return {
        "type": kind,
        "status": value,
        "reason": "PartiallyCollected",
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": _written(now),
    }


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
