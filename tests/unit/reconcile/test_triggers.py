"""Watching pods and Jobs: what is news, what is ours, and that nothing is kept of pods that are well."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from support.build import NOW, UID
from support.scheduling import JOB, LOOP, OOM, crashing_pod, failed_job
from supportbundle.decide.occasions import Signal
from supportbundle.errors import Expired, Forbidden, NotFound, Unavailable
from supportbundle.kube.client import Client
from supportbundle.model import names
from supportbundle.model.schedule import Trigger
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.schedules.inbox import MAX_OF_ONE, Inbox
from supportbundle.reconcile.schedules.watching import MAX_WATCHES, TROUBLED, Watched, Watching

KEY = Key("team", "night", UID)


@dataclass
class Watches:
    """A client whose watches say what the test hands them; each ends after that, or fails."""

    said: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    jobs: dict[str, Any] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    stays: bool = False

    async def watch(
        self, path: str, params: dict[str, str], *, wanted: Callable[[bytes], bool]
    ) -> AsyncIterator[tuple[str, Any]]:
        del wanted
        self.asked.append(f"{path.rsplit('/', 2)[1]}/{path.rsplit('/', 1)[1]}@{params.get('resourceVersion', '')}")
        said = self.said.get(path, []) if self.stays and not params.get("resourceVersion") else self.said.pop(path, [])
        for number, item in enumerate(said):
            if isinstance(item, Exception):
                raise item
            item["metadata"]["resourceVersion"] = str(number + 1)
            yield "MODIFIED", item

    async def get(self, path: str) -> Any:
        if self.failures:
            raise self.failures.pop()
        if path not in self.jobs:
            raise NotFound(path)
        return self.jobs[path]


PODS, JOBS = "/api/v1/namespaces/team/pods", "/apis/batch/v1/namespaces/team/jobs"


def watched(*triggers: dict[str, Any], age: timedelta = timedelta(hours=3)) -> Watched:
    return Watched(NOW - age, tuple(map(Trigger.model_validate, triggers)))


class Site:
    """A `Watching` that runs until its watches have said everything."""

    def __init__(self, client: Watches) -> None:
        self.client = client
        self.inbox = Inbox(lambda _: None)
        self.rounds = 0
        self.watching = Watching(cast("Client", client), self.inbox, lambda: NOW, self._pause)

    async def _pause(self, _: float) -> None:
        self.rounds += 1
        await asyncio.sleep(0)

    async def run(self, rounds: int = 4) -> list[Signal]:
        task = asyncio.create_task(self.watching.run())
        for _ in range(500):
            await asyncio.sleep(0)
            if self.rounds >= rounds:
                break
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return [letter.signal for letter in self.inbox.take(KEY)]


async def seen(
    *objects: Any, kind: str = PODS, triggers: tuple[dict[str, Any], ...] = (LOOP,), **more: Any
) -> list[Signal]:
    site = Site(Watches({kind: list(objects)}))
    site.watching.update(KEY, watched(*triggers, **more))
    return await site.run()


async def test_a_crash_is_told_once_however_often_the_pod_changes() -> None:
    assert [s.owner for s in await seen(crashing_pod(), crashing_pod(), crashing_pod())] == ["Deployment/web"]


async def test_the_next_crash_of_the_same_pod_is_news() -> None:
    found = await seen(crashing_pod(at=NOW - timedelta(minutes=1)), crashing_pod(restarts=4))
    assert [s.at for s in found] == [NOW - timedelta(minutes=1), NOW]


@pytest.mark.parametrize(
    ("pod", "more"),
    [
        pytest.param(crashing_pod(at=NOW - timedelta(hours=2)), {}, id="long-ago"),
        pytest.param(
            crashing_pod(at=NOW - timedelta(minutes=2)), {"age": timedelta(minutes=1)}, id="before-the-schedule"
        ),
        pytest.param(crashing_pod(), {"triggers": ({**LOOP, "selector": {"matchLabels": {"app": "x"}}},)}, id="others"),
        pytest.param({**crashing_pod(), "status": {}}, {}, id="well"),
    ],
)
async def test_what_is_no_news(pod: dict[str, Any], more: dict[str, Any]) -> None:
    assert await seen(pod, **more) == []


async def test_a_failed_collection_is_not_seen() -> None:
    pod = crashing_pod()
    pod["metadata"]["labels"] |= names.labels("incident", "uid")
    assert await seen(pod) == []


def of_job(name: str) -> dict[str, Any]:
    """A crashing pod of a Job."""
    pod = crashing_pod(f"{name}-x")
    ref = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": "j", "controller": True}
    pod["metadata"]["ownerReferences"] = [ref]
    return pod


async def test_a_pod_of_a_job_speaks_of_the_cron_job() -> None:
    site = Site(Watches({PODS: [of_job("backup-1")]}, jobs={f"{JOBS}/backup-1": failed_job(cron_job="backup")}))
    site.watching.update(KEY, watched(OOM))
    (signal,) = await site.run()
    assert (signal.owner, signal.job) == ("CronJob/backup", "Job/backup-1")


async def test_while_the_api_server_is_away_no_signal_is_lost() -> None:
    site = Site(Watches({PODS: [of_job("backup-1"), crashing_pod()]}, failures=[Unavailable("no answer")], stays=True))
    site.watching.update(KEY, watched(OOM))
    assert [signal.owner for signal in await site.run()] == ["Job/backup-1", "Deployment/web"]


async def test_a_job_that_may_not_be_read_hides_no_other_pod() -> None:
    site = Site(Watches({PODS: [of_job("backup-1"), crashing_pod()]}, failures=[Forbidden("no right")]))
    site.watching.update(KEY, watched(OOM))
    assert [signal.owner for signal in await site.run()] == ["Job/backup-1", "Deployment/web"]


async def test_what_found_no_room_is_looked_at_again() -> None:
    class Draining(Site):
        async def _pause(self, seconds: float) -> None:
            if self.rounds == 0:
                assert len(self.inbox.take(KEY)) == MAX_OF_ONE
            await super()._pause(seconds)

    site = Draining(Watches({PODS: [crashing_pod()]}, stays=True))
    for number in range(MAX_OF_ONE):
        site.inbox.put(KEY, Signal("loop", f"Pod/{number}", NOW))
    site.watching.update(KEY, watched(LOOP))
    assert [signal.owner for signal in await site.run()] == ["Deployment/web"]


async def test_jobs_are_watched_only_for_those_who_ask() -> None:
    site = Site(Watches({JOBS: [failed_job()]}))
    site.watching.update(KEY, watched(JOB))
    assert [s.owner for s in await site.run()] == ["Job/backup-1"]
    assert {asked.partition("@")[0] for asked in site.client.asked} == {"team/jobs"}


async def test_a_watch_goes_on_where_it_was_and_begins_anew_when_that_is_forgotten() -> None:
    site = Site(Watches({PODS: [crashing_pod(), Expired("410")]}))
    site.watching.update(KEY, watched(LOOP))
    await site.run()
    assert site.client.asked[:2] == ["team/pods@", "team/pods@"]
    site = Site(Watches({PODS: [crashing_pod()]}))
    site.watching.update(KEY, watched(LOOP))
    await site.run()
    assert site.client.asked[:2] == ["team/pods@", "team/pods@1"]


async def test_without_triggers_nothing_is_watched() -> None:
    site = Site(Watches())
    site.watching.update(KEY, watched(LOOP))
    site.watching.update(KEY, None)
    await site.run()
    assert site.client.asked == []


async def test_a_namespace_that_may_not_be_watched_is_told() -> None:
    class Refusing(Watches):
        async def watch(self, *_: Any, **__: Any) -> AsyncIterator[tuple[str, Any]]:
            raise Forbidden("cannot watch pods")
            yield

    site = Site(Refusing())
    site.watching.update(KEY, watched(LOOP))
    assert site.watching.trouble(KEY) == ""
    await site.run(rounds=TROUBLED + 1)
    assert "cannot watch pods" in site.watching.trouble(KEY)


async def test_there_are_so_many_watches_and_no_more() -> None:
    site = Site(Watches())
    keys = [Key(f"team-{i:03}", "night", f"uid-{i}") for i in range(MAX_WATCHES + 1)]
    for key in keys:
        site.watching.update(key, watched(LOOP))
    await site.run(rounds=1)
    troubled = [key for key in keys if site.watching.trouble(key)]
    assert len(troubled) == 1
