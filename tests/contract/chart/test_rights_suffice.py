"""The rendered rights are enough for whole lives of bundles: every call of the operator is checked against them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from support.build import NOW, UID
from support.memory import MemoryStore
from support.rights import Authorizing, grants
from support.universe import KEY, SPEC, STAGING, Universe, small_world
from supportbundle.kube.client import Client
from supportbundle.model import names
from supportbundle.model.delivery import Delivered
from supportbundle.model.destination import ApprovalRule, DestinationSpec, DestinationType, S3Options
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.sweep import sweep

Object = dict[str, Any]
Render = Callable[..., list[Object]]
NAME, HOME = "sb-supportbundle-operator", "ops"
BUNDLE = paths.bundle("team", "incident")
STRICT = SPEC.model_copy(update={"approval": ApprovalRule(required=True, timeout=timedelta(hours=1))})
OUTSIDE = DestinationSpec(type=DestinationType.S3, s3=S3Options(bucket="theirs", external=True))


class Life:
    """One bundle of the namespace `team`, and an operator that the rendered roles hold to their rights."""

    def __init__(self, world: Universe, objects: list[Object], watched: tuple[str, ...]) -> None:
        self.world = world
        self.api = Authorizing(world.api, grants(objects, NAME, HOME))
        config = world.config.model_copy(update={"watch_namespaces": watched})
        deps = replace(world.process(), client=cast("Client", self.api), namespace=HOME, config=config)
        self.deps: Deps = deps
        self.reconciler = Reconciler(deps)

    async def until(self, reason: str) -> None:
        """Steps until the Ready condition has this reason."""
        for _ in range(30):
            await self.reconciler.run(KEY)
            if self.reason == reason:
                return
            self.world.run_collectors()
        raise AssertionError(self.reason)

    @property
    def reason(self) -> str:
        conditions = self.world.api.objects[BUNDLE].get("status", {}).get("conditions", ())
        return next((c["reason"] for c in conditions if c["type"] == "Ready"), "")

    def say(self, name: str, decision: str) -> None:
        """A word about the bundle."""
        spec = {"bundle": {"name": "incident", "uid": UID}, "decision": decision, "by": "ann", "reason": "because"}
        meta = {"name": name, "namespace": "team", "creationTimestamp": (NOW + timedelta(minutes=1)).isoformat()}
        self.world.api.put(paths.named(names.APPROVALS, "team", name), {"metadata": meta, "spec": spec})

    def beside(self) -> list[str]:
        """What is left in the operator's own namespace."""
        return [path for path in self.world.api.objects if f"/namespaces/{HOME}/" in path]


@pytest.fixture(params=[(), ("team",), ("team", HOME)], ids=["all", "narrowed", "narrowed-with-its-own"])
def live(request: pytest.FixtureRequest, render: Render, tmp_path: Path) -> Callable[[DestinationSpec], Life]:
    """Begins a life; in an installation for all namespaces, and in narrowed ones."""
    watched: tuple[str, ...] = request.param
    flags = (f"watchNamespaces={{{','.join(watched)}}}",) if watched else ()

    def begin(spec: DestinationSpec) -> Life:
        world = small_world(tmp_path)
        outside = MemoryStore(world.store.fuse, beside=world.store) if spec.s3 and spec.s3.external else None
        world = Universe(world.api, world.store, tmp_path, world.pool, spec=spec, outside=outside)
        return Life(world, render(*flags), watched)

    return begin


async def test_a_reviewed_bundle_that_is_denied(live: Callable[[DestinationSpec], Life]) -> None:
    life = live(STRICT)
    await life.until("AwaitingApproval")
    life.say("look", "Review")
    await life.until("AwaitingApproval")
    assert len(life.beside()) == 3
    life.reconciler = Reconciler(replace(life.deps, clock=lambda: NOW + timedelta(minutes=10)))
    await life.until("AwaitingApproval")
    life.say("no", "Denied")
    await life.until("ApprovalDenied")
    await life.reconciler.run(KEY)  # what it had goes once that is said
    assert (life.beside(), life.api.refused) == ([], set())


async def test_an_approved_bundle_that_stays(live: Callable[[DestinationSpec], Life]) -> None:
    life = live(STRICT)
    life.world.stores.copies = True
    life.world.store.beside = life.world.store  # the server copies within it
    await life.until("AwaitingApproval")
    life.say("yes", "Approved")
    await life.until("Complete")
    assert life.api.refused == set()


async def test_a_delivery_that_has_no_pod_at_first(live: Callable[[DestinationSpec], Life]) -> None:
    life = live(OUTSIDE)
    await life.until("Delivering")
    await life.reconciler.run(KEY)
    assert len(life.beside()) == 2
    done = Delivered(at=NOW, size=7, sha256="ab" * 32, etag="e", location="s3://theirs/x")
    life.world.store.data[names.delivered_key(STAGING)] = done.model_dump_json(by_alias=True).encode()
    await life.until("Complete")
    assert (life.beside(), life.api.refused) == ([], set())


async def test_a_bundle_that_is_deleted_while_it_is_delivered(live: Callable[[DestinationSpec], Life]) -> None:
    life = live(OUTSIDE)
    await life.until("Delivering")
    del life.world.api.objects[BUNDLE]
    await life.reconciler.run(KEY)
    assert (life.beside(), life.api.refused) == ([], set())


@pytest.mark.parametrize("spec", [STRICT, OUTSIDE], ids=["link", "delivery"])
async def test_what_a_crash_has_left_beside_the_operator(
    live: Callable[[DestinationSpec], Life], spec: DestinationSpec
) -> None:
    life = live(spec)
    if spec is STRICT:
        await life.until("AwaitingApproval")
        life.say("look", "Review")
        await life.reconciler.run(KEY)
    else:
        await life.until("Delivering")
    assert life.beside()
    del life.world.api.objects[BUNDLE]
    await sweep(life.deps, lambda _: None)
    assert (life.beside(), life.api.refused) == ([], set())
