"""deletionPolicy Delete: the zip goes first, a store that is away holds nobody for long; and what the sweep takes."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from support.build import NOW, UID
from support.universe import ARTIFACT, CLUSTER, KEY, SPEC, STAGING, Universe
from supportbundle.errors import Unavailable
from supportbundle.model import names
from supportbundle.model.destination import Retention
from supportbundle.reconcile import paths
from supportbundle.reconcile.letgo import let_go
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.sweep import sweep

BUNDLE = paths.bundle("team", "incident")


def meta(universe: Universe) -> dict[str, Any]:
    found: dict[str, Any] = universe.api.objects[BUNDLE]["metadata"]
    return found


async def finished(universe: Universe, **spec: object) -> Reconciler:
    universe.api.objects[BUNDLE]["spec"] |= spec
    reconciler = Reconciler(universe.process())
    for _ in range(30):
        await reconciler.run(KEY)
        if universe.api.objects[BUNDLE].get("status", {}).get("phase") == "Ready":
            return reconciler
        universe.run_collectors()
    raise AssertionError(universe.api.objects[BUNDLE])


def delete(universe: Universe) -> None:
    meta(universe)["deletionTimestamp"] = NOW.isoformat()


async def test_the_zip_goes_with_the_bundle(universe: Universe) -> None:
    reconciler = await finished(universe, deletionPolicy="Delete")
    assert meta(universe)["finalizers"] == [names.FINALIZER]
    assert ARTIFACT in universe.store.data
    delete(universe)
    await reconciler.run(KEY)
    assert meta(universe)["finalizers"] == []
    assert universe.store.data == {}


async def test_versions_that_a_bucket_keeps_of_a_deleted_zip_are_named(universe: Universe) -> None:
    reconciler = await finished(universe, deletionPolicy="Delete")
    universe.store.keeps = frozenset({ARTIFACT})
    delete(universe)
    await reconciler.run(KEY)
    assert meta(universe)["finalizers"] == []
    [event] = [o for p, o in universe.api.objects.items() if "/events/" in p and o["reason"] == "ArtifactOrphaned"]
    assert f"the versions that the bucket keeps of bucket/{ARTIFACT} must be deleted by hand" in event["message"]


async def test_other_finalizers_are_left_alone(universe: Universe) -> None:
    meta(universe)["finalizers"] = ["example.org/backup"]
    reconciler = await finished(universe, deletionPolicy="Delete")
    assert meta(universe)["finalizers"] == ["example.org/backup", names.FINALIZER]
    delete(universe)
    await reconciler.run(KEY)
    assert meta(universe)["finalizers"] == ["example.org/backup"]


async def test_a_store_that_is_away_holds_a_deleted_bundle_for_a_bounded_time(
    universe: Universe, caplog: pytest.LogCaptureFixture
) -> None:
    reconciler = await finished(universe, deletionPolicy="Delete")
    delete(universe)
    universe.store.failure = Unavailable("Object storage did not answer.")
    with contextlib.suppress(Unavailable):
        await reconciler.run(KEY)
    assert meta(universe)["finalizers"] == [names.FINALIZER]
    conditions = {c["type"]: c for c in universe.api.objects[BUNDLE]["status"]["conditions"]}
    assert conditions["Reconciling"]["reason"] == "Deleting"
    assert "did not answer" in conditions["Reconciling"]["message"]
    assert conditions["Ready"]["status"] == "True"
    universe.now = NOW + timedelta(minutes=30)
    await reconciler.run(KEY)
    assert meta(universe)["finalizers"] == []
    [event] = [o for p, o in universe.api.objects.items() if "/events/" in p and o["reason"] == "ArtifactOrphaned"]
    assert f"bucket/{ARTIFACT} must be deleted by hand" in event["message"]
    assert "ArtifactOrphaned" in caplog.text


async def test_a_running_bundle_that_is_deleted_leaves_nothing(universe: Universe) -> None:
    universe.api.objects[BUNDLE]["spec"]["deletionPolicy"] = "Delete"
    reconciler = Reconciler(universe.process())
    for _ in range(5):
        await reconciler.run(KEY)
    universe.run_collectors()
    assert universe.store.data
    delete(universe)
    await reconciler.run(KEY)
    assert meta(universe)["finalizers"] == []
    assert universe.store.data == {}
    assert universe.api.of("jobs") == universe.api.of("secrets") == []


async def test_before_an_uninstallation_every_bundle_is_let_go_and_its_zip_named(
    universe: Universe, caplog: pytest.LogCaptureFixture
) -> None:
    await finished(universe, deletionPolicy="Delete")
    await let_go(universe.process().client, "team", "incident")
    await let_go(universe.process().client, "team", "gone")
    assert meta(universe)["finalizers"] == []
    assert f"bucket/{ARTIFACT} stays in the bucket" in caplog.text


async def test_a_ttl_outside_the_destinations_bounds_is_clamped_and_said(universe: Universe) -> None:
    bounded = replace(universe, spec=SPEC.model_copy(update={"retention": Retention(max_ttl=timedelta(hours=1))}))
    await finished(bounded, ttl="48h")
    status = bounded.api.objects[BUNDLE]["status"]
    assert status["artifact"]["expiresAt"] == "2026-11-21T13:00:00Z"
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert "default keeps zips for at most 1h, and spec.ttl is 48h" in ready["message"]


async def test_a_store_that_is_away_puts_off_its_own_sweep_and_nothing_else(universe: Universe) -> None:
    universe.store.failure = Unavailable("Object storage did not answer.")
    woken: list[object] = []
    await sweep(universe.process(), woken.append)
    assert woken == [KEY]


async def test_the_sweep_takes_what_is_old_and_ours_and_nothing_else(universe: Universe) -> None:
    foreign = names.staging_prefix("cluster-2", "team", UID)
    for prefix in (STAGING, foreign):
        universe.store.data[names.plan_key(prefix)] = b"x"
    universe.store.data[ARTIFACT] = b"kept"
    labels = names.labels("incident", UID)
    run = names.run_name(UID)
    for kind, name in (("jobs", run), ("serviceaccounts", run), ("secrets", run), ("rolebindings", f"{run}-logs")):
        path = paths.named(kind, "team", name)
        universe.api.put(path, {"metadata": {"name": name, "namespace": "team", "labels": labels}})
    forged = {"name": "theirs", "namespace": "team", "labels": labels}
    universe.api.put(paths.named("jobs", "team", "theirs"), {"metadata": forged})
    del universe.api.objects[BUNDLE]
    young = universe.config.model_copy(update={"sweep_grace_seconds": 600})
    await sweep(replace(universe, config=young).process(), lambda _: None)
    assert names.plan_key(STAGING) in universe.store.data
    assert universe.api.of("serviceaccounts") == [run]
    await sweep(universe.process(), lambda _: None)
    assert universe.store.data.keys() == {names.plan_key(foreign), ARTIFACT}
    assert universe.api.of("serviceaccounts") == universe.api.of("secrets") == universe.api.of("rolebindings") == []
    assert universe.api.of("jobs") == ["theirs"]
    assert CLUSTER != "cluster-2"
