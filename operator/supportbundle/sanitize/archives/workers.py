"""Members of one archive, sanitized by several processes; what stands around them is read and written by one.

Results are taken in the order of the members, so what is written does not depend on which process was faster. Members
go there and come back in files without a name, made before the processes are: nothing is left if one of them dies.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from supportbundle.errors import Unavailable, Unsanitizable

from .limits import Account
from .source import Source, of_file
from .spool import disk

FORKS: Final = sys.platform == "linux"
"""Elsewhere a process cannot be given a sanitizer, nor files without a name."""
WORTH: Final = 32 << 10
"""Bytes of a member for which another process is asked; less is done sooner than told."""
_SPARE: Final = 8

Emit = Callable[[], Iterator[bytes]]
"""What a member that was begun becomes, when its turn has come."""


@contextmanager
def processes(jobs: int, start: Callable[..., None], *args: object) -> Iterator[ProcessPoolExecutor]:
    """Processes that each begin with `start(*args)`; none of them outlives the block.

    Raises:
        Unavailable: if one of them is killed.
    """
    context = multiprocessing.get_context("fork" if FORKS else None)
    pool = ProcessPoolExecutor(jobs, context, _started, (start, args))
    try:
        yield pool
        pool.shutdown()
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.terminate()
        if isinstance(error, BrokenProcessPool):
            raise Unavailable("A process was killed, maybe for want of memory.", "Use fewer --jobs.") from error
        raise


def _started(start: Callable[..., None], args: tuple[object, ...]) -> None:
    """A terminal interrupts all processes at once; the first one tells it and ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _inside.append(True)
    start(*args)


_inside: list[bool] = []
"""Holds something in such a process, which begins none of its own."""


def available() -> bool:
    """Whether this process may have others for members."""
    return FORKS and not _inside


def in_order(begun: Iterable[Emit], waiting: int) -> Iterator[bytes]:
    """All that the members become, in their order, with at most `waiting` of them begun and not yet taken."""
    queue: deque[Emit] = deque()
    for emit in begun:
        queue.append(emit)
        while len(queue) > waiting:
            yield from queue.popleft()()
    while queue:
        yield from queue.popleft()()


class Slot:
    """A file that goes to a process and one that comes back; unbuffered, for two processes use them in turn."""

    def __init__(self, scratch: Path | None) -> None:
        with disk():
            self.given = _unnamed(scratch)
            self.made = _unnamed(scratch)
        self.size = 0

    def close(self) -> None:
        """Give the space back."""
        self.given.close()
        self.made.close()

    def clear(self) -> None:
        """Begin to write what was made."""
        self.size = 0
        self.made.seek(0)
        self.made.truncate()

    def write(self, data: bytes) -> None:
        """Add to what was made."""
        put(self.made, data)
        self.size += len(data)

    def chunks(self) -> Iterator[bytes]:
        """What was made, in pieces."""
        return of_file(self.made, 0, self.size)


@dataclass(frozen=True, slots=True)
class Task:
    """A member that another process has."""

    slot: Slot
    _future: Future[tuple[Any, int, int, int]]
    _account: Account

    def result(self) -> Any:  # noqa: ANN401 - of whatever work it was
        """What the work returned; what it wrote is in the slot.

        Raises:
            Unsanitizable: what the work raised, or a bound that all members together reach.
        """
        value, size, inflated, members = self._future.result()
        self.slot.size = size
        self._account.inflate(inflated)
        self._account.member(members)
        if isinstance(value, Unsanitizable):
            raise value
        return value


class Workers:
    """The processes of one archive; used by one thread."""

    def __init__(self, pool: ProcessPoolExecutor, slots: list[Slot], account: Account) -> None:
        self._pool = pool
        self._slots = slots
        self._free = list(range(len(slots)))
        self._account = account
        self.waiting: Final = len(slots) - 1

    def submit(self, pieces: Iterable[bytes], work: Callable[..., object], *args: object) -> Task:
        """Have `work(job, source, slot, *args)` done elsewhere, where `source` holds the pieces."""
        number = self._free.pop(0)
        slot = self._slots[number]
        slot.given.seek(0)
        slot.given.truncate()
        size = 0
        for piece in pieces:
            put(slot.given, piece)
            size += len(piece)
        return Task(slot, self._pool.submit(_work, number, size, work, args), self._account)

    def free(self, task: Task) -> None:
        """Use the slot of a task for others; what was made is gone then."""
        self._free.append(self._slots.index(task.slot))


def put(file: IO[bytes], data: bytes) -> None:
    """Write all of it.

    Raises:
        TooLarge: if the volume is full.
    """
    with disk():
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]


@contextmanager
def slots_for(jobs: int, scratch: Path | None) -> Iterator[list[Slot]]:
    """Enough that no process waits while one works on a large member."""
    slots: list[Slot] = []
    try:
        for _ in range(2 * jobs + _SPARE):
            slots.append(Slot(scratch))  # noqa: PERF401 - those that are made are closed if the next cannot be
        yield slots
    finally:
        for slot in slots:
            slot.close()


def share(make: Callable[[], Any], slots: list[Slot]) -> None:
    """In a new process: what each task there needs. `make` returns a Job for one member."""
    _shared[:] = [(make, slots)]


_shared: list[tuple[Callable[[], Any], list[Slot]]] = []


def _work(number: int, size: int, work: Callable[..., object], args: tuple[object, ...]) -> tuple[Any, int, int, int]:
    make, slots = _shared[0]
    job, slot = make(), slots[number]
    slot.clear()
    try:
        value: object = work(job, Source(of_file(slot.given, 0, size)), slot, *args)
    except Unsanitizable as error:
        value = error
    return value, slot.size, *job.account.used()


def _unnamed(scratch: Path | None) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=scratch, buffering=0)
