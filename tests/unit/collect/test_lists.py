"""List files: always well-formed, whatever fits."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.collecting import FakeCluster, FakeMember
from supportbundle.collect.lists import ListWriter, each
from supportbundle.errors import NotFound, SupportBundleError, TooLarge

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
