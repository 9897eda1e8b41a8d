"""Progress reaches the status soon, but never more than once a second."""

from __future__ import annotations

from typing import Any

from support.universe import KEY, STAGING, Universe
from supportbundle.model import names
from supportbundle.reconcile import paths
from supportbundle.reconcile.loop import Reconciler

BUNDLE = paths.bundle("team", "incident")


def say(universe: Universe, size: int) -> None:
    """What the collector of shard 0 stores."""
    text = f'{{"shard":0,"tasksDone":1,"targetsDone":1,"bytes":{size},"at":"2026-11-21T12:00:00Z"}}'
    universe.store.data[names.progress_key(STAGING, 0)] = text.encode()


def told(universe: Universe) -> Any:
    return universe.api.objects[BUNDLE]["status"].get("progress", {}).get("bytes")


async def test_progress_is_written_at_most_once_a_second(universe: Universe) -> None:
    now = 0.0
    reconciler = Reconciler(universe.process(), monotonic=lambda: now)
    while universe.api.objects[BUNDLE].get("status", {}).get("phase") != "Collecting":
        await reconciler.run(KEY)
    await reconciler.run(KEY)
    now = 10.0
    for size, expected in ((100, 100), (200, 100)):
        say(universe, size)
        await reconciler.run(KEY)
        assert told(universe) == expected
    now = 11.0
    await reconciler.run(KEY)
    assert told(universe) == 200


async def test_what_is_more_than_progress_is_never_held_back(universe: Universe) -> None:
    reconciler = Reconciler(universe.process(), monotonic=lambda: 0.0)
    while universe.api.objects[BUNDLE].get("status", {}).get("phase") != "Collecting":
        await reconciler.run(KEY)
    universe.run_collectors()
    await reconciler.run(KEY)
    assert universe.api.objects[BUNDLE]["status"]["phase"] == "Assembling"
