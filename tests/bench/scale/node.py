"""A node without a kubelet: its pods live in the API only, and fragments are written as collectors write them.

What a real pod would cost the two cores (a container, a Python, a log to read) is left out, so that the operator and
the API server are what is measured. Everything that the operator sees is real: Job, pods, objects in the store.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import os
import tempfile
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from support.kube import SYSTEM, get
from supportbundle.archive.fragment import FragmentWriter
from supportbundle.archive.index import IndexLimits, MemberMeta, ShardReport
from supportbundle.archive.spool import MemberSpool
from supportbundle.errors import Conflict, NotFound, SupportBundleError
from supportbundle.kube.client import Client
from supportbundle.model.mounts import PLAN_FILE, UPLOADS_FILE
from supportbundle.model.names import LABEL_UID, run_name
from supportbundle.model.paths import collection, one
from supportbundle.model.plan import Plan, Uploads

NAME = "simulated"
LABEL = "simulated"
SETTINGS = (f"collector.nodeSelector.{LABEL}=yes", "collector.tolerations[0].operator=Exists")
"""Helm values that bring collector pods to the node."""
INDEX = "batch.kubernetes.io/job-completion-index"
LEASES = collection("coordination.k8s.io/v1", "leases", "kube-node-lease")
START = 1.0
"""Seconds from the pod to the first byte."""
TASK = 0.1
"""Seconds that a task takes, one after the other."""
RENEW = 10.0
ROOM = {"cpu": "1000", "memory": "4Ti", "pods": "5000", "ephemeral-storage": "10Ti"}
LOG = b"2026-03-04T05:06:07Z level=info msg=served path=/api/v4/users status=200 duration=12ms\n" * 100
HEAVY = 10
"""Tasks of a shard from which on its first member does not compress and is as large as a part that the store copies."""
NOISE = os.urandom(6 << 20)


def target(name: str) -> dict[str, Any]:
    """A pod to collect from."""
    container = {"name": "app", "image": "localhost/none"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {
            "nodeName": NAME,
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "tolerations": [{"operator": "Exists"}],
        },
    }


@dataclass
class Simulated:
    """The node's life; counts what it did."""

    client: Client
    session: aiohttp.ClientSession
    pods: int = 0
    fragments: int = 0
    alive: int = 0
    most: int = 0
    _known: set[str] = field(default_factory=set)

    async def renew(self) -> None:
        """The heartbeat, without which the node is taken for dead."""
        path = one("coordination.k8s.io/v1", "leases", NAME, "kube-node-lease")
        while True:
            with suppress(SupportBundleError):
                await self.client.patch(path, {"spec": {"renewTime": _now(micro=True)}})
            await asyncio.sleep(RENEW)

    async def live(self) -> None:
        """Follow the node's pods for ever."""
        query = {"fieldSelector": f"spec.nodeName={NAME}", "timeoutSeconds": "280"}
        async with asyncio.TaskGroup() as group:
            while True:
                with suppress(SupportBundleError):
                    async for event, pod in self.client.watch(collection("v1", "pods"), query):
                        if event in {"ADDED", "MODIFIED"}:
                            group.create_task(self._pod(pod))

    async def _pod(self, pod: dict[str, Any]) -> None:
        meta = pod["metadata"]
        try:
            if "deletionTimestamp" in meta:
                await _end(self.client, meta)
            elif meta["uid"] not in self._known:
                self._known.add(meta["uid"])
                await self._run(pod)
        except (NotFound, Conflict):
            return  # deleted meanwhile
        except Exception:  # noqa: BLE001 - one pod must not take the node with it
            traceback.print_exc()

    async def _run(self, pod: dict[str, Any]) -> None:
        meta = pod["metadata"]
        path = one("v1", "pods", meta["name"], meta["namespace"], subresource="status")
        name = pod["spec"]["containers"][0]["name"]
        await self.client.patch(path, {"status": _status("Running", name, {"running": {"startedAt": _now()}})})
        if LABEL_UID not in meta.get("labels", {}):
            return
        self.pods += 1
        self.alive += 1
        self.most = max(self.most, self.alive)
        try:
            await self._collect(meta["namespace"], meta["labels"][LABEL_UID], int(meta["annotations"][INDEX]))
        finally:
            self.alive -= 1
        ended = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": _now(), "finishedAt": _now()}}
        await self.client.patch(path, {"status": _status("Succeeded", name, ended)})

    async def _collect(self, namespace: str, uid: str, index: int) -> None:
        secret = await self.client.get(one("v1", "secrets", run_name(uid), namespace))
        data = {key: gzip.decompress(base64.b64decode(secret["data"][key])) for key in (PLAN_FILE, UPLOADS_FILE)}
        plan = Plan.model_validate_json(data[PLAN_FILE])
        await asyncio.sleep(START + TASK * len(plan.shards[index].tasks))  # what a collector takes
        put = Uploads.model_validate_json(data[UPLOADS_FILE]).shards[index].fragment
        body = await asyncio.to_thread(fragment, plan, index)
        async with self.session.put(put.url, data=body, headers=put.headers) as answer:
            self.fragments += answer.ok


