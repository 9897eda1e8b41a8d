"""Hostile lines cost time in proportion to their length, whatever they repeat."""

from __future__ import annotations

import pytest

from support import timing
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
    timing.assert_linear(sanitizer, unit)


@pytest.mark.parametrize("begin", [b"x=1 y=", b"a.b=1\nx y="])
def test_a_value_that_fills_all_that_is_looked_at_does_not_stop_the_look(begin: bytes, sanitizer: Sanitizer) -> None:
    assert timing.seconds(sanitizer, begin + b"b" * (60 << 10)) < 5
