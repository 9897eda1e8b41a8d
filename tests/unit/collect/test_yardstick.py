"""Counting a stream: exact where it is whole, close where lines differ, and never much memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from supportbundle.collect.yardstick import MARKS, Measured, Yardstick

chunks = st.lists(st.binary(max_size=200).map(lambda b: b.replace(b"\x00", b"\n")), max_size=100)


def measured(many: list[bytes]) -> Measured:
    stick = Yardstick()
    for chunk in many:
        stick.add(chunk)
    return stick.measured(whole=True)


@given(chunks)
def test_bytes_and_lines_are_exact(many: list[bytes]) -> None:
    text = b"".join(many)
    assert (measured(many).size, measured(many).lines) == (len(text), text.count(b"\n"))


@given(chunks, st.integers(1, 10**6))
def test_at_least_one_and_at_most_all_lines_are_asked_for(many: list[bytes], room: int) -> None:
    found = measured(many)
    assert 1 <= found.newest_lines(room) <= max(1, found.lines)


@given(st.integers(1, 500), st.integers(1, 5000), st.integers(1, 60_000))
def test_equal_lines_fit_exactly(width: int, count: int, room: int) -> None:
    found = measured([b"x" * (width - 1) + b"\n"] * count)
    lines = found.newest_lines(room)
    assert lines * width <= room + width or lines == 1
    assert lines >= min(count, room // width)


def test_lines_that_grow_longer_are_noticed() -> None:
    short, long = [b"s\n"] * 500_000, [b"l" * 999 + b"\n"] * 1000
    lines = measured([*short, *long]).newest_lines(500_000)
    assert 450 <= lines <= 560


def test_a_long_stream_keeps_few_marks() -> None:
    assert len(measured([b"x" * 65536] * 20_000).marks) <= MARKS
