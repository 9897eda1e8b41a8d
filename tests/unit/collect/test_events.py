"""Events: which ones, and both of their forms."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from support.collecting import FakeCluster, FakeSink, plan, pod, run
from supportbundle.collect.events import COLLECTOR
from supportbundle.model.plan import Task
from supportbundle.model.pod import OwnerRef

PATH = "/api/v1/namespaces/apps/events"
FILE = "cluster-resources/events/apps.json"


def task(scope: str = "Namespace", *owners: OwnerRef) -> Task:
    pods = [pod(f"web-{n}", owner=owner) for n, owner in enumerate(owners)] or [pod()]
    tasks, gaps = plan(COLLECTOR, {"type": "Events", "events": {"scope": scope}}, *pods)
    assert not gaps
    assert len(tasks) == 1
    return tasks[0]


def event(name: str = "e", kind: str = "Pod", about: str = "web-0", **fields: Any) -> dict[str, Any]:
    involved = {"kind": kind, "name": about, "uid": f"uid-{about}"}
    return {"metadata": {"name": name, "managedFields": [{}]}, "involvedObject": involved, "message": "m", **fields}


async def test_the_list_is_one_that_viewers_read(cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.lists[PATH] = [event("a", reason="Killing"), event("b")]
    await run(COLLECTOR, task(), cluster, sink)
    parsed = sink.json(FILE)
    assert (parsed["apiVersion"], parsed["kind"]) == ("v1", "EventList")
    assert [(i["apiVersion"], i["kind"], i["metadata"]["name"]) for i in parsed["items"]] == [
        ("v1", "Event", "a"),
        ("v1", "Event", "b"),
    ]
    assert "managedFields" not in parsed["items"][0]["metadata"]
    assert not sink.gaps


async def test_no_events_are_an_empty_list(cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.lists[PATH] = []
    await run(COLLECTOR, task(), cluster, sink)
    assert sink.json(FILE)["items"] == []
    assert sink.files["events.txt"].data.count(b"\n") == 1


async def test_the_table_is_sorted_by_time_and_safe_to_print(cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.lists[PATH] = [
        event(
            lastTimestamp="2026-03-04T05:06:09Z", type="Warning", reason="BackOff", count=7, message="bad\x1b[2J\nnews"
        ),
        event(lastTimestamp=None, eventTime="2026-03-04T05:06:08.123456Z", series=None, type="Normal", reason="Old"),
    ]
    await run(COLLECTOR, task(), cluster, sink)
    lines = sink.files["events.txt"].data.decode().splitlines()
    assert lines[0].split() == ["LAST", "SEEN", "COUNT", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert lines[1].split()[:5] == ["2026-03-04T05:06:08Z", "1", "Normal", "Old", "pod/web-0"]
    assert lines[2].split()[:5] == ["2026-03-04T05:06:09Z", "7", "Warning", "BackOff", "pod/web-0"]
    assert lines[2].endswith(r"bad\x1b[2J\nnews")


async def test_targets_are_pods_their_owners_and_the_owners_owners(cluster: FakeCluster, sink: FakeSink) -> None:
    owners = (
        OwnerRef(api_version="apps/v1", kind="ReplicaSet", name="web-7f9c", uid="uid-rs"),
        OwnerRef(api_version="batch/v1", kind="Job", name="nightly-29111", uid="uid-job"),
        OwnerRef(api_version="apps/v1", kind="StatefulSet", name="db", uid="uid-db"),
    )
    wanted = [
        ("Pod", "web-0"),
        ("ReplicaSet", "web-7f9c"),
        ("Deployment", "web"),
        ("Job", "nightly-29111"),
        ("CronJob", "nightly"),
        ("StatefulSet", "db"),
    ]
    others = [("Pod", "other"), ("Deployment", "other"), ("ReplicaSet", "web"), ("Node", "n1")]
    cluster.lists[PATH] = [event(f"{k}-{n}", k, n) for k, n in (*wanted, *others)]
    await run(COLLECTOR, task("Targets", *owners), cluster, sink)
    kept = [i["metadata"]["name"] for i in sink.json(FILE)["items"]]
    assert kept == [f"{kind}-{name}" for kind, name in wanted]


async def test_a_full_bundle_drops_the_list_rather_than_half_of_it(cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.lists[PATH] = [event(f"e{n}") for n in range(100)]
    sink.budget = 1000
    await run(COLLECTOR, task(), cluster, sink)
    assert not sink.files
    assert sink.reasons == [("events", "TooLarge")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
wild_events = st.fixed_dictionaries(
    {"metadata": st.just({"name": "e"})},
    optional={
        "involvedObject": st.none()
        | st.fixed_dictionaries({}, optional={"kind": st.none() | st.text(), "name": st.text()}),
        "message": st.none() | st.text(),
        "reason": st.none() | st.text(),
        "type": st.none() | st.text(),
        "count": st.none() | st.integers(0, 10**9),
        "series": st.none() | st.fixed_dictionaries({}, optional={"count": st.integers(0, 9)}),
        "lastTimestamp": st.none() | st.text(),
        "note": json_values,
    },
)


@given(st.lists(wild_events, max_size=5))
async def test_any_event_makes_a_row_and_an_item(events: list[dict[str, Any]]) -> None:
    cluster, sink = FakeCluster(lists={PATH: events}), FakeSink()
    await run(COLLECTOR, task(), cluster, sink)
    assert not sink.gaps
    items = sink.json(FILE)["items"]
    assert [{k: v for k, v in i.items() if k not in {"apiVersion", "kind"}} for i in items] == events
    table = sink.files["events.txt"].data.decode()
    assert table.count("\n") == len(events) + 1
    assert all(ch.isprintable() or ch == "\n" for ch in table)