def fragment(plan: Plan, index: int) -> bytes:
    """What a collector stores: one short log for each task of the shard."""
    now, tasks = datetime.now(UTC), plan.shards[index].tasks
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "fragment"
        limits = IndexLimits.for_shards(len(plan.shards))
        with FragmentWriter(file, shard=index, modified=plan.created_at, limits=limits) as writer:
            for number, task in enumerate(tasks):
                meta = MemberMeta(collector=task.collector, target=task.target, started_at=now, ended_at=now)
                with MemberSpool(
                    task.place(task.claims[0].rstrip("/")), spool_dir=Path(scratch), memory_limit=1 << 20
                ) as spool:
                    spool.write(NOISE if number == 0 and len(tasks) >= HEAVY else LOG)
                    writer.append(spool.finish(), meta)
            writer.close(ShardReport(started_at=now, finished_at=now), ())
        return file.read_bytes()


@asynccontextmanager
async def simulated(client: Client) -> AsyncIterator[Simulated]:
    """The node, alive while the context is open."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME, "labels": {LABEL: "yes"}}}
    taint = {"key": LABEL, "value": "yes", "effect": "NoSchedule"}
    with suppress(Conflict):
        await client.create(collection("v1", "nodes"), {**node, "spec": {"taints": [taint]}})
    lease = {"holderIdentity": NAME, "leaseDurationSeconds": 40, "renewTime": _now(micro=True)}
    with suppress(Conflict):
        kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
        await client.create(LEASES, {**kind, "metadata": {"name": NAME}, "spec": lease})
    ready = {"type": "Ready", "status": "True", "reason": "Simulated", "message": "", "lastTransitionTime": _now()}
    status = {"capacity": ROOM, "allocatable": ROOM, "conditions": [{**ready, "lastHeartbeatTime": _now()}]}
    await client.patch(one("v1", "nodes", NAME, subresource="status"), {"status": status})
    connector = aiohttp.TCPConnector(limit=32, resolver=_Store())
    async with aiohttp.ClientSession(connector=connector, skip_auto_headers=("Content-Type",)) as session:
        life = Simulated(client, session)
        tasks = [asyncio.create_task(work) for work in (life.renew(), life.live())]
        try:
            yield life
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            async for pod in client.items(collection("v1", "pods"), {"fieldSelector": f"spec.nodeName={NAME}"}):
                with suppress(NotFound):
                    await _end(client, pod["metadata"])
            await client.delete(one("v1", "nodes", NAME))


class _Store(AbstractResolver):
    """The cluster's DNS is for pods; the one Service that URLs name is looked up here."""

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: int = 0,  # noqa: ARG002 - aiohttp's signature
    ) -> list[ResolveResult]:
        service, namespace = host.split(".")[:2]
        assert namespace == SYSTEM, host
        address = (await asyncio.to_thread(get, namespace, "service", service))["spec"]["clusterIP"]
        return [ResolveResult(hostname=host, host=address, port=port, family=2, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


async def _end(client: Client, meta: Mapping[str, Any]) -> None:
    """As a kubelet does: a pod that is told to end is deleted for good once it has."""
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
    path = one("v1", "pods", meta["name"], meta["namespace"])
    await client._json("DELETE", path, None, options)  # noqa: SLF001 - only kubelets ask so


def _status(phase: str, container: str, state: Mapping[str, Any]) -> dict[str, Any]:
    ready = phase == "Running"
    said = {"lastTransitionTime": _now(), "lastProbeTime": None}
    conditions = [
        {"type": kind, "status": "True" if ready or kind == "PodScheduled" else "False", **said}
        for kind in ("Ready", "ContainersReady", "PodScheduled", "Initialized")
    ]
    described = {"name": container, "image": "localhost/none", "imageID": "none", "restartCount": 0, "ready": ready}
    return {
        "phase": phase,
        "startTime": _now(),
        "conditions": conditions,
        "containerStatuses": [{**described, "started": ready, "state": state}],
    }


def _now(*, micro: bool = False) -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds" if micro else "seconds").replace("+00:00", "Z")
