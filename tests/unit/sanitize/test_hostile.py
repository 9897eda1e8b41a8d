"""Hostile lines cost time in proportion to their length, whatever they repeat."""

from __future__ import annotations

import time

import pytest

from supportbundle.sanitize import Sanitizer

UNITS = [
    b"x://aa:b",
    b"a:b@",
    b"token=[",
    b'"token":[',
    b'password="${',
    b"<password>",
    b"authorization: ",
    b"Authorization: ",
    b"kind: Secret\ndata:\n a: b\n",
    b" kind: Secret\n",
    b"a b:1/c@",
    b'"mysql","-u",',
    b";pwd={a",
    b"name=token ",
]


@pytest.mark.parametrize("unit", UNITS)
def test_a_line_four_times_as_long_takes_about_four_times_as_long(unit: bytes, sanitizer: Sanitizer) -> None:
    size = 150_000 // len(unit)
    short = min(_seconds(sanitizer, unit * size) for _ in range(2))
    # Quadratic work would take 16 times as long; the rest is room for a busy machine.
    assert _seconds(sanitizer, unit * size * 4) < 10 * short + 1


@pytest.mark.parametrize("begin", [b"x=1 y=", b"a.b=1\nx y="])
def test_a_value_that_fills_all_that_is_looked_at_does_not_stop_the_look(begin: bytes, sanitizer: Sanitizer) -> None:
    assert _seconds(sanitizer, begin + b"b" * (60 << 10)) < 5


def _seconds(sanitizer: Sanitizer, content: bytes) -> float:
    begin = time.process_time()
    stream = sanitizer.open("x")
    stream.feed(content)
    stream.finish()
    return time.process_time() - begin
