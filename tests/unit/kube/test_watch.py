"""A watch is read line by line, and only what is wanted is parsed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.errors import Expired, SupportBundleError, TooLarge, Unavailable
from supportbundle.kube.watch import MAX_LINE, changes


def change(kind: str, **obj: Any) -> bytes:
    return json.dumps({"type": kind, "object": obj}, separators=(",", ":")).encode() + b"\n"


async def read(*chunks: bytes, wanted: bytes = b"") -> list[tuple[str, Any]]:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [found async for found in changes(body(), lambda line: wanted in line)]


async def test_only_what_is_wanted_comes_and_bookmarks() -> None:
    text = change("ADDED", name="well") + change("MODIFIED", name="crashed") + change("BOOKMARK", version="7")
    assert await read(text, wanted=b"crashed") == [("MODIFIED", {"name": "crashed"}), ("BOOKMARK", {"version": "7"})]


@given(st.data())
async def test_lines_are_whole_however_they_are_cut(data: st.DataObject) -> None:
    text = b"".join(change("ADDED", name=f"pod-{i}") for i in range(5))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert [obj["name"] for _, obj in await read(*chunks)] == [f"pod-{i}" for i in range(5)]


async def test_half_a_line_at_the_end_is_not_taken_for_a_change() -> None:
    assert await read(change("ADDED", name="a") + b'{"type":"ADDED","obj') == [("ADDED", {"name": "a"})]


async def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    with pytest.raises(TooLarge):
        await read(*[b"x" * (1 << 20)] * ((MAX_LINE >> 20) + 1))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (change("ERROR", code=410, message="too old resource version"), Expired),
        (change("ERROR", code=500, message="etcd"), Unavailable),
        (b"<html>\n", Unavailable),
        (b"[]\n", Unavailable),
        (b'{"type":"ADDED"}\n', Unavailable),
    ],
)
async def test_what_is_no_change_ends_the_watch(text: bytes, error: type[SupportBundleError]) -> None:
    with pytest.raises(error):
        await read(text)
