"""The schedule `night` in an API server in memory, and one operator process that looks after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from support.build import NOW, UID
from support.scheduling import BUNDLE, crashing_pod
from support.universe import Universe
from supportbundle.decide.occasions import Signal
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.schedules.inbox import Inbox
from supportbundle.reconcile.schedules.step import ScheduleReconciler

KEY = Key("team", "night", UID)
PATH = paths.schedule("team", "night")


def crashing(universe: Universe) -> Universe:
    """Without the bundle of the other tests, and with a crashing pod of the Deployment web."""
    del universe.api.objects[paths.bundle("team", "incident")]
    universe.api.put(paths.named("pods", "team", "web-5d8f-abcde"), crashing_pod())
    return universe


def put(world: Universe, **fields: Any) -> None:
    """Store the schedule, made three hours before NOW."""
    meta = {
        "name": "night", "namespace": "team", "uid": UID, "generation": 1,
        "creationTimestamp": (NOW - timedelta(hours=3)).isoformat(),
    }  # fmt: skip
    spec = {"bundleTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": BUNDLE}, **fields}
    world.api.put(PATH, {"metadata": meta, "spec": spec})


class Process:
    """One operator process, with its own memory."""

    def __init__(self, world: Universe, clock: Callable[[], datetime] = lambda: NOW) -> None:
        self.deps: Deps = replace(world.process(), clock=clock)
        self.inbox = Inbox(lambda _: None)
        self.step = ScheduleReconciler(self.deps, self.inbox, lambda _: "")

    async def run(self, *signals: Signal) -> float | None:
        """One step after these signals."""
        for one in signals:
            self.inbox.put(KEY, one)
        return await self.step.run(KEY)


def bundles(world: Universe) -> list[dict[str, Any]]:
    """All that were made."""
    return [obj for path, obj in world.api.objects.items() if "/supportbundles/" in path]


def status(world: Universe) -> dict[str, Any]:
    """The schedule's."""
    found: dict[str, Any] = world.api.objects[PATH]["status"]
    return found


def ready(world: Universe) -> dict[str, Any]:
    """Its only condition."""
    (found,) = status(world)["conditions"]
    return dict(found)


async def settled(process: Process) -> None:
    """Steps until nothing is to be done at once."""
    while await process.run() == 0:
        pass
