"""The operator may die at any call to the API server or to the store: the bundle ends the same, byte for byte."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from pathlib import Path

import pytest

from support.memory import Fuse, Killed, MemoryApi, MemoryStore
from support.universe import ARTIFACT, KEY, STAGING, Universe
from supportbundle.reconcile import paths
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.sweep import sweep


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
