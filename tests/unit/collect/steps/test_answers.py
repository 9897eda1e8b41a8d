"""Answers in memory: how much they take is known before they take it."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbundle.collect.steps.answers import NotJSON, Room, memory, parsed, whole
from supportbundle.errors import TooLarge


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_a_body_is_read_whole_up_to_its_limit() -> None:
    assert await whole(pieces(b"ab", b"cd"), 4) == b"abcd"
    with pytest.raises(TooLarge, match="longer than the 3 bytes"):
        await whole(pieces(b"ab", b"cd"), 3)


def test_what_is_no_json_is_told() -> None:
    assert parsed(b' {"a": [1, null]}') == {"a": [1, None]}
    for raw in (b"", b"<html>", b"{'a': 1}", b"\xff", b"[" * 5000, b"NaN"):
        with pytest.raises(NotJSON):
            parsed(raw)


def test_room_is_taken_until_there_is_none() -> None:
    room = Room(100)
    room.take(60)
    room.require(40)
    with pytest.raises(TooLarge, match="of memory"):
        room.take(41)
    room.take(40)
    assert room.left == 0


def taken(raw: bytes) -> int:
    tracemalloc.start()
    try:
        held = parsed(raw)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del held
    return size


HOSTILE = {
    "empty lists": b"[" + b"[]," * 20_000 + b"[]]",
    "empty objects": b"[" + b"{}," * 20_000 + b"{}]",
    "small objects": b"[" + b'{"a":0},' * 20_000 + b"{}]",
    "objects in objects": b'{"a":' * 200 + b"1" + b"}" * 200,
    "short texts": b"[" + b'"ab",' * 20_000 + b'""]',
    "numbers": b"[" + b"1.5," * 20_000 + b"1]",
    "whole numbers": b"[" + b"123456789," * 20_000 + b"1]",
    "many keys": orjson.dumps({f"key{i}": i for i in range(20_000)}),
    "texts that end with a backslash": b"[" + b'"a\\\\",' * 20_000 + b"1]",
    "one wide character": ('"' + "a" * 100_000 + "\U0001f600" + '"').encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_document_takes_much_more_than_is_thought(name: str) -> None:
    raw = HOSTILE[name]
    assert taken(raw) <= memory(raw) * 1.2 + 4096


def test_documents_inside_texts_are_texts() -> None:
    line = '{"level":"info","msg":"hello world","caller":"app/server.go:1","fields":{"n":5,"to":["a"]}}'
    raw = orjson.dumps([line] * 2000)
    assert memory(raw) < 3 * len(raw)


def test_a_usual_answer_takes_a_third_of_what_is_thought_at_least() -> None:
    rows = [{"created_at": f"2026-01-01T00:00:{i:05}Z", "log_level": "info", "output": "x" * 120} for i in range(5000)]
    raw = orjson.dumps(rows)
    assert taken(raw) > memory(raw) / 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=60,
)


@given(JSON)
@settings(deadline=None, max_examples=60)
def test_any_document_takes_about_what_is_thought_or_less(document: object) -> None:
    raw = orjson.dumps(document)
    assert taken(raw) <= memory(raw) * 1.2 + 4096
