"""The life of a debugging container: it waits to be used, and ends by itself, because nobody can remove it."""

from __future__ import annotations

import signal
import time


def idle(seconds: int) -> int:
    """Wait; a signal to end is obeyed at once, which the first process of a container must say itself."""
    signal.signal(signal.SIGTERM, _stop)
    time.sleep(seconds)
    return 0


def _stop(*_: object) -> None:
    raise SystemExit(0)
