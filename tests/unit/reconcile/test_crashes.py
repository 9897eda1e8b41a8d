"""The operator may die at any call to the API server or to the store: the bundle ends the same, byte for byte."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from support.build import NOW, UID
from support.memory import Fuse, Killed, MemoryApi, MemoryStore
from supportbundle.archive.fragment import FragmentWriter
from supportbundle.archive.index import MemberMeta, ShardReport
from supportbundle.archive.spool import MemberSpool
from supportbundle.collect.registry import REGISTRY
from supportbundle.config import OperatorConfig
from supportbundle.kube.client import Client
from supportbundle.metrics import Metrics
from supportbundle.model import names
from supportbundle.model.destination import Destination, DestinationSpec, DestinationType, S3Options
from supportbundle.model.plan import Plan
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.gather import read_plan
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.policies import PolicyWatch
from supportbundle.reconcile.stores import Place, Stores
from supportbundle.reconcile.sweep import sweep

KEY = Key("team", "incident", UID)
CLUSTER = "cluster-1"
ARTIFACT = names.artifact_key(CLUSTER, "team", "incident", UID)
STAGING = names.staging_prefix(CLUSTER, "team", UID)
CONFIG = OperatorConfig(image="image", collect_role_prefix="collect-", policy_names=("p",))


class OneStore:
    """`Stores` with one destination."""

    def __init__(self, store: MemoryStore) -> None:
        spec = DestinationSpec(type=DestinationType.S3, s3=S3Options(bucket="bucket"))
        self._place = Place(Destination(name="default", spec=spec), store)

    async def place(self, _: str) -> Place:
        return self._place

    async def every_place(self) -> list[Place]:
        return [self._place]


@dataclass
class Universe:
    """What outlives the operator: the API server, the store, and the kubelet that runs collectors."""

    api: MemoryApi
    store: MemoryStore
    scratch: Path
    pool: ThreadPoolExecutor

    def process(self) -> Deps:
        """A new operator process, with empty memory."""
        client = cast("Client", self.api)
        return Deps(
            client=client,
            stores=cast("Stores", OneStore(self.store)),
            policies=PolicyWatch(client, CONFIG.policy_names, lambda: 0.0),
            config=CONFIG,
            planners=REGISTRY,
            metrics=Metrics(CollectorRegistry()),
            cluster_id=CLUSTER,
            namespace="system",
            pool=self.pool,
            clock=lambda: NOW,
        )

    def run_collectors(self) -> None:
        """What the Job's pods do: each shard stores its fragment, once."""
        key = names.plan_key(STAGING)
        if not self.api.of("jobs") or key not in self.store.data:
            return
        plan = read_plan(self.store.data[key])
        for shard in plan.shards:
            name = names.fragment_key(STAGING, shard.index)
            if name not in self.store.data:
                self.store.data[name] = self._fragment(plan, shard.index)

    def _fragment(self, plan: Plan, shard: int) -> bytes:
        file = self.scratch / f"{shard}"
        with FragmentWriter(file, shard=shard, modified=plan.created_at) as writer:
            for task in plan.shards[shard].tasks:
                spool = MemberSpool(f"pods/{task.target}/current.log", spool_dir=self.scratch)
                spool.write(f"log of {task.target}\n".encode())
                meta = MemberMeta(collector=task.collector, target=task.target, started_at=NOW, ended_at=NOW)
                writer.append(spool.finish(), meta)
            writer.close(ShardReport(started_at=NOW, finished_at=NOW))
        return file.read_bytes()


def pod(name: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": name, "namespace": "team", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": "app", "state": {"running": {}}, "restartCount": 0}],
        },
    }


@pytest.fixture
def universe(tmp_path: Path) -> Universe:
    fuse = Fuse()
    api = MemoryApi(fuse)
    for name in ("web-1", "web-2"):
        api.put(paths.named("pods", "team", name), pod(name))
    api.put(paths.policy("p"), {"metadata": {"name": "p"}})
    api.put(paths.policy_binding("p"), {"metadata": {"name": "p"}, "spec": {"validationActions": ["Deny"]}})
    spec = {"target": {"selector": {"matchLabels": {"app": "web"}}}, "collectors": [{"name": "logs", "type": "Logs"}]}
    metadata = {"namespace": "team", "name": "incident", "uid": UID, "generation": 1}
    api.put(paths.bundle("team", "incident"), {"metadata": metadata, "spec": spec})
    return Universe(api, MemoryStore(fuse), tmp_path, ThreadPoolExecutor(1))


async def until_finished(universe: Universe) -> int:
    """Run steps, restarting the process whenever it dies; returns how often it died."""
    deaths = 0
    reconciler = Reconciler(universe.process())
    for _ in range(60):
        try:
            again = await reconciler.run(KEY)
        except Killed:
            universe.api.fuse.disarm()
            deaths += 1
            reconciler = Reconciler(universe.process())
            continue
        universe.run_collectors()
        if again is None or again > 3600:
            return deaths
    raise AssertionError(json.dumps(universe.api.objects[paths.bundle("team", "incident")].get("status"), indent=1))


def check_the_end(universe: Universe) -> bytes:
    """One zip, nothing else, and no power left; returns the zip."""
    status = universe.api.objects[paths.bundle("team", "incident")]["status"]
    assert status["phase"] == "Ready"
    assert [key for key in universe.store.data if key.startswith("bundles/")] == [ARTIFACT]
    for kind in ("jobs", "serviceaccounts", "rolebindings", "secrets"):
        assert universe.api.of(kind) == [], kind
    return universe.store.data[ARTIFACT]


def outcome(universe: Universe, fuse: Fuse) -> tuple[bytes, int]:
    """(zip, deaths) of one run with this fuse."""

    async def whole() -> int:
        deaths = await until_finished(universe)
        universe.api.fuse.disarm()
        await sweep(universe.process(), lambda _: None)
        return deaths

    universe.api.fuse = universe.store.fuse = fuse
    deaths = asyncio.run(whole())
    assert not [key for key in universe.store.data if key.startswith(STAGING)]
    return check_the_end(universe), deaths


def test_a_quiet_run_makes_a_zip_of_every_log(universe: Universe) -> None:
    data, deaths = outcome(universe, Fuse())
    assert deaths == 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {"pods/web-1/app/current.log", "pods/web-2/app/current.log", "manifest.json"} <= set(archive.namelist())


def fresh(universe: Universe, tmp_path: Path, number: int) -> Universe:
    """The same world again, from the start."""
    fuse = Fuse()
    scratch = tmp_path / str(number)
    scratch.mkdir()
    api = MemoryApi(fuse, {path: dict(obj) for path, obj in universe.api.objects.items()}, universe.api.version)
    return Universe(api, MemoryStore(fuse), scratch, universe.pool)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("before", [True, False], ids=["before-the-effect", "after-the-effect"])
def test_death_at_every_single_call_changes_nothing(universe: Universe, tmp_path: Path, *, before: bool) -> None:
    counter = Fuse()
    expected, _ = outcome(fresh(universe, tmp_path, 0), counter)
    assert counter.calls > 30
    died = 0
    for number in range(1, counter.calls + 1):
        data, deaths = outcome(fresh(universe, tmp_path, number), Fuse(at=number, before=before))
        assert data == expected, f"another zip after death at call {number}"
        died += deaths
    assert died > counter.calls / 3


def test_a_repeated_assembly_finds_what_it_made(universe: Universe) -> None:
    outcome(universe, Fuse())
    assert universe.store.writes.count(ARTIFACT) == 1
