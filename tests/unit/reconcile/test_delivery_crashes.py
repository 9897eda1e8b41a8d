"""The operator may die at any call while a zip is staged and delivered: one zip arrives, and nothing stays behind."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from support.build import NOW, UID
from support.memory import Fuse, Killed, MemoryApi, MemoryStore
from support.universe import ARTIFACT, KEY, STAGING, Universe
from supportbundle.model import names
from supportbundle.model.delivery import Delivered, Delivery
from supportbundle.model.destination import DestinationSpec, DestinationType, S3Options
from supportbundle.reconcile import paths
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.sweep import sweep

OUTSIDE = DestinationSpec(type=DestinationType.S3, s3=S3Options(bucket="theirs", external=True))
JOB = paths.named("jobs", "system", names.delivery_name(UID))
SECRET = paths.named("secrets", "system", names.delivery_name(UID))


def fresh(universe: Universe, folder: Path, *, copies: bool) -> Universe:
    """The same world again, from the start, with a destination that takes finished zips only."""
    folder.mkdir()
    api = MemoryApi(Fuse(), {path: dict(obj) for path, obj in universe.api.objects.items()}, universe.api.version)
    store = MemoryStore(api.fuse)
    theirs = MemoryStore(api.fuse, beside=store)
    made = Universe(api, store, folder, universe.pool, spec=OUTSIDE, outside=theirs)
    made.stores.copies = copies
    return made


def run_delivery(universe: Universe) -> None:
    """What the Job's pod does, and the garbage collector."""
    if JOB not in universe.api.objects:
        universe.api.objects.pop(SECRET, None)
        return
    proof = names.delivered_key(STAGING)
    if SECRET not in universe.api.objects or proof in universe.store.data:
        return
    told = Delivery.model_validate_json(base64.b64decode(universe.api.objects[SECRET]["data"]["delivery.json"]))
    data = universe.store.data[names.staged_key(STAGING)]
    assert universe.outside is not None
    universe.outside.data[told.key] = data
    done = Delivered(at=NOW, size=len(data), sha256="ab", etag="e", location="s3://theirs/x")
    universe.store.data[proof] = done.model_dump_json(by_alias=True).encode()


async def until_finished(universe: Universe) -> int:
    deaths, reconciler = 0, Reconciler(universe.process())
    for _ in range(80):
        try:
            again = await reconciler.run(KEY)
        except Killed:
            universe.api.fuse.disarm()
            deaths += 1
            reconciler = Reconciler(universe.process())
            continue
        universe.run_collectors()
        run_delivery(universe)
        if again is None or again > 3600:
            universe.api.fuse.disarm()
            await sweep(universe.process(), lambda _: None)
            run_delivery(universe)
            return deaths
    raise AssertionError(json.dumps(universe.api.objects[paths.bundle("team", "incident")].get("status"), indent=1))


def outcome(universe: Universe, fuse: Fuse) -> tuple[bytes, int]:
    """(zip, deaths) of one run with this fuse."""
    assert universe.outside is not None
    universe.api.fuse = universe.store.fuse = universe.outside.fuse = fuse
    deaths = asyncio.run(until_finished(universe))
    assert universe.api.objects[paths.bundle("team", "incident")]["status"]["phase"] == "Ready"
    assert universe.store.data == {}
    assert list(universe.outside.data) == [ARTIFACT]
    for kind in ("jobs", "serviceaccounts", "rolebindings", "secrets"):
        assert universe.api.of(kind) == [], kind
    return universe.outside.data[ARTIFACT], deaths


@pytest.mark.timeout(120)
@pytest.mark.parametrize("copies", [True, False], ids=["copied", "sent-by-a-job"])
def test_death_at_every_single_call_delivers_one_zip(universe: Universe, tmp_path: Path, *, copies: bool) -> None:
    counter = Fuse()
    expected, _ = outcome(fresh(universe, tmp_path / "0", copies=copies), counter)
    died = 0
    # Before the zip is staged nothing differs from `test_crashes`.
    for number in range(counter.calls // 2, counter.calls + 1):
        for before in (True, False):
            again = fresh(universe, tmp_path / f"{number}-{before}", copies=copies)
            data, deaths = outcome(again, Fuse(at=number, before=before))
            assert data == expected, f"another zip after death at call {number}"
            died += deaths
    assert died > counter.calls / 3
