"""One line for each step with the time it took, so that a slow first run explains itself."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(line: str) -> None:
    """Write a line for people; standard output stays free for the commands that `run` executes."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@contextmanager
def step(what: str, *, slow: str = "") -> Iterator[None]:
    """Tell how long a step took or that it failed; a slow one is announced with what to expect."""
    begin = time.monotonic()
    if slow:
        say(f"          {what}: {slow}")
    try:
        yield
    except BaseException:
        say(f"  {time.monotonic() - begin:6.1f}s  FAILED  {what}")
        raise
    say(f"  {time.monotonic() - begin:6.1f}s  {what}")
