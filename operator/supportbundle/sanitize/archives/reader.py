"""The archive as one of the sanitizer's readers: held until its end, because a directory or a size stands there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import IO, Final

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize.report import Report

from . import packed, tars, zips
from .job import Job, Machinery, Pieces, Place, Rebuild
from .kinds import Kind, kind
from .source import FileSource, Source
from .spool import Spool

_REBUILD: Final[Mapping[Kind, Rebuild]] = MappingProxyType(
    {
        Kind.ZIP: zips.rebuild,
        Kind.TAR: tars.rebuild,
        **dict.fromkeys((Kind.GZIP, Kind.BZIP2, Kind.XZ, Kind.ZSTD), packed.rebuild),
    }
)


class Archive:
    """Takes an archive piece by piece; gives it out at the end, without ever holding all of it in memory."""

    def __init__(self, machinery: Machinery, path: str, report: Report) -> None:
        self._machinery = machinery
        self._path = path
        self._report = report
        self._spool = Spool(machinery.archives)

    def feed(self, data: bytes) -> bytes:
        """See Reader."""
        self._spool.write(data)
        return b""

    def ending(self) -> Iterator[bytes]:
        """The sanitized archive, in pieces.

        Raises:
            Unsanitizable: if it cannot be sanitized; what was given out before must be discarded.
        """
        with self._spool:
            yield from rebuilt(self._machinery, self._spool.file, self._spool.size, self._path, self._report)

    def finish(self) -> bytes:
        """See Reader; for callers that can hold all of it."""
        return b"".join(self.ending())


def rebuilt(machinery: Machinery, file: IO[bytes], size: int, path: str, report: Report) -> Iterator[bytes]:
    """The sanitized form of the archive that `file` holds; see Archive.ending."""
    source = FileSource(file, size)
    found = kind(source.peek(512))
    if found is None:
        raise Unsanitizable("a file that is no archive after all.")
    with Job(machinery, size, _rebuild) as job:
        yield from job.archive(found, source, Place(path, report, 0))


def _rebuild(job: Job, found: Kind, source: Source, place: Place) -> Pieces:
    return (yield from _REBUILD[found](job, found, source, place))
