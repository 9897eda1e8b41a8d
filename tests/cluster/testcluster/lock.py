"""One command at a time may change the cluster; the others wait for it and then find their work done."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .progress import say


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock; the file goes afterwards, for nothing may be left of a cluster that is down."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = _acquire(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _acquire(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"  another command is at work ({path}): waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        # Whoever held it before has removed the file: then this lock is on a file without a name.
        try:
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except FileNotFoundError:
            pass
        os.close(handle)
