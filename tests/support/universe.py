"""A whole world in memory: API server, store and the kubelet that runs collectors; operator processes come and go."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from prometheus_client import CollectorRegistry

from support.build import NOW, UID
from support.memory import Fuse, MemoryApi, MemoryStore
from supportbundle.archive.fragment import FragmentWriter
from supportbundle.archive.index import MemberMeta, ShardReport
from supportbundle.archive.spool import MemberSpool
from supportbundle.collect.registry import REGISTRY
from supportbundle.collector.sampling import Sampler
from supportbundle.config import OperatorConfig
from supportbundle.errors import SupportBundleError
from supportbundle.kube.client import Client
from supportbundle.metrics import Metrics
from supportbundle.model import names
from supportbundle.model.destination import Destination, DestinationSpec, DestinationType, S3Options
from supportbundle.model.plan import DryRun, Plan
from supportbundle.model.status import Staging
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.gather import read_plan
from supportbundle.reconcile.guard import Guard
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.stores import Place, Stores

KEY = Key("team", "incident", UID)
CLUSTER = "cluster-1"
ARTIFACT = names.artifact_key(CLUSTER, "team", "incident", UID)
STAGING = names.staging_prefix(CLUSTER, "team", UID)
STAGING_OPTIONS = S3Options(bucket="bucket")
SPEC = DestinationSpec(type=DestinationType.S3, s3=STAGING_OPTIONS)
CONFIG = OperatorConfig(image="image", collect_role_prefix="collect-", policy_names=("p",), sweep_grace_seconds=0)


class OneStore:
    """`Stores` with one destination, and a staging store where it is not `direct`."""

    def __init__(self, store: MemoryStore, spec: DestinationSpec, outside: MemoryStore | None) -> None:
        self.destination_now = Destination(name="default", spec=spec)
        direct = outside is None and not spec.approval.required
        where = Staging(destination="default", bucket=STAGING_OPTIONS.bucket)
        self._staged = Place(self.destination_now, store, direct, STAGING_OPTIONS, where)
        self._kept = Place(self.destination_now, outside or store, staging=spec.s3)
        self.copies = False
        self.missing: SupportBundleError | None = None

    async def place(self, _: str, *, encrypted: bool = False, recorded: Staging | None = None) -> Place:
        del encrypted, recorded
        return self._staged

    async def destination(self, _: str) -> Destination:
        return self.destination_now

    async def kept(self, _: str) -> Place:
        if self.missing is not None:
            raise self.missing
        return self._kept

    async def require_secret(self, _: Destination) -> None:
        if self.missing is not None:
            raise self.missing

    async def may_copy(self, _: Place) -> bool:
        return self.copies

    async def every_place(self) -> list[Place]:
        return [self._staged]


@dataclass
class Universe:
    """What outlives the operator: the API server, the store, and the kubelet that runs collectors."""

    api: MemoryApi
    store: MemoryStore
    scratch: Path
    pool: ThreadPoolExecutor
    config: OperatorConfig = CONFIG
    spec: DestinationSpec = SPEC
    outside: MemoryStore | None = None
    stores: OneStore = field(init=False)
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.stores = OneStore(self.store, self.spec, self.outside)

    def process(self) -> Deps:
        """A new operator process, with empty memory."""
        client = cast("Client", self.api)
        return Deps(
            client=client,
            stores=cast("Stores", self.stores),
            guard=Guard(client, CONFIG.policy_names, lambda: 0.0),
            config=self.config,
            planners=REGISTRY,
            metrics=Metrics(CollectorRegistry()),
            cluster_id=CLUSTER,
            namespace="system",
            pool=self.pool,
            clock=lambda: self.now,
        )

    def run_collectors(self) -> None:
        """What the Jobs' pods do: each shard stores its fragment, once."""
        if not self.api.of("jobs"):
            return
        for key in [key for key in self.store.data if key == names.plan_key(key.rpartition("/")[0] + "/")]:
            plan = read_plan(self.store.data[key])
            for shard in plan.shards:
                name = names.fragment_key(key.rpartition("/")[0] + "/", shard.index)
                if name not in self.store.data:
                    self.store.data[name] = self._fragment(plan, shard.index)

    def _fragment(self, plan: Plan, shard: int) -> bytes:
        if plan.dry_run is not None:
            return self._sample(plan, plan.dry_run)
        file = self.scratch / f"{shard}"
        with FragmentWriter(file, shard=shard, modified=plan.created_at) as writer:
            for task in plan.shards[shard].tasks:
                spool = MemberSpool(f"pods/{task.target}/current.log", spool_dir=self.scratch)
                spool.write(f"log of {task.target}\n".encode())
                meta = MemberMeta(collector=task.collector, target=task.target, started_at=NOW, ended_at=NOW)
                writer.append(spool.finish(), meta)
            writer.close(ShardReport(started_at=NOW, finished_at=NOW))
        return file.read_bytes()

    def _sample(self, plan: Plan, dry_run: DryRun) -> bytes:
        """Each sampled log is 1 MB, all together take a second."""
        sampler = Sampler(dry_run)
        with FragmentWriter(self.scratch / "sample", shard=0, modified=plan.created_at) as writer:
            for task in plan.shards[0].tasks:
                spool = MemberSpool("sample.log", spool_dir=self.scratch)
                meta = MemberMeta(task.collector, task.target, started_at=NOW, ended_at=NOW, source_bytes=10**6)
                sampler.count(spool.finish(), meta)
            writer.close(ShardReport(started_at=NOW, finished_at=NOW, stats=dict(sampler.stats(1.0))))
        return (self.scratch / "sample").read_bytes()


def small_world(scratch: Path) -> Universe:
    """Two pods, a policy in force since yesterday, and a bundle that asks for the pods' logs."""
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
    return Universe(api, MemoryStore(fuse), scratch, ThreadPoolExecutor(1))


def pod(name: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": name, "namespace": "team", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": "app", "state": {"running": {}}, "restartCount": 0}],
        },
    }
