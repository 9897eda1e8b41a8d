"""The directory at the end of a zip file, read strictly: what readers could understand in two ways is refused.

Layout: PKWARE's APPNOTE.TXT 6.3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from supportbundle.errors import Unsanitizable

from .limits import Account, Bomb

_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_EXTRA: Final = struct.Struct("<2H")
_MAX_COMMENT: Final = 0xFFFF
_MAX_DIRECTORY: Final = 64 << 20
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
ZIP64: Final = 1


@dataclass(slots=True)
class Entry:
    """A member as the directory tells; `end` is where the next thing in the file begins."""

    made_by: int
    flags: int
    method: int
    time: int
    crc: int
    packed: int
    size: int
    internal: int
    external: int
    offset: int
    name: bytes
    extra: bytes
    comment: bytes
    end: int = 0


@dataclass(frozen=True, slots=True)
class Directory:
    """All members in the directory's order; `plain` says that it has none of the forms of zip64."""

    entries: tuple[Entry, ...]
    comment: bytes
    start: int
    plain: bool


def read_directory(file: IO[bytes], size: int, account: Account) -> Directory:
    """The members of a zip file of `size` bytes.

    Raises:
        Unsanitizable: if it is damaged, has several volumes, or hides something before or behind what it tells.
        Bomb: if it has too many members, or members that share bytes.
    """
    position, end = _end(file, size)
    disks, _, count_here, count, length, start = end[1], end[2], end[3], end[4], end[5], end[6]
    plain = True
    if FULL16 in (count, count_here) or FULL32 in (length, start):
        position, count, length, start = _end64(file, position)
        plain = False
    elif disks or end[2] or count_here != count:
        raise Unsanitizable("a zip file of several volumes.")
    if start + length != position:
        raise _damaged()
    account.member(count)
    if length > _MAX_DIRECTORY:
        raise Bomb("a zip file with too large a directory.")
    file.seek(start)
    entries = tuple(_entries(file.read(length), count))
    _place(entries, start)
    plain = plain and all(ZIP64 not in dict(extra_fields(entry.extra)) for entry in entries)
    return Directory(entries, end[8], start, plain)


def _damaged() -> Unsanitizable:
    return Unsanitizable(
        "a zip file that is damaged or ends too early.", "A size limit may have cut it; raise the limit."
    )


def _end(file: IO[bytes], size: int) -> tuple[int, tuple[bytes, int, int, int, int, int, int, int, bytes]]:
    """Position and fields of the end record, whose comment must end the file."""
    low = max(0, size - _END.size - _MAX_COMMENT)
    file.seek(low)
    tail = file.read(size - low)
    before = len(tail) - _END.size + 4
    while (at := tail.rfind(b"PK\5\6", 0, max(0, before))) >= 0:
        fields = _END.unpack_from(tail, at)
        if at + _END.size + fields[7] == len(tail):
            return low + at, (*fields, tail[at + _END.size :])
        before = at + 3
    raise _damaged()


def _end64(file: IO[bytes], position: int) -> tuple[int, int, int, int]:
    """Position, count, length and start as the end record of zip64 tells; it stands right before its locator."""
    file.seek(max(0, position - _LOCATOR.size))
    data = file.read(_LOCATOR.size)
    if len(data) < _LOCATOR.size or data[:4] != b"PK\6\7":
        raise _damaged()
    _, disk, at, disks = _LOCATOR.unpack(data)
    file.seek(min(at, position))
    data = file.read(_END64.size)
    if len(data) < _END64.size or data[:4] != b"PK\6\6" or at + _END64.size + _LOCATOR.size != position:
        raise _damaged()
    fields = _END64.unpack(data)
    if disk or disks > 1 or fields[4] or fields[5] or fields[6] != fields[7]:
        raise Unsanitizable("a zip file of several volumes.")
    return at, fields[7], fields[8], fields[9]


def _entries(data: bytes, count: int) -> Iterator[Entry]:
    position = 0
    for _ in range(count):
        if data[position : position + 4] != b"PK\1\2" or len(data) - position < _CENTRAL.size:
            raise _damaged()
        fields = _CENTRAL.unpack_from(data, position)
        _, made_by, _, flags, method, time, date, crc, packed, size, names, extras, comments, disk, internal = fields[
            :15
        ]
        at = position + _CENTRAL.size
        position = at + names + extras + comments
        if position > len(data) or disk not in {0, FULL16}:
            raise _damaged()
        entry = Entry(
            made_by, flags, method, date << 16 | time, crc, packed, size, internal, fields[15], fields[16],
            data[at : at + names], data[at + names : at + names + extras], data[at + names + extras : position],
        )  # fmt: skip
        _widen(entry)
        yield entry
    if position != len(data):
        raise _damaged()


def _widen(entry: Entry) -> None:
    """Take the numbers that did not fit from the extra field of zip64, where they stand in a fixed order."""
    wide = dict(extra_fields(entry.extra)).get(ZIP64, b"")
    for name in ("size", "packed", "offset"):
        if getattr(entry, name) == FULL32:
            if len(wide) < 8:  # noqa: PLR2004 - a number of 64 bits
                raise _damaged()
            setattr(entry, name, int.from_bytes(wide[:8], "little"))
            wide = wide[8:]


def extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of an extra field: identifier and content. What is no field is passed over."""
    position = 0
    while len(extra) - position >= _EXTRA.size:
        number, length = _EXTRA.unpack_from(extra, position)
        position += _EXTRA.size
        if length > len(extra) - position:
            return
        yield number, extra[position : position + length]
        position += length


def _place(entries: tuple[Entry, ...], directory: int) -> None:
    """Find each member's end. Members that share bytes are how a small file unfolds to a huge one."""
    end = directory
    for entry in sorted(entries, key=lambda each: each.offset, reverse=True):
        entry.end = end
        if entry.offset + 30 + len(entry.name) + entry.packed > end:
            raise Bomb("a zip file whose members overlap.")
        end = entry.offset
