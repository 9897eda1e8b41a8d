"""List files: always well-formed, whatever fits."""

from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.collecting import FakeCluster, FakeMember, FakeSecrets, FakeSink
from supportbundle.collect.base import RunContext
from supportbundle.collect.lists import Kind, ListWriter, each, named, write_list
from supportbundle.errors import NotFound, SupportBundleError, TooLarge, Unavailable
from supportbundle.model.plan import Task
from supportbundle.model.spec import CollectorType

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
objects = st.lists(st.dictionaries(texts, texts | st.integers(-(2**53), 2**53) | st.none(), max_size=4), max_size=8)


async def written(items: list[dict[str, Any]], limit: int) -> tuple[FakeMember, ListWriter]:
    member = FakeMember(limit=limit)
    writer = ListWriter(member, "v1", "Thing", limit)
    for item in items:
        await writer.add(item)
    await writer.close()
    return member, writer


@given(objects, st.integers(min_value=120, max_value=900))
async def test_a_limit_leaves_a_well_formed_beginning(items: list[dict[str, Any]], limit: int) -> None:
    member, writer = await written(items, limit)
    assert len(member.data) <= limit
    parsed = json.loads(member.data)
    assert parsed == {"apiVersion": "v1", "kind": "ThingList", "metadata": {}, "items": items[: writer.kept]}
    assert writer.kept + writer.omitted == len(items)
    assert ("truncated" in member.notes) == bool(writer.omitted)


@given(objects)
async def test_with_room_nothing_is_omitted(items: list[dict[str, Any]]) -> None:
    member, _ = await written(items, 1 << 20)
    assert json.loads(member.data)["items"] == items


async def test_a_sink_that_is_full_earlier_ends_the_file() -> None:
    writer = ListWriter(FakeMember(limit=10), "v1", "Thing")
    with pytest.raises(TooLarge):
        await writer.close()


class Counting(FakeCluster):
    """Knows how many requests were under way at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.most = 0

    async def get(self, path: str, params: object = None) -> dict[str, Any]:
        assert params is None
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        if path == "/3":
            raise NotFound("gone")
        return {"path": path}


async def test_objects_come_in_order_a_few_at_a_time() -> None:
    cluster = Counting()
    answers = [answer async for answer in each(cluster, (f"/{n}" for n in range(20)))]
    failures = [n for n, answer in enumerate(answers) if isinstance(answer, SupportBundleError)]
    assert failures == [3]
    assert [a["path"] for a in answers if isinstance(a, dict)] == [f"/{n}" for n in range(20) if n != 3]
    assert cluster.most == 8


async def test_an_object_that_is_nested_too_deep_costs_only_itself() -> None:
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"a": deep}
    member, writer = await written([{"n": 1}, deep, {"n": 2}], 1 << 20)
    assert json.loads(member.data)["items"] == [{"n": 1}, {"n": 2}]
    assert (writer.kept, writer.omitted) == (2, 1)


WIDGET = Kind("example.com/v1", "Widget", "widgets")
TASK = Task(id="c/x", collector="c", type=CollectorType.CONFIG, target="x", params={})


def surroundings(cluster: FakeCluster, sink: FakeSink) -> RunContext:
    return RunContext(namespace="apps", cluster=cluster, sink=sink, secrets=FakeSecrets())


async def these(*items: dict[str, Any] | SupportBundleError) -> AsyncIterator[dict[str, Any]]:
    for item in items:
        if isinstance(item, SupportBundleError):
            raise item
        yield item


async def test_a_list_file_is_written_where_viewers_look(cluster: FakeCluster, sink: FakeSink) -> None:
    await write_list(these({"metadata": {"name": "a"}}), WIDGET, TASK, surroundings(cluster, sink))
    found = sink.json("cluster-resources/widgets/apps.json")
    assert found["items"] == [{"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}}]


async def test_no_objects_make_a_file_only_where_it_is_asked_for(cluster: FakeCluster, sink: FakeSink) -> None:
    await write_list(these(), WIDGET, TASK, surroundings(cluster, sink))
    assert not sink.files
    await write_list(these(), WIDGET, TASK, surroundings(cluster, sink), path="x.json", empty=True)
    assert sink.json("x.json")["items"] == []


async def test_a_list_that_breaks_off_is_no_file(cluster: FakeCluster, sink: FakeSink) -> None:
    broken = these({"metadata": {"name": "a"}}, Unavailable("later"))
    with pytest.raises(Unavailable):
        await write_list(broken, WIDGET, TASK, surroundings(cluster, sink))
    assert not sink.files


async def test_named_objects_come_with_a_gap_for_each_missing_one(cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.objects["/apis/example.com/v1/namespaces/apps/widgets/b"] = {"metadata": {"name": "b"}}
    found = [item async for item in named(WIDGET, ["a", "b", "c"], TASK, surroundings(cluster, sink))]
    assert [item["metadata"]["name"] for item in found] == ["b"]
    assert sink.reasons == [("Widget/a", "NotFound"), ("Widget/c", "NotFound")]


@pytest.mark.parametrize(
    ("plural", "folder"),
    [
        ("persistentvolumeclaims", "pvcs"),
        ("ingresses", "ingress"),
        ("networkpolicies", "network-policy"),
        ("resourcequotas", "resource-quota"),
        ("pods", "pods"),
    ],
)
def test_folders_have_troubleshoots_names(plural: str, folder: str) -> None:
    assert Kind("v1", "X", plural).file("apps") == f"cluster-resources/{folder}/apps.json"


async def test_what_is_large_and_deep_does_not_grow_by_its_layout(cluster: FakeCluster, sink: FakeSink) -> None:
    value: Any = [[]] * 100_000
    for _ in range(200):
        value = [value]
    await write_list(these({"metadata": {"name": "a"}, "spec": value}), WIDGET, TASK, surroundings(cluster, sink))
    (found,) = sink.json("cluster-resources/widgets/apps.json")["items"]
    assert found["spec"] == value
    assert len(sink.files["cluster-resources/widgets/apps.json"].data) < 1 << 20


async def test_a_page_is_not_held_while_the_next_one_is_read(cluster: FakeCluster, sink: FakeSink) -> None:
    class Held(dict[str, Any]):
        """Something that can be referred to weakly."""

    alive: list[bool] = []

    async def pages() -> AsyncIterator[dict[str, Any]]:
        last: weakref.ref[Held] | None = None
        for name in ("a", "b"):
            item = Held(metadata={"name": name})
            if last is not None:
                alive.append(last() is not None)
            last = weakref.ref(item)
            yield item
            del item
        assert last is not None
        alive.append(last() is not None)

    await write_list(pages(), WIDGET, TASK, surroundings(cluster, sink))
    assert alive == [False, False]
