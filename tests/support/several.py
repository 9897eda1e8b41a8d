"""More bundles than one in the universe of the unit tests, and a process that takes steps of them."""

from __future__ import annotations

import asyncio

from support.build import NOW
from support.memory import SlowStore
from support.universe import KEY, Universe
from supportbundle.reconcile import paths
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.loop import Reconciler

OTHERS = tuple(Key("team", f"other-{number}", f"22222222-2222-3333-4444-{number:012d}") for number in range(3))


class Process:
    """One operator process, and which keys it has woken."""

    def __init__(self, universe: Universe, *keys: Key) -> None:
        self.universe = universe
        for key in keys:
            spec = universe.api.objects[paths.bundle(KEY.namespace, KEY.name)]["spec"]
            meta = {"namespace": key.namespace, "name": key.name, "uid": key.uid, "generation": 1}
            created = {"creationTimestamp": NOW.isoformat()}
            universe.api.put(paths.bundle(key.namespace, key.name), {"metadata": meta | created, "spec": spec})
        self.woken: list[Key] = []
        self.deps = universe.process()
        self.reconciler = Reconciler(self.deps, wake=self.woken.append)

    async def until(self, reason: str, key: Key) -> None:
        """Steps of one bundle, and what its pods do."""
        for _ in range(30):
            if self.reason(key) == reason:
                return
            await self.reconciler.run(key)
            self.universe.run_collectors()
        raise AssertionError(self.reason(key))

    async def one_waits_for_the_other(self, store: SlowStore) -> None:
        """While a store works for the first bundle, the second gives its worker back and is woken at the end."""
        first = asyncio.create_task(self.reconciler.run(KEY))
        await asyncio.to_thread(store.begun.wait, 10)
        assert await self.reconciler.run(OTHERS[0]) is None
        assert self.woken == []
        store.go_on.set()
        await first
        assert self.woken == [OTHERS[0]]

    def reason(self, key: Key) -> str:
        """Of the Ready condition."""
        status = self.universe.api.objects[paths.bundle(key.namespace, key.name)].get("status", {})
        return next((str(c["reason"]) for c in status.get("conditions", ()) if c["type"] == "Ready"), "")
