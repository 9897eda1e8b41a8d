"""A tar file: member after member, each held in a spool until its new size is known, then written behind its header.

Only what was read as a header, a name, a number or a member's content is written. Links, directories and devices have
no content. Nothing is ever unpacked to disk by its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize.report import Report

from . import pax
from .job import Job, Pieces, Place, guarded
from .kinds import BLOCK, Kind
from .names import Names, shown
from .source import Source, ends_early
from .spool import Spool
from .tarheader import GNAME, LINK, NAME, UNAME, Header
from .workers import WORTH, Emit, Slot, Task, Workers, in_order

_RECORD: Final = 20 * BLOCK
"""Most programs pad a tar file to this."""
_WHAT: Final = "a tar file"
_EXTENSIONS: Final = frozenset({b"x", b"g", b"L", b"K", b"X"})
_EMPTY: Final = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})
"""Links, devices, directories, pipes: all readers agree that no content follows, whatever size they claim."""
_GNU_NAMES: Final = {b"L": b"path", b"K": b"linkpath"}
_PATHS: Final = (b"path", b"linkpath")
_OWNERS: Final = (b"uname", b"gname")
_ZERO: Final = bytes(BLOCK)


def rebuild(job: Job, _kind: Kind, source: Source, place: Place) -> Pieces:
    """The tar file with sanitized members; the same bytes if nothing changed and every byte of it is known.

    Raises:
        Unsanitizable: if it is damaged or ends too early, or no member could be kept.
    """
    return (yield from _Tar(job, source, place).members())


@dataclass(frozen=True, slots=True)
class _Member:
    """What stands before a member's content, cleaned."""

    header: Header
    extensions: list[tuple[Header, dict[bytes, bytes]]]
    name: bytes

    def resize(self, size: int) -> None:
        """Set the content's size wherever it is told."""
        self.header.resize(size)
        for _, records in self.extensions:
            if b"size" in records:
                records[b"size"] = str(size).encode()


class _Made(NamedTuple):
    """What became of a member's content."""

    changed: bool
    report: Report


