"""A compressed stream (gzip, bzip2, xz, zstd): its content sanitized as what it is, then compressed again.

A profile is gzip too, and has a reader of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import pprof, sniff

from .job import Job, Pieces, Place
from .kinds import Kind, kind
from .pack import pack
from .source import FileSource, Source
from .spool import Spool
from .unpack import Framing, unpack


def rebuild(job: Job, found: Kind, source: Source, place: Place) -> Pieces:
    """The stream with sanitized content; as it came, byte for byte, if nothing in it changed.

    Raises:
        Unsanitizable: if the content cannot be sanitized, or the stream is damaged.
    """
    framing = Framing()
    with Spool(job.archives) as held, Spool(job.archives) as output:
        # A file can be read once more; what comes out of another layer cannot.
        tapped = source if isinstance(source, FileSource) else source.tapped(held.write)
        inner = Source(unpack(found, tapped, framing, job.account))
        head = inner.peek(sniff.HEAD + 1)
        if found is Kind.GZIP and pprof.is_profile(head[: sniff.HEAD], whole=len(head) <= sniff.HEAD):
            return (yield from _profile(job, framing, tapped, held, place))
        changed = _Changed(job, inner, _inside(place, head))
        for piece in pack(found, _named(job, framing, place), changed.pieces()):
            output.write(piece)
        if changed.value or not framing.plain:
            yield from output.chunks()
            return True
        yield from tapped.again() if isinstance(tapped, FileSource) else held.chunks()
        return False


class _Changed:
    """The content's sanitized pieces, and afterwards whether they differ."""

    def __init__(self, job: Job, inner: Source, place: Place) -> None:
        self._job = job
        self._inner = inner
        self._place = place
        self.value = True

    def pieces(self) -> Iterator[bytes]:
        self.value = yield from self._job.content(self._inner, self._place)


def _named(job: Job, framing: Framing, place: Place) -> Framing:
    """The first header's name, cleaned; it is known once the head was unfolded."""
    names = job.names(place)
    clean = names.path(framing.name)
    names.leaves(clean)
    names.finish()
    framing.plain = framing.plain and clean == framing.name
    framing.name = clean
    return framing


def _profile(job: Job, framing: Framing, tapped: Source, held: Spool, place: Place) -> Pieces:
    if not _named(job, framing, place).plain:
        raise Unsanitizable("a profile whose gzip header holds more than a name.")
    size = tapped.size if isinstance(tapped, FileSource) else held.size
    for piece in () if isinstance(tapped, FileSource) else tapped.rest():
        size += len(piece)
        if size > pprof.MAX_INPUT:
            break
    if size > pprof.MAX_INPUT:
        raise Unsanitizable(f"a profile of more than {pprof.MAX_INPUT >> 20} MiB.")
    packed = b"".join(tapped.again() if isinstance(tapped, FileSource) else held.chunks())
    reader = job.profile(place)
    reader.feed(packed)
    clean = reader.finish()
    yield clean
    return clean != packed


def _inside(place: Place, head: bytes) -> Place:
    """Where the content lies: that of `a.log.gz` is `a.log` in there; an archive goes on in its own name."""
    if kind(head):
        return place
    name = place.path.rpartition("/")[2]
    return replace(place, path=f"{place.path}/{name.rpartition('.')[0] or name}")
