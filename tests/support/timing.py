"""That work grows no faster than its input, told by the processor's time on a machine that does other things too."""

from __future__ import annotations

import time

from supportbundle.sanitize import Sanitizer

SIZE = 30_000
"""Bytes of the shorter text: quadratic work shows at any size, and there it costs the least."""
TRIES = 10


def assert_linear(by: Sanitizer, unit: bytes) -> None:
    """A text of `unit` again and again, four times as long as another, takes about four times as long.

    Quadratic work would take 16 times as long. The best of each length counts, because noise only ever adds.
    """
    short = long = float("inf")
    for _ in range(TRIES):
        short = min(short, seconds(by, unit * (SIZE // len(unit))))
        long = min(long, seconds(by, unit * (4 * SIZE // len(unit))))
        if long < 6 * short + 0.05:
            return
    raise AssertionError(f"{unit!r}: {long:.2f} s after {short:.2f} s")


def seconds(by: Sanitizer, content: bytes) -> float:
    """Of the processor, for one text."""
    begin = time.process_time()
    stream = by.open("x")
    stream.feed(content)
    stream.finish()
    return time.process_time() - begin
