"""Schedules against an API server in memory: bundles are made once, whoever dies when, and everything is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from support.build import NOW, UID
from support.memory import Killed
from support.nightly import KEY, PATH, Process, bundles, crashing, put, ready, settled, status
from support.scheduling import BUNDLE, LOOP, crashing_pod, signal
from support.universe import Universe
from supportbundle.decide.occasions import Start, Verdict
from supportbundle.decide.triggers import FRESH
from supportbundle.errors import Forbidden
from supportbundle.model import names
from supportbundle.model.cause import Cause, CauseType
from supportbundle.model.plan import dump
from supportbundle.model.schedule import parse_schedule
from supportbundle.reconcile import paths
from supportbundle.reconcile.schedules.children import manifest, parse_child
from supportbundle.reconcile.schedules.inbox import MAX_KEPT, Inbox
from supportbundle.reconcile.schedules.step import ScheduleReconciler


@pytest.fixture
def world(universe: Universe) -> Universe:
    return crashing(universe)


async def test_a_time_that_is_due_makes_a_bundle_that_says_so(world: Universe) -> None:
    put(world, schedule="0 * * * *")
    again = await Process(world).run()
    (made,) = bundles(world)
    assert made["metadata"]["name"].startswith("night-202611211200-")
    assert made["metadata"]["labels"] == {
        "a": "b", names.LABEL_SCHEDULE: "night", names.LABEL_SCHEDULE_UID: UID,
    }  # fmt: skip
    assert made["metadata"]["annotations"]["supportbundle.dev/trigger"] == "Cron"
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (UID, True, False)
    assert made["spec"]["serviceAccountName"] == "watcher"
    assert status(world)["lastScheduleTime"].startswith("2026-11-21T12:00:00")
    assert [one["name"] for one in status(world)["active"]] == [made["metadata"]["name"]]
    assert {"triggered", "made"} == {event.rsplit(".", 1)[1] for event in world.api.of("events")}
    assert again == 300


async def test_a_crash_loop_makes_a_bundle_about_the_pods_of_its_deployment(world: Universe) -> None:
    put(world, triggers=[LOOP])
    world.api.put(paths.named("pods", "team", "web-5d8f-zzzzz"), crashing_pod("web-5d8f-zzzzz"))
    await Process(world).run(signal(pod="web-5d8f-zzzzz"))
    (made,) = bundles(world)
    assert made["spec"]["target"] == {"podNames": ["web-5d8f-zzzzz", "web-5d8f-abcde"]}
    assert made["metadata"]["annotations"]["supportbundle.dev/trigger-owner"] == "Deployment/web"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("Pod", {"podNames": ["web-5d8f-abcde"]}),
        ("Template", {"selector": {"matchLabels": {}, "matchExpressions": []}}),
    ],
)
async def test_the_target_is_as_narrow_as_was_asked(world: Universe, target: str, expected: object) -> None:
    put(world, triggers=[{**LOOP, "target": target}])
    await Process(world).run(signal(pod="web-5d8f-abcde"))
    found = bundles(world)[0]["spec"]["target"]
    assert {key: found[key] for key in expected} == expected  # type: ignore[attr-defined]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("at", range(1, 13))
async def test_a_process_that_dies_at_any_call_doubles_nothing(world: Universe, at: int, *, before: bool) -> None:
    put(world, schedule="0 * * * *", triggers=[LOOP])
    world.api.fuse.at, world.api.fuse.before = world.api.fuse.calls + at, before
    try:
        await Process(world).run(signal())
    except Killed:
        world.api.fuse.disarm()
    for minutes in range(3):
        later = NOW + timedelta(minutes=minutes)
        await Process(world, lambda later=later: later).run(signal())  # type: ignore[misc]
    assert len(bundles(world)) == 2
    assert len({bundle["metadata"]["annotations"]["supportbundle.dev/trigger"] for bundle in bundles(world)}) == 2
    assert len(status(world)["recent"]) == 1


async def test_a_refused_bundle_is_told_and_tried_again(world: Universe) -> None:
    put(world, schedule="0 * * * *", triggers=[LOOP])
    world.api.refusal = Forbidden("the capability Logs needs the right get pods/log")
    process = Process(world)
    again = await process.run()
    assert ready(world)["reason"] == "BundleRefused"
    assert "get pods/log" in ready(world)["message"]
    assert again == 60
    world.api.refusal = None
    await process.run()
    assert ready(world)["status"] == "True"
    assert len(bundles(world)) == 1


async def test_a_refused_signal_makes_its_bundle_once_the_right_is_granted(world: Universe) -> None:
    put(world, triggers=[LOOP])
    world.api.refusal = Forbidden("no right")
    now = [NOW]
    process = Process(world, lambda: now[0])
    await process.run(signal(), signal("StatefulSet/db"))
    for _ in range(3):
        now[0] += timedelta(minutes=1)
        await settled(process)
    assert bundles(world) == []
    assert ready(world)["reason"] == "BundleRefused"
    world.api.refusal = None
    await settled(process)
    owners = {bundle["metadata"]["annotations"]["supportbundle.dev/trigger-owner"] for bundle in bundles(world)}
    assert owners == {"Deployment/web", "StatefulSet/db"}
    assert ready(world)["reason"] == "Scheduled"


async def test_a_refused_signal_is_forgotten_when_it_is_no_news_any_more(world: Universe) -> None:
    put(world, triggers=[LOOP])
    world.api.refusal = Forbidden("no right")
    await (process := Process(world)).run(signal(at=NOW - FRESH))
    world.api.refusal = None
    late = Process(world, lambda: NOW + timedelta(seconds=1))
    late.inbox = process.inbox
    late.step = ScheduleReconciler(late.deps, late.inbox, lambda _: "")
    await settled(late)
    assert bundles(world) == []


def test_of_refused_signals_so_many_are_kept() -> None:
    inbox = Inbox(lambda _: None)
    inbox.keep(KEY, [signal(f"Pod/{i}") for i in range(MAX_KEPT + 1)])
    assert inbox.recall(KEY, NOW)
    assert len(inbox.take(KEY)) == MAX_KEPT
    assert not inbox.recall(KEY, NOW)


async def test_a_run_is_replaced_once_the_next_one_was_taken_and_never_before(world: Universe) -> None:
    put(world, schedule="0 * * * *", concurrencyPolicy="Replace")
    await Process(world).run()
    (old,) = bundles(world)
    later = Process(world, lambda: NOW + timedelta(hours=1))
    world.api.refusal = Forbidden("no right")
    await later.run()
    assert bundles(world) == [old]
    world.api.refusal = None
    assert await later.run() == 1
    await later.run()
    (new,) = bundles(world)
    assert new["metadata"]["name"] > old["metadata"]["name"]


def test_a_bundle_that_awaits_its_approval_is_known_as_collected_and_by_its_staged_zip() -> None:
    when = NOW.isoformat()
    ref = {"apiVersion": names.API_VERSION, "kind": names.SCHEDULE_KIND, "name": "n", "uid": UID, "controller": True}
    meta = {"name": "b", "namespace": "team", "uid": "u", "creationTimestamp": when, "ownerReferences": [ref]}
    staged = {"at": when, "sizeBytes": 7, "etag": "e", "files": 1}
    status = {"collection": {"endedAt": when}, "staged": staged}
    found = parse_child({"metadata": meta, "spec": {}, "status": status}, UID)
    assert found is not None
    assert (found.collecting, found.ended_at, found.size) == (False, None, 7)


async def test_a_new_schedule_is_tried_out_before_anything_is_due(world: Universe) -> None:
    put(world, triggers=[LOOP])
    world.api.refusal = Forbidden("no right")
    await Process(world).run()
    assert ready(world)["reason"] == "BundleRefused"
    world.api.refusal = None
    await Process(world).run()
    assert ready(world)["reason"] == "Scheduled"
    assert bundles(world) == []


async def test_a_schedule_that_no_policy_has_seen_makes_nothing(world: Universe) -> None:
    put(world, schedule="0 * * * *")
    world.api.objects[PATH]["metadata"]["creationTimestamp"] = "2026-11-19T00:00:00Z"
    await Process(world).run()
    assert ready(world)["reason"] == "CreatedUnchecked"
    assert bundles(world) == []
    assert "kubectl -n team patch sbschedule night" in ready(world)["message"]
    world.api.objects[PATH]["metadata"]["generation"] = 2
    await Process(world).run()
    assert ready(world)["reason"] == "Scheduled"
    assert len(bundles(world)) == 1


async def test_a_policy_that_comes_anew_leaves_schedules_that_were_checked_alone(world: Universe) -> None:
    put(world, schedule="0 * * * *")
    await Process(world).run()
    renewed = (NOW - timedelta(minutes=1)).isoformat()
    world.api.objects[paths.policy("p")]["metadata"]["creationTimestamp"] = renewed
    await Process(world).run()
    assert ready(world)["reason"] == "Scheduled"
    world.api.objects[paths.policy("p")]["metadata"]["creationTimestamp"] = NOW.isoformat()
    world.api.objects[PATH]["metadata"]["generation"] = 2
    process = Process(world)
    assert await process.run() == 2, "until all API servers know the policy"
    assert ready(world)["reason"] == "CreatedUnchecked"
    world.api.objects[paths.policy("p")]["metadata"]["creationTimestamp"] = renewed
    await process.run()
    assert status(world)["admission"]["policiesSince"].startswith("2026-11-21T11:59"), "asked anew while it is refused"


async def test_a_schedule_that_cannot_be_read_says_which_field(world: Universe) -> None:
    put(world, schedule="0 * * * *", surprise=1)
    await Process(world).run()
    assert ready(world)["reason"] == "InvalidSchedule"
    assert "spec.surprise" in ready(world)["message"]


async def test_a_schedule_that_is_gone_answers_those_who_wait(world: Universe) -> None:
    process = Process(world)
    waiting = asyncio.create_task(process.inbox.deliver(KEY, signal()))
    await asyncio.sleep(0)
    assert await process.step.run(KEY) is None
    assert await waiting == Verdict.UNKNOWN


async def test_a_name_that_somebody_else_uses_is_told(world: Universe) -> None:
    put(world, schedule="0 * * * *")
    await Process(world).run()
    (made,) = bundles(world)
    del world.api.objects[PATH]["status"]
    made["metadata"]["ownerReferences"] = []
    await Process(world).run()
    assert ready(world)["reason"] == "NameTaken"


async def test_history_is_pruned(world: Universe) -> None:
    put(world, schedule="0 0 1 1 *", successfulBundlesHistoryLimit=1)
    fields = {"bundleTemplate": {"spec": BUNDLE}}
    for hour in (1, 2, 3):
        when = (NOW - timedelta(hours=hour)).isoformat()
        ref = {
            "apiVersion": names.API_VERSION,
            "kind": names.SCHEDULE_KIND,
            "name": "night",
            "uid": UID,
            "controller": True,
        }
        meta = {
            "name": f"b{hour}", "namespace": "team", "creationTimestamp": when,
            "labels": {names.LABEL_SCHEDULE_UID: UID}, "ownerReferences": [ref],
        }  # fmt: skip
        condition = {"type": "Ready", "status": "True", "reason": "Complete", "lastTransitionTime": when}
        artifact = {"destination": "d", "bucket": "b", "key": "k", "sizeBytes": 5, "etag": "e", "files": 1}
        done = {"conditions": [condition], "completedAt": when, "artifact": artifact}
        world.api.put(paths.bundle("team", f"b{hour}"), {"metadata": meta, "spec": fields, "status": done})
    process = Process(world)
    for _ in range(3):
        await process.run()
    assert world.api.of("supportbundles") == ["b1"]
    assert sum(hour["bytes"] for hour in status(world)["spent"]) == 10
    assert status(world)["pruning"] == []


def test_what_is_made_names_the_account_and_everything_of_the_template() -> None:
    raw = {
        "metadata": {"name": "night", "namespace": "team", "uid": UID, "creationTimestamp": NOW.isoformat()},
        "spec": {
            "triggers": [LOOP],
            "bundleTemplate": {"spec": {**BUNDLE, "ttl": "2h", "limits": {"maxBytes": "5Mi"}}},
        },
    }
    schedule = parse_schedule(raw)
    start = Start("b", Cause(type=CauseType.CRON, schedule="night", at=NOW))
    assert manifest(schedule, start, ())["spec"] == dump(schedule.spec.bundle_template.spec)
