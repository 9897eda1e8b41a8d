"""Reads the zip of a product: hostile input. Only plain members are handed out, and never more than they claim.

The directory alone says what is there (APPNOTE 6.3.10), as for every common program. It is bounded before it is parsed,
and what a member unfolds to is bounded by what it says itself, so the sum of all is known before anything is read.
`sanitize/archives/zipdir.py` is another reader: `collect` and `sanitize` never import each other, and that one refuses
a zip as a whole where this one leaves out members.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from supportbundle.errors import Corrupt, TooLarge

MAX_MEMBERS: Final = 2_000
MAX_DIRECTORY: Final = 4 << 20
"""Bytes of the directory."""

BLOCK: Final = 256 << 10
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_WIDE16, _WIDE32 = 0xFFFF, 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1
_KIND, _REGULAR = 0o170000, 0o100000


class NotAZip(Corrupt):
    """The bytes are no zip, or one that breaks its own rules."""

    reason = "NotAZip"

    def __init__(self, why: str) -> None:
        super().__init__(f"It is no zip that can be read: {why}.", "Leave out `unwrap` to keep it as it comes.")


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """A member as the directory tells it; sizes in bytes."""

    name: bytes
    flags: int
    method: int
    crc32: int
    packed: int
    size: int
    offset: int
    mode: int

    @property
    def folder(self) -> bool:
        """Whether it is only a folder's name."""
        return self.name.endswith(b"/")

    @property
    def oddity(self) -> str:
        """Why it is no plain file that can be read; empty if it is one."""
        if self.mode & _KIND not in {0, _REGULAR}:
            return "no plain file"
        if self.flags & _ENCRYPTED:
            return "encrypted"
        return "" if self.method in {_STORED, _DEFLATED} else f"packed by method {self.method}"


class ZipReader:
    """The members of one zip of `size` bytes.

    Raises:
        NotAZip: it is none.
        TooLarge: it has too many members.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._size = size
        self._directory, length = self._find_directory(size)
        if length > MAX_DIRECTORY:
            raise TooLarge(f"Its directory has {length} bytes; {MAX_DIRECTORY >> 20} MiB are read at most.")
        self.entries = tuple(_entries(self._read(self._directory, length)))

    def content(self, entry: ZipEntry) -> Iterator[bytes]:
        """The member in blocks, checked against its size and its checksum.

        Raises:
            NotAZip: it is not what the directory says.
        """
        fixed = self._read(entry.offset, _LOCAL.size)
        magic, *_, name, extra = _LOCAL.unpack(fixed)
        start = entry.offset + _LOCAL.size + name + extra
        if magic != b"PK\3\4" or start + entry.packed > self._directory:
            raise NotAZip("a member lies outside of it")
        total = crc = 0
        for block in self._inflated(entry, start):
            total += len(block)
            crc = zlib.crc32(block, crc)
            if total > entry.size:
                raise NotAZip("a member is longer than it says")
            yield block
        if (total, crc) != (entry.size, entry.crc32):
            raise NotAZip("a member is damaged")

    def _inflated(self, entry: ZipEntry, start: int) -> Iterator[bytes]:
        packed = (
            self._read(at, min(BLOCK, start + entry.packed - at)) for at in range(start, start + entry.packed, BLOCK)
        )
        if entry.method == _STORED:
            yield from packed
            return
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        for piece in packed:
            rest = piece
            while rest and not inflate.eof:
                try:
                    block = inflate.decompress(rest, BLOCK)
                except zlib.error:
                    raise NotAZip("a member cannot be inflated") from None
                rest = inflate.unconsumed_tail
                if block:
                    yield block
        # What is left over after the last byte of input fits into one more block or is refused by its size.
        if not inflate.eof and (block := inflate.decompress(b"", BLOCK)):
            yield block
        if not inflate.eof:
            raise NotAZip("a member is cut short")

    def _find_directory(self, size: int) -> tuple[int, int]:
        """(where it starts, its length)."""
        reach = min(size, _END.size + _WIDE16)
        tail = self._read(size - reach, reach)
        at = _end_of_directory(tail)
        fields = _END.unpack_from(tail, at)
        end, length, start = size - reach + at, fields[5], fields[6]
        if _WIDE32 in {length, start} or _WIDE16 in fields[1:5]:
            length, start, end = self._wide(end)
        if start + length > end:
            raise NotAZip("its directory lies outside of it")
        return start, length

    def _wide(self, end: int) -> tuple[int, int, int]:
        """(length, start, end) of the directory by its zip64 record, which stands before the usual one."""
        magic, _, record, _ = _LOCATOR.unpack(self._read(end - _LOCATOR.size, _LOCATOR.size))
        if magic != b"PK\6\7" or record > end:
            raise NotAZip("its zip64 record is missing")
        fields = _END64.unpack(self._read(record, _END64.size))
        if fields[0] != b"PK\6\6":
            raise NotAZip("its zip64 record is missing")
        return fields[8], fields[9], record

    def _read(self, start: int, size: int) -> bytes:
        # Offsets in a zip64 are larger than what some systems can seek to.
        if start < 0 or start + size > self._size:
            raise NotAZip("it is cut short")
        self._file.seek(start)
        data = self._file.read(size)
        if len(data) != size:
            raise NotAZip("it is cut short")
        return data


def _end_of_directory(tail: bytes) -> int:
    """Where the last record begins, of which only a comment may follow."""
    at = len(tail)
    while (at := tail.rfind(b"PK\5\6", 0, at)) >= 0:
        fits = len(tail) - at >= _END.size
        if fits and at + _END.size + _END.unpack_from(tail, at)[7] == len(tail):
            return at
    raise NotAZip("it has no end of a directory")


def _entries(directory: bytes) -> Iterator[ZipEntry]:
    at = count = 0
    while at < len(directory):
        if len(directory) - at < _ENTRY.size:
            raise NotAZip("its directory is cut short")
        magic, made, _, flags, method, _, _, crc, packed, size, name, extra, comment, _, _, mode, offset = (
            _ENTRY.unpack_from(directory, at)
        )
        begin = at + _ENTRY.size
        at = begin + name + extra + comment
        count += 1
        if magic != b"PK\1\2" or at > len(directory):
            raise NotAZip("its directory is damaged")
        if count > MAX_MEMBERS:
            raise TooLarge(f"It has more than {MAX_MEMBERS} members.")
        wide = directory[begin + name : begin + name + extra]
        size, packed, offset = _widened((size, packed, offset), wide)
        # Only Unix says in the upper half of the attributes what kind of file it is.
        unix = mode >> 16 if made >> 8 == 3 else 0  # noqa: PLR2004 - APPNOTE 4.4.2
        yield ZipEntry(directory[begin : begin + name], flags, method, crc, packed, size, offset, unix)


def _widened(values: tuple[int, int, int], extra: bytes) -> tuple[int, int, int]:
    """Saturated fields stand in the zip64 extra field, in this order."""
    at, found = 0, list(values)
    while len(extra) - at >= 4:  # noqa: PLR2004 - the head of a field
        kind, length = struct.unpack_from("<2H", extra, at)
        field = extra[at + 4 : at + 4 + length]
        at += 4 + length
        if kind != 1:
            continue
        for index, value in enumerate(values):
            if value == _WIDE32:
                if len(field) < 8:  # noqa: PLR2004 - one 64-bit number
                    raise NotAZip("a zip64 field is cut short")
                found[index], field = int.from_bytes(field[:8], "little"), field[8:]
        break
    return found[0], found[1], found[2]