class _Tar:
    def __init__(self, job: Job, source: Source, place: Place) -> None:
        self._job = job
        self._read = 0
        self._source = source.tapped(self._count)
        self._place = place
        self._names: Names = job.names(place)
        self._changed = False
        self._workers: Workers | None = None
        self._kept = self._left = self._given = 0
        self._extensions: list[tuple[Header, dict[bytes, bytes]]] = []

    def _count(self, piece: bytes) -> None:
        self._read += len(piece)

    def members(self) -> Pieces:
        """The new file's bytes, and at the end whether they differ."""
        self._workers = self._job.workers()
        yield from self._passed(in_order(self._begun(), self._workers.waiting if self._workers else 0))
        if self._left and not self._kept:
            raise Unsanitizable("an archive of which no member can be sanitized.")
        self._names.finish()
        yield from self._end()
        return self._changed

    def _begun(self) -> Iterator[Emit]:
        """Read all members, and begin with each; what is given out ends it."""
        while (block := self._source.read(BLOCK)) != _ZERO:
            if len(block) < BLOCK:
                if block or self._extensions:
                    raise ends_early(_WHAT)
                self._changed = True
                break
            header = Header(block)
            if header.kind in _EXTENSIONS:
                self._extension(header)
                if header.kind == b"g":
                    yield partial(self._written, self._taken_extensions())
                continue
            yield self._member(header)

    def _passed(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._given += len(piece)
            yield piece

    def _end(self) -> Iterator[bytes]:
        """Two blocks of zeros and the padding that was there; what follows them is left out."""
        foreign = False
        for piece in self._source.rest():
            foreign = foreign or bool(piece.strip(b"\0"))
        if foreign:
            self._changed = True
            self._place.report.left_out("", "what follows the end of a tar file is left out.")
        unit = _RECORD if self._read % _RECORD == 0 else BLOCK
        size = 2 * BLOCK
        size += -(self._given + size) % unit
        self._changed = self._changed or self._given + size != self._read
        yield bytes(size)

    def _extension(self, header: Header) -> None:
        """Keep a header that says more about the next member, or with `g` about all that follow."""
        self._job.account.member()
        size = header.size
        if not 0 <= size <= self._job.archives.limits.header:
            raise Unsanitizable("a tar file whose extended header is too large.")
        padded = self._source.read(size + -size % BLOCK)
        if len(padded) < size + -size % BLOCK:
            raise ends_early(_WHAT)
        data = padded[:size]
        key = _GNU_NAMES.get(header.kind)
        records = pax.parse(data) if key is None else {key: data.split(b"\0", 1)[0]}
        if header.kind == b"g":
            records = {key: value for key, value in records.items() if key not in {*_PATHS, b"size"}}
        self._extensions.append((header, records))
        encoded = _encoded(header, records)
        self._changed = self._changed or encoded + bytes(-len(encoded) % BLOCK) != padded

    def _taken_extensions(self) -> list[tuple[Header, dict[bytes, bytes]]]:
        """The held extended headers, cleaned; those that say nothing any more are left out."""
        held, self._extensions = self._extensions, []
        taken = []
        for header, records in held:
            clean = self._clean_records(records)
            self._clean_header(header)
            if clean:
                taken.append((header, clean))
        return taken

    def _written(self, extensions: list[tuple[Header, dict[bytes, bytes]]]) -> Iterator[bytes]:
        for header, records in extensions:
            data = _encoded(header, records)
            header.resize(len(data))
            yield self._block(header) + data + bytes(-len(data) % BLOCK)

    def _clean_records(self, records: dict[bytes, bytes]) -> dict[bytes, bytes]:
        clean: dict[bytes, bytes] = {}
        for key, value in pax.known(records).items():
            if key in _PATHS:
                clean[key] = self._names.path(value)
            elif key in _OWNERS:
                clean[key] = self._names.owner(value)
            elif key not in pax.TEXTS or self._names.clean(value):
                clean[key] = self._names.text(value) if key in pax.TEXTS else value
        self._changed = self._changed or clean != records
        self._names.leaves(*clean.values())
        return clean

    def _member(self, header: Header) -> Emit:
        """Read one member with what stands before it."""
        self._job.account.member()
        records: dict[bytes, bytes] = {}
        for _, more in self._extensions:
            records |= more
        name, link = records.get(b"path", header.name), records.get(b"linkpath", header.text(LINK))
        self._named(header, NAME, name, header.name)
        self._named(header, LINK, link, header.text(LINK))
        self._clean_header(header)
        clean = self._names.path(name)
        size = 0 if header.kind in _EMPTY else _size(header, records)
        if problem := self._problem(header, records, size):
            self._extensions = []
            self._skip(header, size)
            return partial(self._left_out, clean, problem)
        member = _Member(header, self._taken_extensions(), clean)
        return partial(self._empty, member) if header.kind in _EMPTY else self._regular(member, size)

    def _empty(self, member: _Member) -> Iterator[bytes]:
        member.resize(0)
        self._kept += 1
        yield from self._written(member.extensions)
        yield self._block(member.header)

    def _regular(self, member: _Member, size: int) -> Emit:
        place = Place(f"{self._place.path}/{shown(member.name)}", self._place.report.inner(), self._place.depth)
        taken = [0]
        content = _counted(self._source.part(size, _WHAT), taken)
        if self._workers is not None and size >= WORTH:
            task = self._workers.submit(content, _sanitized, place)
            self._padding(size)
            return partial(self._elsewhere, member, task)
        spool = Spool(self._job.archives)
        try:
            made = _sanitized(self._job, Source(content), spool, place)
        except Unsanitizable as error:
            spool.close()
            why = str(guarded(error))
            for _ in self._source.part(size - taken[0], _WHAT):
                pass
            self._padding(size)
            return partial(self._left_out, member.name, why)
        self._padding(size)
        return partial(self._here, member, made, spool)

    def _here(self, member: _Member, made: _Made, spool: Spool) -> Iterator[bytes]:
        with spool:
            yield from self._kept_as(member, made, spool)

    def _elsewhere(self, member: _Member, task: Task) -> Iterator[bytes]:
        assert self._workers is not None, "whoever has a task has workers"  # noqa: S101 - states what _regular does
        try:
            made = task.result()
        except Unsanitizable as error:
            yield from self._left_out(member.name, str(guarded(error)))
        else:
            yield from self._kept_as(member, made, task.slot)
        self._workers.free(task)

    def _kept_as(self, member: _Member, made: _Made, data: Spool | Slot) -> Iterator[bytes]:
        self._changed = self._changed or made.changed
        self._kept += 1
        self._place.report.merge(made.report, shown(member.name))
        member.resize(data.size)
        yield from self._written(member.extensions)
        yield self._block(member.header)
        yield from data.chunks()
        yield bytes(-data.size % BLOCK)

    def _named(self, header: Header, field: slice, name: bytes, in_header: bytes) -> None:
        """Clean a name in the header, where it may stand cut; extended headers are cleaned when they are written."""
        clean = self._names.path(name)
        if clean == name and (in_header == name or self._names.clean(in_header)):
            return
        self._changed = True
        fits = clean if len(clean) <= field.stop - field.start else self._names.substitute(name)
        if field is NAME:
            header.rename(fits)
        else:
            header.put(LINK, fits)

    def _clean_header(self, header: Header) -> None:
        """What a header says besides the names of its member: owners, and the names of extended headers."""
        for field in (UNAME, GNAME):
            text = header.text(field)
            if text and (clean := self._names.owner(text)) != text:
                header.put(field, clean if len(clean) <= field.stop - field.start else b"redacted")
        if header.kind in _EXTENSIONS:
            clean = self._names.path(header.name)
            if clean != header.name:
                header.rename(clean if len(clean) <= NAME.stop - NAME.start else self._names.substitute(header.name))
            header.put(LINK, b"")
        self._names.leaves(header.name, header.text(LINK), header.text(UNAME), header.text(GNAME))

    def _block(self, header: Header) -> bytes:
        block = header.block()
        self._changed = self._changed or block != header.original
        return block

    def _problem(self, header: Header, records: dict[bytes, bytes], size: int) -> str:
        """Why a member cannot be kept, if so."""
        if header.kind == b"S" or any(key.startswith(pax.SPARSE) for key in records):
            return "a sparse file inside an archive is not opened."
        if header.kind not in {b"0", *_EMPTY}:
            return "a member of a kind that is not known."
        limit = self._job.archives.limits.member
        return f"a file of more than {limit >> 20} MiB inside an archive." if size > limit else ""

    def _left_out(self, name: bytes, why: str) -> Iterator[bytes]:
        self._left += 1
        self._changed = True
        self._place.report.left_out(shown(name), why)
        yield from ()

    def _skip(self, header: Header, size: int) -> None:
        if header.kind == b"S":
            more = header.original[482]
            while more:
                block = self._source.read(BLOCK)
                if len(block) < BLOCK:
                    raise ends_early(_WHAT)
                more = block[504]
        for _ in self._source.part(size, _WHAT):
            pass
        self._padding(size)

    def _padding(self, size: int) -> None:
        padding = self._source.read(-size % BLOCK)
        if len(padding) < -size % BLOCK:
            raise ends_early(_WHAT)
        self._changed = self._changed or bool(padding.strip(b"\0"))


def _encoded(header: Header, records: dict[bytes, bytes]) -> bytes:
    """The content of an extended header."""
    key = _GNU_NAMES.get(header.kind)
    return pax.encode(records) if key is None else records[key] + b"\0"


def _counted(pieces: Iterator[bytes], taken: list[int]) -> Iterator[bytes]:
    for piece in pieces:
        taken[0] += len(piece)
        yield piece


def _sanitized(job: Job, source: Source, data: Spool | Slot, place: Place) -> _Made:
    """Sanitize a member into `data`; runs in any process.

    Raises:
        Unsanitizable: see Job.content.
    """
    pieces = job.content(source, place)
    while True:
        try:
            piece = next(pieces)
        except StopIteration as end:
            return _Made(bool(end.value), place.report)
        data.write(piece)


def _size(header: Header, records: dict[bytes, bytes]) -> int:
    text = records.get(b"size")
    if text is not None and not (text.isdigit() and len(text) <= 18):  # noqa: PLR2004 - fits in 64 bits
        raise Unsanitizable("a tar file whose extended header is damaged.")
    size = header.size if text is None else int(text)
    if size < 0:
        raise Unsanitizable("a tar file with a member of negative size.")
    return size
