"""Everything inside one outermost archive: which reader a content gets, layer by layer, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import sniff
from supportbundle.sanitize.reader import Reader
from supportbundle.sanitize.report import Report

from . import kinds, workers
from .compare import Compare
from .limits import Account, Archives, Bomb
from .names import Check, Names
from .source import Source

Pieces = Generator[bytes, None, bool]
"""Output in pieces; the result says whether it differs from the input."""


class Machinery(Protocol):
    """What the sanitizer offers to its archives."""

    archives: Archives

    def names(self, path: str) -> Names:
        """The names of the archive at `path`."""
        ...

    def leak_check(self) -> Check:
        """A check of one finished content."""
        ...

    def reader(self, head: bytes, path: str, report: Report, *, whole: bool) -> Reader:
        """The reader of a content that is no archive."""
        ...

    def profile(self, path: str, report: Report) -> Reader:
        """The reader of a whole gzip'd profile."""
        ...


Rebuild = Callable[["Job", kinds.Kind, Source, "Place"], Pieces]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a content lies: its path with the archives around it, who counts, and how many layers are around it."""

    path: str
    report: Report
    depth: int


class Job:
    """One outermost archive, or a member of it in another process. One thread at a time; a context manager."""

    def __init__(self, machinery: Machinery, packed: int, rebuild: Rebuild, *, alone: bool = False) -> None:
        """With `alone` no other process is asked."""
        self._machinery = machinery
        self._packed = packed
        self._rebuild = rebuild
        self.archives = machinery.archives
        self.account = Account(self.archives.limits, packed)
        self._alone = alone or self.archives.jobs <= 1 or not workers.available()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def workers(self) -> workers.Workers | None:
        """Processes for the members of the first archive that asks; what is packed in those has one process."""
        if self._alone:
            return None
        self._alone = True
        slots = self._open.enter_context(workers.slots_for(self.archives.jobs, self.archives.scratch))
        pool = self._open.enter_context(workers.processes(self.archives.jobs, workers.share, self._another, slots))
        return workers.Workers(pool, slots, self.account)

    def _another(self) -> Job:
        return Job(self._machinery, self._packed, self._rebuild, alone=True)

    def names(self, place: Place) -> Names:
        """See Machinery."""
        return self._machinery.names(place.path)

    def profile(self, place: Place) -> Reader:
        """See Machinery."""
        return self._machinery.profile(place.path, place.report)

    def content(self, source: Source, place: Place) -> Pieces:
        """The sanitized form of all that `source` holds.

        Raises:
            Unsanitizable: if it cannot be proven clean.
            Bomb: if it breaks a bound of the whole.
        """
        head = source.peek(sniff.HEAD + 1)
        if found := kinds.kind(head):
            return (yield from self.archive(found, source, place))
        return (yield from self._plain(source, head, place))

    def archive(self, found: kinds.Kind, source: Source, place: Place) -> Pieces:
        """See content; of an archive."""
        self.account.enter(place.depth + 1)
        return (yield from self._rebuild(self, found, source, Place(place.path, place.report, place.depth + 1)))

    def _plain(self, source: Source, head: bytes, place: Place) -> Pieces:
        leaks = self._machinery.leak_check()
        compare = Compare()
        whole = len(head) <= sniff.HEAD
        reader = self._machinery.reader(head[: sniff.HEAD], place.path, place.report, whole=whole)
        for piece in source.rest():
            compare.before(piece)
            if clean := reader.feed(piece):
                leaks.feed(clean)
                compare.after(clean)
                yield clean
        if clean := reader.finish():
            leaks.feed(clean)
            compare.after(clean)
            yield clean
        leaks.finish()
        return compare.differs()


def guarded(error: Unsanitizable) -> Unsanitizable:
    """`error`, if it concerns one member only.

    Raises:
        Bomb: if it concerns the whole archive.
    """
    if isinstance(error, Bomb):
        raise error
    return error
