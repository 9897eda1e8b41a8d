"""A zip file: member after member in the directory's order, each sanitized and packed anew as it was packed before.

Only what was read as a member, a name, a time or a mode is written; no reader of the result can find anything else in
it. The file comes back byte for byte if nothing changed and every byte of it is known.
"""

from __future__ import annotations

import bz2
import lzma
import stat
import struct
from collections.abc import Iterator
from functools import partial
from typing import IO, Final, NamedTuple

from isal import isal_zlib

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize.report import Report

from .job import Job, Pieces, Place, guarded
from .kinds import Kind
from .limits import Bomb
from .names import shown
from .pack import blocks, deflater
from .source import FileSource, Source, of_file
from .spool import Spool
from .unpack import XZ_MEMORY, decoded, inflated
from .workers import WORTH, Emit, Slot, Task, Workers, in_order
from .zipdir import FULL16, FULL32, Entry, extra_fields, read_directory
from .zipout import DEFLATED, STORED, UTF8, Sanitized, ZipOut
from .zstd import unzstd

_LOCAL: Final = struct.Struct("<4s3H4L2H")
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
_DESCRIPTOR: Final = 0x8
_UNIX: Final = 3
_BZIP2, _ZSTD, _XZ = 12, 93, 95
_NTFS: Final = 0x000A
_WHAT: Final = "a member of a zip file"
_EXTRA_SIZES: Final = {0x5455: {1, 5, 9, 13}, 0x7875: {5, 11, 15}, 0x5855: {8, 12}, 0xCAFE: {0}, 0x7855: {0, 4}}
"""Times, owners and the mark of a jar, by identifier and possible sizes; nothing else in an extra field survives."""


def rebuild(job: Job, _kind: Kind, source: Source, place: Place) -> Pieces:
    """The zip file with sanitized members; as it came if nothing in it changed.

    Raises:
        Unsanitizable: if it is damaged, or no member could be kept.
    """
    with Spool(job.archives) as held, Spool(job.archives) as output:
        if isinstance(source, FileSource):
            file, size = source.file, source.size
        else:
            for piece in source.rest():
                held.write(piece)
            file, size = held.file, held.size
        work = _Zip(job, file, size, place)
        for piece in work.members():
            output.write(piece)
        yield from output.chunks() if work.changed else of_file(file, 0, size)
        return work.changed


