"""The operator may die at any call once a zip is staged: each end keeps its reason, and nothing stays behind."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from support.build import NOW, UID
from support.memory import Fuse, Killed, MemoryApi, MemoryStore
from support.universe import ARTIFACT, KEY, Universe
from supportbundle.errors import StoreDenied
from supportbundle.model import names
from supportbundle.model.destination import ApprovalRule, DestinationSpec, DestinationType, S3Options
from supportbundle.reconcile import paths
from supportbundle.reconcile.approvals import Answers
from supportbundle.reconcile.delivery import PATIENCE
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.sweep import sweep

BUNDLE = paths.bundle("team", "incident")
WORD = paths.named(names.APPROVALS, "team", "word")
SPEC = DestinationSpec(
    type=DestinationType.S3,
    s3=S3Options(bucket="theirs", external=True),
    approval=ApprovalRule(required=True, timeout=timedelta(hours=1)),
)
Deed = Callable[[Universe], None]


def say(decision: str) -> Deed:
    def speak(universe: Universe) -> None:
        spec = {"bundle": {"name": "incident", "uid": UID}, "decision": decision, "by": "ann", "reason": "because"}
        meta = {"name": "word", "namespace": "team", "creationTimestamp": (NOW + timedelta(minutes=1)).isoformat()}
        universe.api.put(WORD, {"metadata": meta, "spec": spec})

    return speak


def keep_silent(universe: Universe) -> None:
    universe.now += timedelta(minutes=61)


def cancel(universe: Universe) -> None:
    universe.api.objects[BUNDLE]["spec"]["cancel"] = True
    universe.api.put(BUNDLE, universe.api.objects[BUNDLE])


def approve_what_never_arrives(universe: Universe) -> None:
    """The receiver refuses all; the word was given in time."""
    say("Approved")(universe)
    assert universe.outside is not None
    universe.outside.failure = StoreDenied("the keys are wrong.")


class Run:
    """One bundle to its end, by processes that may die."""

    def __init__(self, universe: Universe, fuse: Fuse) -> None:
        self.universe, self.fuse = universe, fuse
        self.deaths = 0
        assert universe.outside is not None
        universe.api.fuse = universe.store.fuse = universe.outside.fuse = fuse

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.universe.api.objects[BUNDLE].get("status", {})
        return found

    @property
    def reason(self) -> str:
        conditions = self.status.get("conditions", ())
        return next((str(c["reason"]) for c in conditions if c["type"] == "Ready"), "")

    async def staged(self) -> None:
        reconciler = Reconciler(self.universe.process())
        while self.reason != "AwaitingApproval":
            await reconciler.run(KEY)
            self.universe.run_collectors()

    async def ended(self) -> None:
        reconciler = Reconciler(self.universe.process())
        for _ in range(60):
            try:
                again = await reconciler.run(KEY)
            except Killed:
                self.fuse.disarm()
                self.deaths += 1
                reconciler = Reconciler(self.universe.process())
                continue
            if self.reason == "DeliveryDelayed":
                self.universe.now += PATIENCE / 2 + timedelta(minutes=1)
            elif again is None or again > 3600:
                return await self.afterwards()
        raise AssertionError(json.dumps(self.status, indent=1))

    async def afterwards(self) -> None:
        """What the watch of approvals and the sweep do."""
        self.fuse.disarm()
        deps = self.universe.process()
        if WORD in self.universe.api.objects:
            await Answers(deps).run(Key("team", "word", self.universe.api.objects[WORD]["metadata"]["uid"]))
        await sweep(deps, lambda _: None)


def world(universe: Universe, store: MemoryStore) -> Universe:
    """Another world of the same kind, with what that store holds; the server copies what is delivered."""
    api = MemoryApi(Fuse(), copy.deepcopy(universe.api.objects), universe.api.version)
    ours = MemoryStore(api.fuse, dict(store.data), dict(store.metadata))
    theirs = MemoryStore(api.fuse, beside=ours)
    made = Universe(api, ours, universe.scratch, universe.pool, spec=SPEC, outside=theirs)
    made.stores.copies = True
    return made


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("deed", "phase", "reason", "heard"),
    [
        pytest.param(say("Denied"), "Failed", "ApprovalDenied", "Denied", id="denied"),
        pytest.param(keep_silent, "Failed", "ApprovalTimedOut", "", id="silence"),
        pytest.param(cancel, "Cancelled", "Cancelled", "", id="cancelled"),
        pytest.param(say("Approved"), "Ready", "Complete", "Approved", id="approved"),
        pytest.param(approve_what_never_arrives, "Failed", "DeliveryFailed", "Approved", id="never-delivered"),
    ],
)
def test_death_at_every_single_call_after_the_staging_keeps_the_reason_and_leaves_nothing(
    universe: Universe, deed: Deed, phase: str, reason: str, heard: str
) -> None:
    staged = world(universe, universe.store)
    asyncio.run(Run(staged, Fuse()).staged())

    def ended(fuse: Fuse) -> Run:
        run = Run(world(staged, staged.store), fuse)
        deed(run.universe)
        asyncio.run(run.ended())
        return run

    quiet, deaths = ended(Fuse()), 0
    for number in range(1, quiet.fuse.calls + 1):
        for before in (True, False):
            again = ended(Fuse(at=number, before=before))
            deaths += again.deaths
            at = f"death at call {number}"
            assert (again.status["phase"], again.reason) == (phase, reason), at
            assert again.status.get("approval") == quiet.status.get("approval"), at
            assert "staging" not in again.status, at
            assert again.universe.store.data == {}, at
            assert again.universe.outside is not None
            assert list(again.universe.outside.data) == ([ARTIFACT] if phase == "Ready" else []), at
            for kind in ("jobs", "secrets", "roles", "rolebindings", "serviceaccounts"):
                assert again.universe.api.of(kind) == [], f"{kind}: {at}"
            if heard:
                [condition] = again.universe.api.objects[WORD]["status"]["conditions"]
                assert (condition["status"], condition["reason"]) == ("True", heard), at
    assert deaths > quiet.fuse.calls / 3
