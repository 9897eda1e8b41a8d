"""Alerts against an API server in memory: each is answered once, by who has schedules for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from support.memory import MemoryApi
from support.nightly import KEY, Process, bundles, crashing, put, settled
from support.scheduling import ALERT, signal
from support.universe import Universe
from supportbundle.errors import Forbidden, SupportBundleError, Unavailable
from supportbundle.model.alert import parse_alerts
from supportbundle.reconcile.schedules.alerts import fire
from supportbundle.reconcile.schedules.inbox import MAX_OF_ONE, Inbox


@pytest.fixture
def world(universe: Universe) -> Universe:
    return crashing(universe)


def call(*others: str, **labels: str) -> bytes:
    """An alert, after the same ones of other namespaces."""
    told = [
        {"alertname": "Slow", **more} for more in (*({"namespace": o} for o in others), {"namespace": "team"} | labels)
    ]
    alerts = [{"status": "firing", "labels": one, "startsAt": "2026-11-21T11:59:00Z"} for one in told]
    return json.dumps({"version": "4", "alerts": alerts}).encode()


async def delivered(process: Process, body: bytes) -> dict[str, int]:
    """The verdicts, with steps of the schedule running beside."""
    waiting = asyncio.create_task(fire(parse_alerts(body), process.deps, process.inbox))
    while not waiting.done():
        await asyncio.sleep(0)
        await process.step.run(KEY)
    return {verdict.value: count for verdict, count in waiting.result().items() if count}


async def test_an_alert_is_answered_once_its_bundle_is_there(world: Universe) -> None:
    put(world, triggers=[ALERT])
    assert await delivered(Process(world), call()) == {"fired": 1}
    (made,) = bundles(world)
    assert made["metadata"]["annotations"]["supportbundle.dev/trigger-owner"] == "Alert/Slow"
    assert await delivered(Process(world), call()) == {"repeated": 1}


async def test_an_alert_about_a_pod_is_about_its_deployment(world: Universe) -> None:
    put(world, triggers=[ALERT])
    assert await delivered(Process(world), call(pod="web-5d8f-abcde")) == {"fired": 1}
    (made,) = bundles(world)
    assert made["spec"]["target"] == {"podNames": ["web-5d8f-abcde"]}
    assert made["metadata"]["annotations"]["supportbundle.dev/trigger-owner"] == "Deployment/web"


@pytest.mark.parametrize("labels", [{"namespace": "other"}, {"alertname": "Else"}, {"namespace": "../kube-system"}])
async def test_an_alert_that_nobody_waits_for_is_counted(world: Universe, labels: dict[str, str]) -> None:
    put(world, triggers=[ALERT])
    assert await delivered(Process(world), call(**labels)) == {"unknown": 1}
    assert bundles(world) == []


class Partly(MemoryApi):
    """An API server that does not list the schedules of the namespace `other`."""

    error: SupportBundleError

    async def items(self, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        if "/namespaces/other/" in path:
            raise self.error
        async for obj in super().items(path, params):
            yield obj


def partly(world: Universe, error: SupportBundleError, **config: Any) -> Process:
    """A process before such an API server."""
    api = Partly(world.api.fuse, world.api.objects, world.api.version)
    api.error = error
    settings = world.config.model_copy(update=config)
    return Process(Universe(api, world.store, world.scratch, world.pool, settings))


async def test_a_narrowed_operator_leaves_alerts_of_other_namespaces_alone(world: Universe) -> None:
    put(world, triggers=[ALERT])
    process = partly(world, AssertionError("was looked at"), watch_namespaces=("team",))  # type: ignore[arg-type]
    assert await delivered(process, call("other")) == {"fired": 1, "unknown": 1}


async def test_a_namespace_that_may_not_be_read_does_not_hold_up_the_alerts_of_others(world: Universe) -> None:
    put(world, triggers=[ALERT])
    assert await delivered(partly(world, Forbidden("cannot list")), call("other")) == {"fired": 1, "unknown": 1}


async def test_a_namespace_that_cannot_be_read_just_now_is_asked_for_again_and_others_are_served(
    world: Universe,
) -> None:
    put(world, triggers=[ALERT])
    with pytest.raises(Unavailable):
        await delivered(partly(world, Unavailable("no answer")), call("other"))
    assert len(bundles(world)) == 1


async def test_a_refused_bundle_is_no_reason_to_repeat_an_alert(world: Universe) -> None:
    put(world, triggers=[ALERT])
    world.api.refusal = Forbidden("no right")
    assert await delivered(Process(world), call()) == {"refused": 1}


async def test_while_the_api_server_is_away_an_alert_is_to_be_repeated(world: Universe) -> None:
    put(world, triggers=[ALERT])
    process = Process(world)
    waiting = asyncio.create_task(process.inbox.deliver(KEY, replace(signal("Alert/Slow", trigger="slow"), pods=())))
    await asyncio.sleep(0)
    world.api.refusal = Unavailable("no answer")
    with pytest.raises(Unavailable):
        await process.step.run(KEY)
    with pytest.raises(Unavailable):
        await waiting


async def test_an_inbox_has_room_for_so_much(world: Universe) -> None:
    del world
    inbox = Inbox(lambda _: None)
    taken = [inbox.put(KEY, signal(f"Pod/{i}")) for i in range(MAX_OF_ONE + 1)]
    assert taken == [True] * MAX_OF_ONE + [False]
    with pytest.raises(Unavailable):
        await inbox.deliver(KEY, signal())


async def test_a_refused_alert_fires_once_the_right_is_granted(world: Universe) -> None:
    put(world, triggers=[ALERT])
    world.api.refusal = Forbidden("no right")
    process = Process(world)
    assert await delivered(process, call()) == {"refused": 1}
    world.api.refusal = None
    await settled(process)
    assert len(bundles(world)) == 1
    assert await delivered(process, call()) == {"repeated": 1}