class _Zip:
    def __init__(self, job: Job, file: IO[bytes], size: int, place: Place) -> None:
        self._job = job
        self._file = file
        self._place = place
        self._directory = read_directory(file, size, job.account)
        self._names = job.names(place)
        self._workers: Workers | None = None
        self._kept = self._left = 0
        self.changed = not self._directory.plain
        if sorted(entry.offset for entry in self._directory.entries)[:1] not in ([], [0]):
            self.changed = True

    def members(self) -> Iterator[bytes]:
        """The new file's bytes."""
        out = ZipOut()
        entries = self._directory.entries
        self._workers = self._job.workers() if len(entries) > 1 else None
        names = [self._names.path(entry.name) for entry in entries]
        begun = (self._begun(entry, name, out) for entry, name in zip(entries, names, strict=True))
        yield from in_order(begun, self._workers.waiting if self._workers else 0)
        if self._left and not self._kept:
            raise Unsanitizable("an archive of which no member can be sanitized.")
        yield from out.close(self._comment(self._directory.comment))
        self._names.finish()

    def _comment(self, comment: bytes) -> bytes:
        clean = self._names.text(comment)
        clean = clean if len(clean) <= FULL16 else b""
        self.changed = self.changed or clean != comment
        self._names.leaves(clean)
        return clean

    def _begun(self, entry: Entry, name: bytes, out: ZipOut) -> Emit:
        """Begin with one member; what is returned ends it."""
        self.changed = self.changed or name != entry.name
        self._names.leaves(name)
        try:
            start, local = self._checked(entry)
        except Unsanitizable as error:
            return partial(self._left_out, name, guarded(error))
        place = Place(f"{self._place.path}/{shown(name)}", self._place.report.inner(), self._place.depth)
        packed = of_file(self._file, start, entry.packed)
        if self._workers is None or entry.size < WORTH or _is_link(entry):
            return partial(self._here, entry, name, place, (start, local), out)
        task = self._workers.submit(packed, _packed_anew, entry, place)
        return partial(self._elsewhere, entry, name, local, out, task)

    def _here(self, entry: Entry, name: bytes, place: Place, at: tuple[int, bytes], out: ZipOut) -> Iterator[bytes]:
        start, local = at
        with Spool(self._job.archives) as data:
            packed = Source(of_file(self._file, start, entry.packed))
            try:
                if _is_link(entry):
                    made = _written(self._link(Source(_verified(self._job, entry, packed))), packed, entry, place, data)
                else:
                    made = _packed_anew(self._job, packed, data, entry, place)
            except Unsanitizable as error:
                yield from self._left_out(name, guarded(error))
                return
            yield from self._kept_as(entry, name, local, out, made, data)

    def _elsewhere(self, entry: Entry, name: bytes, local: bytes, out: ZipOut, task: Task) -> Iterator[bytes]:
        assert self._workers is not None, "whoever has a task has workers"  # noqa: S101 - states what _begun does
        try:
            made = task.result()
        except Unsanitizable as error:
            yield from self._left_out(name, guarded(error))
        else:
            yield from self._kept_as(entry, name, local, out, made, task.slot)
        self._workers.free(task)

    def _left_out(self, name: bytes, error: Unsanitizable) -> Iterator[bytes]:
        self._left += 1
        self.changed = True
        self._place.report.left_out(shown(name), str(error))
        yield from ()

    def _kept_as(
        self, entry: Entry, name: bytes, local_extra: bytes, out: ZipOut, made: _Made, data: Spool | Slot
    ) -> Iterator[bytes]:
        self._kept += 1
        self._place.report.merge(made.report, shown(name))
        extra, local = _known_extra(entry.extra), _known_extra(local_extra)
        self.changed = self.changed or made.changed or extra != entry.extra or local != local_extra
        yield from out.add(Sanitized(
            name=name, made_by=entry.made_by, flags=entry.flags & UTF8, method=_method(entry), time=entry.time,
            crc=made.crc, size=made.size, internal=entry.internal, external=entry.external, local_extra=local,
            extra=extra, comment=self._comment(entry.comment), data=data,
        ))  # fmt: skip

    def _checked(self, entry: Entry) -> tuple[int, bytes]:
        """See `_local`.

        Raises:
            Unsanitizable: if the member cannot be opened.
        """
        limits = self._job.archives.limits
        if entry.flags & _ENCRYPTED:
            raise Unsanitizable("an encrypted member of a zip file.", "Pack it without a password.")
        if entry.size > limits.member:
            raise Unsanitizable(f"a file of more than {limits.member >> 20} MiB inside an archive.")
        return self._local(entry)

    def _local(self, entry: Entry) -> tuple[int, bytes]:
        """Where the member's data begins, and its own extra field.

        Raises:
            Unsanitizable: if its header says something else than the directory: readers would see two members.
        """
        self._file.seek(entry.offset)
        head = self._file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != b"PK\3\4":
            raise Unsanitizable(f"{_WHAT} that is not where its directory says.")
        _, _, flags, method, time, crc, packed, size, names, extras = _LOCAL.unpack(head)
        name, extra = self._file.read(names), self._file.read(extras)
        start = entry.offset + _LOCAL.size + names + extras
        late = bool(flags & _DESCRIPTOR)
        claimed, real = (crc, packed, size), (entry.crc, entry.packed, entry.size)
        fits = claimed == real or (late and claimed == (0, 0, 0)) or FULL32 in claimed[1:]
        if (name, method, flags & _ENCRYPTED, fits) != (entry.name, entry.method, 0, True):
            raise Unsanitizable(f"{_WHAT} whose two headers differ.")
        end = start + entry.packed
        if end > entry.end:
            raise Bomb("a zip file whose members overlap.")
        if time != entry.time or FULL32 in claimed or not self._accounted(entry, end, late=late):
            self.changed = True
        return start, extra

    def _accounted(self, entry: Entry, end: int, *, late: bool) -> bool:
        """Whether nothing stands between a member's data and what follows but the descriptor that it announced."""
        between = entry.end - end
        if not late:
            return between == 0
        self._file.seek(end)
        plain = struct.pack("<3L", entry.crc, entry.packed & FULL32, entry.size & FULL32)
        return self._file.read(min(between, 32)) in {plain, b"PK\7\x08" + plain}

    def _link(self, source: Source) -> Pieces:
        target = source.read(self._job.archives.limits.name + 1)
        clean = self._names.path(target)
        self._names.leaves(clean)
        yield clean
        return clean != target or bool(source.peek(1))


