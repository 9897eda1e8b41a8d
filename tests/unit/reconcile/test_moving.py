"""Destinations and settings that change while bundles are under way: none is lost, and none goes unapproved."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any, cast

import pytest

from support.build import NOW, UID
from support.memory import MemoryStore
from support.universe import ARTIFACT, KEY, STAGING, OneStore, Universe
from supportbundle.kube.client import Client
from supportbundle.model import names
from supportbundle.model.destination import S3Options
from supportbundle.reconcile import paths
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.stores import Stores
from supportbundle.storage.s3 import S3Store

BUNDLE = paths.bundle("team", "incident")
OWN: dict[str, Any] = {"type": "S3", "s3": {"bucket": "own"}}
ASIDE = S3Options(bucket="aside")
STRICT = OWN | {"approval": {"required": True, "timeout": "1h"}}


class Moving:
    """The world with real `Stores` over buckets in memory; each process reads destinations anew at every look."""

    def __init__(self, universe: Universe) -> None:
        self.universe = universe
        self.buckets: dict[str, MemoryStore] = {}

    def bucket(self, name: str) -> MemoryStore:
        if name not in self.buckets:
            self.buckets[name] = MemoryStore(self.universe.api.fuse, beside=self.universe.store)
        return self.buckets[name]

    def put(self, spec: dict[str, Any], staging: S3Options | None, name: str = "default") -> None:
        """What an admin does: the destination, and the settings of the operator that starts next."""
        self.universe.api.put(paths.destination(name), {"metadata": {"name": name}, "spec": spec})
        found = Stores(
            cast("Client", self.universe.api),
            "system",
            (100.0 * n for n in count()).__next__,
            staging,
            wrap=lambda store: self.bucket(cast("S3Store", store).config.bucket),
        )
        self.universe.stores = cast("OneStore", found)

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.universe.api.objects[BUNDLE].get("status", {})
        return found

    @property
    def ready(self) -> dict[str, Any]:
        return next((c for c in self.status.get("conditions", ()) if c["type"] == "Ready"), {"reason": ""})

    async def until(self, reason: str) -> None:
        """A new process takes steps until the Ready condition has this reason; collectors run where they were told."""
        reconciler = Reconciler(self.universe.process())
        for _ in range(30):
            await reconciler.run(KEY)
            if self.ready["reason"] == reason:
                return
            where = self.status.get("staging", {}).get("bucket")
            if where and self.status["phase"] == "Collecting":
                self.universe.store = self.bucket(where)
                self.universe.run_collectors()
        raise AssertionError(self.status)

    def approve(self) -> None:
        spec = {"bundle": {"name": "incident", "uid": UID}, "decision": "Approved", "by": "ann", "reason": "r"}
        meta = {"name": "yes", "namespace": "team", "creationTimestamp": (NOW + timedelta(minutes=1)).isoformat()}
        self.universe.api.put(paths.named(names.APPROVALS, "team", "yes"), {"metadata": meta, "spec": spec})

    def staged(self) -> list[str]:
        return [f"{name}/{key}" for name, store in self.buckets.items() for key in store.data if "staging/" in key]


@pytest.fixture
def moving(universe: Universe) -> Moving:
    return Moving(universe)


@pytest.mark.parametrize("staging", [None, ASIDE], ids=["no-other-bucket", "another-bucket"])
async def test_an_approval_asked_for_while_it_collects_is_waited_for_where_its_parts_are(
    moving: Moving, staging: S3Options | None
) -> None:
    moving.put(OWN, None)
    await moving.until("Collecting")
    moving.put(STRICT, staging)
    await moving.until("AwaitingApproval")
    own = moving.bucket("own")
    assert names.staged_key(STAGING) in own.data
    assert ARTIFACT not in own.data, "nobody outside sees it before it is approved"
    moving.approve()
    own.beside = own
    await moving.until("Complete")
    assert ARTIFACT in own.data
    assert moving.staged() == []


async def test_an_approval_that_is_no_longer_asked_for_delivers_what_is_staged(moving: Moving) -> None:
    moving.put(STRICT, ASIDE)
    await moving.until("AwaitingApproval")
    moving.put(OWN, ASIDE)
    moving.bucket("own").beside = moving.bucket("aside")
    await moving.until("Complete")
    assert list(moving.bucket("own").data) == [ARTIFACT]
    assert moving.staged() == []


async def test_a_staging_bucket_that_is_set_by_an_upgrade_takes_the_bundles_to_come_only(moving: Moving) -> None:
    moving.put(OWN, None)
    moving.universe.api.objects[BUNDLE]["spec"]["destination"] = {"name": "theirs"}
    theirs = {"type": "S3", "s3": {"bucket": "theirs", "external": True}}
    moving.put(theirs, None, "theirs")
    await moving.until("Collecting")
    assert moving.status["staging"]["bucket"] == "own"
    moving.put(theirs, ASIDE, "theirs")
    moving.bucket("theirs").beside = moving.bucket("own")
    await moving.until("Complete")
    assert "aside" not in moving.buckets
    assert list(moving.bucket("theirs").data) == [ARTIFACT]


async def test_a_destination_that_names_another_bucket_is_waited_for_and_then_given_up(moving: Moving) -> None:
    moving.put(OWN, None)
    await moving.until("Collecting")
    moving.put({"type": "S3", "s3": {"bucket": "other"}}, None)
    reconciler = Reconciler(moving.universe.process())
    await reconciler.run(KEY)
    assert (moving.ready["status"], moving.ready["reason"]) == ("Unknown", "StagingMissing")
    assert "lies in the bucket own" in moving.ready["message"]
    assert "SupportBundleDestination default" in moving.ready["message"]
    moving.universe.now += timedelta(minutes=31)
    await reconciler.run(KEY)
    assert (moving.status["phase"], moving.ready["reason"]) == ("Failed", "StagingMissing")
    await reconciler.run(KEY)
    assert moving.universe.api.of("jobs") == [], "power goes, whatever can be reached"
    moving.put(OWN, None)
    await Reconciler(moving.universe.process()).run(KEY)
    assert "staging" not in moving.status
    assert moving.staged() == []


async def test_a_bucket_that_is_named_again_goes_on(moving: Moving) -> None:
    moving.put(OWN, None)
    await moving.until("Collecting")
    moving.put({"type": "S3", "s3": {"bucket": "other"}}, None)
    await moving.until("StagingMissing")
    moving.put(OWN, None)
    await moving.until("Complete")
    assert list(moving.bucket("own").data) == [ARTIFACT]
