"""A tar stream, read as it comes and believed in nothing: it was written by a program of the target's.

Formats: POSIX ustar and pax, and GNU tar's long names and base-256 numbers. Memory is bounded by one header block, one
extended header, and the piece that was fed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from supportbundle.errors import Corrupt

BLOCK: Final = 512
MAX_EXTENDED: Final = 64 << 10
"""Bytes of a pax header or a long name; Linux bounds paths at 4 KiB."""

MAX_SIZE: Final = 1 << 50
_ZEROS = bytes(BLOCK)
_SIZE_FIELD = slice(124, 136)
_SUM_FIELD = slice(148, 156)
_BASE_256, _NEGATIVE = 0x80, 0xFF
_OCTAL = frozenset(b"01234567")


class EntryKind(StrEnum):
    """What an entry is, in words for a message."""

    FILE = "file"
    DIRECTORY = "directory"
    HARD_LINK = "hard link"
    SYMLINK = "symbolic link"
    DEVICE = "device"
    FIFO = "fifo"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry begins. `size` is what the header claims; that many bytes follow in pieces, for every kind."""

    name: bytes
    kind: EntryKind
    size: int


@dataclass(frozen=True, slots=True)
class EntryEnd:
    """All bytes of the entry have been given."""


Event = Entry | bytes | EntryEnd

_KINDS = {
    b"0": EntryKind.FILE,
    b"\0": EntryKind.FILE,
    b"7": EntryKind.FILE,
    b"1": EntryKind.HARD_LINK,
    b"2": EntryKind.SYMLINK,
    b"3": EntryKind.DEVICE,
    b"4": EntryKind.DEVICE,
    b"5": EntryKind.DIRECTORY,
    b"6": EntryKind.FIFO,
}
_BODILESS = frozenset(
    {EntryKind.HARD_LINK, EntryKind.SYMLINK, EntryKind.DEVICE, EntryKind.DIRECTORY, EntryKind.FIFO},
)
_EXTENDED = frozenset({b"x", b"g", b"L", b"K"})


class TarReader:
    """Feed it pieces of any length; it gives entries, their bytes, and their ends."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._left = 0
        self._padding = 0
        self._collecting = b""
        self._extended = bytearray()
        self._in_entry = False
        self._long_name: bytes | None = None
        self._long_size: int | None = None
        self.started = False
        self.finished = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that these bytes complete. After the end of the archive everything is ignored.

        Raises:
            Corrupt: this is no tar stream, or one with impossible numbers.
        """
        rest = memoryview(data)
        while rest and not self.finished:
            self.started = True
            if self._left:
                piece, rest = rest[: self._left], rest[self._left :]
                self._left -= len(piece)
                yield from self._body(bytes(piece))
            elif self._padding:
                skipped = min(self._padding, len(rest))
                self._padding -= skipped
                rest = rest[skipped:]
            else:
                missing = BLOCK - len(self._buffer)
                self._buffer += rest[:missing]
                rest = rest[missing:]
                if len(self._buffer) == BLOCK:
                    block = bytes(self._buffer)
                    self._buffer.clear()
                    yield from self._header(block)

    def close(self) -> None:
        """The stream is over.

        Raises:
            Corrupt: it broke off before the archive's end.
        """
        if not self.finished:
            raise Corrupt("The stream of files broke off before its end.")

    def _body(self, piece: bytes) -> Iterator[Event]:
        if self._collecting:
            self._extended += piece
            if not self._left:
                self._extend(self._collecting, bytes(self._extended))
                self._collecting = b""
                self._extended.clear()
            return
        yield piece
        if not self._left:
            yield from self._end()

    def _end(self) -> Iterator[Event]:
        self._in_entry = False
        yield EntryEnd()

    def _header(self, block: bytes) -> Iterator[Event]:
        if block == _ZEROS:
            self.finished = True
            return
        if not _sum_fits(block):
            raise Corrupt("What came is no tar stream: the checksum of a header is wrong.")
        flag, size = block[156:157], _number(block[_SIZE_FIELD])
        if flag in _EXTENDED:
            if size > MAX_EXTENDED:
                raise Corrupt(f"An extended header of the stream claims {size} bytes; at most {MAX_EXTENDED} are read.")
            self._collecting = flag if size else b""
        else:
            entry = self._entry(block, flag, size)
            size = entry.size
            yield entry
            if not size:
                yield from self._end()
        self._left, self._padding = size, -size % BLOCK

    def _entry(self, block: bytes, flag: bytes, size: int) -> Entry:
        name = _name(block) if self._long_name is None else self._long_name
        kind = _KINDS.get(flag, EntryKind.OTHER)
        if kind == EntryKind.FILE and name.endswith(b"/"):
            kind = EntryKind.DIRECTORY  # as tar did before POSIX
        size = size if self._long_size is None else self._long_size
        self._long_name = self._long_size = None
        return Entry(name, kind, 0 if kind in _BODILESS else size)

    def _extend(self, flag: bytes, text: bytes) -> None:
        if flag == b"L":
            self._long_name = text.split(b"\0", 1)[0]
        elif flag == b"x":
            for key, value in _records(text):
                if key == b"path":
                    self._long_name = value.split(b"\0", 1)[0]
                elif key == b"size":
                    self._long_size = _decimal(value)


def _sum_fits(block: bytes) -> bool:
    field = block[_SUM_FIELD].strip(b" \0")
    if not field or not _OCTAL.issuperset(field):
        return False
    # The field itself counts as spaces. Some old programs summed signed bytes.
    unsigned = sum(block) - sum(block[_SUM_FIELD]) + 8 * 0x20
    signed = unsigned - 256 * sum(byte > 127 for byte in block[:148] + block[156:])  # noqa: PLR2004 - a signed byte's range
    return int(field, 8) in {unsigned, signed}


def _number(field: bytes) -> int:
    if field[0] in {_BASE_256, _NEGATIVE}:
        value = -1 if field[0] == _NEGATIVE else int.from_bytes(field[1:], "big")
    else:
        digits = field.split(b"\0", 1)[0].strip(b" ")
        if not _OCTAL.issuperset(digits):
            raise Corrupt("A header of the stream holds a size that is no number.")
        value = int(digits or b"0", 8)
    return _bounded(value)


def _decimal(value: bytes) -> int:
    # Long digits would cost time before they are found too large.
    if not value.isdigit() or len(value) > len(str(MAX_SIZE)):
        raise Corrupt("An extended header of the stream holds a size that is no number.")
    return _bounded(int(value))


def _bounded(size: int) -> int:
    if not 0 <= size <= MAX_SIZE:
        raise Corrupt("A header of the stream claims an impossible size.")
    return size


def _name(block: bytes) -> bytes:
    name = block[:100].split(b"\0", 1)[0]
    # GNU's own format has other things in the place of the prefix, and its magic ends in a space.
    prefix = block[345:500].split(b"\0", 1)[0] if block[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _records(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Pax records: the length of the whole record in decimal, a space, `key=value`, a line break."""
    start = 0
    while start < len(text):
        head, space, _ = text[start : start + 8].partition(b" ")
        if not space or not head.isdigit():
            raise Corrupt("An extended header of the stream is not well-formed.")
        end = start + int(head)
        key, equals, value = text[start + len(head) + 1 : end].partition(b"=")
        if end > len(text) or not equals or not value.endswith(b"\n"):
            raise Corrupt("An extended header of the stream is not well-formed.")
        yield key, value[:-1]
        start = end