class _Made(NamedTuple):
    """What became of a member's content; its bytes, packed anew, are elsewhere."""

    crc: int
    size: int
    changed: bool
    report: Report


def _packed_anew(job: Job, packed: Source, data: Spool | Slot, entry: Entry, place: Place) -> _Made:
    """Sanitize a member into `data`; runs in any process.

    Raises:
        Unsanitizable: see Job.content.
    """
    content = job.content(Source(_verified(job, entry, packed)), place)
    return _written(content, packed, entry, place, data)


def _written(content: Pieces, packed: Source, entry: Entry, place: Place, data: Spool | Slot) -> _Made:
    written = _Written(content, data)
    written.run(_method(entry))
    return _Made(written.crc, written.size, written.changed or bool(packed.peek(1)), place.report)


def _method(entry: Entry) -> int:
    return STORED if entry.method == STORED else DEFLATED


def _is_link(entry: Entry) -> bool:
    return entry.made_by >> 8 == _UNIX and stat.S_ISLNK(entry.external >> 16)


def _verified(job: Job, entry: Entry, packed: Source) -> Iterator[bytes]:
    """The member's content.

    Raises:
        Unsanitizable: if it is not what the directory says.
    """
    crc = size = 0
    for piece in _content(entry, packed):
        job.account.inflate(len(piece))
        crc = isal_zlib.crc32(piece, crc)
        size += len(piece)
        if size > entry.size:
            break
        yield piece
    if (size, crc) != (entry.size, entry.crc):
        raise Unsanitizable(f"{_WHAT} that is damaged.")


class _Written:
    """A content on its way into a spool."""

    def __init__(self, content: Pieces, data: Spool | Slot) -> None:
        self._content = content
        self._data = data
        self.changed = False
        self.crc = self.size = 0

    def run(self, method: int) -> None:
        """Take all of it."""
        if method == STORED:
            for block in self._pieces():
                self._data.write(block)
            return
        encoder = deflater()
        for block in blocks(self._pieces()):
            self._data.write(encoder.compress(block))
        self._data.write(encoder.flush())

    def _pieces(self) -> Iterator[bytes]:
        while True:
            try:
                piece = next(self._content)
            except StopIteration as end:
                self.changed = bool(end.value)
                return
            self.crc = isal_zlib.crc32(piece, self.crc)
            self.size += len(piece)
            yield piece


def _content(entry: Entry, packed: Source) -> Iterator[bytes]:
    """The inflated bytes of a member."""
    if entry.method == STORED:
        return packed.rest()
    if entry.method == DEFLATED:
        return inflated(packed, _WHAT)
    if entry.method == _BZIP2:
        return decoded(bz2.BZ2Decompressor, packed, _WHAT)
    if entry.method == _XZ:
        return decoded(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY), packed, _WHAT)
    if entry.method == _ZSTD:
        return (piece for piece in unzstd(packed) if piece is not None)
    raise Unsanitizable(f"{_WHAT} in a packing that is not known ({entry.method}).", "Pack it with deflate.")


def _known_extra(extra: bytes) -> bytes:
    """The fields that can hold no text."""
    return b"".join(
        struct.pack("<2H", number, len(content)) + content
        for number, content in extra_fields(extra)
        if len(content) in _EXTRA_SIZES.get(number, ()) or (number == _NTFS and _are_times(content))
    )


def _are_times(content: bytes) -> bool:
    """Whether an NTFS field holds its three times and nothing else; none lies beyond the year 2500."""
    return len(content) == 32 and content[:8] == b"\0\0\0\0\1\0\x18\0" and max(content[15::8]) < 4  # noqa: PLR2004 - as in APPNOTE.TXT 4.5.5
