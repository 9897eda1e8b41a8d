"""A zip file being written: every number known before it is written, zip64 only where a number asks for it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .spool import Spool
from .workers import Slot
from .zipdir import FULL16, FULL32, ZIP64

STORED, DEFLATED = 0, 8
UTF8: Final = 0x800
_PLAIN, _WIDE = 20, 45


@dataclass(slots=True)
class Sanitized:
    """A member ready to be written: packed bytes, and what both of its headers say."""

    name: bytes
    made_by: int
    flags: int
    method: int
    time: int
    crc: int
    size: int
    internal: int
    external: int
    local_extra: bytes
    extra: bytes
    comment: bytes
    data: Spool | Slot


class ZipOut:
    """Gives out the bytes of a zip file, front to back."""

    def __init__(self) -> None:
        self._position = 0
        self._directory: list[bytes] = []

    def add(self, member: Sanitized) -> Iterator[bytes]:
        """A member's record."""
        offset, packed = self._position, member.data.size
        wide = member.size >= FULL32 or packed >= FULL32
        extra = _wide(member.size, packed) + member.local_extra if wide else member.local_extra
        header = struct.pack(
            "<4s3H4L2H", b"PK\3\4", _WIDE if wide else _PLAIN, member.flags, member.method, member.time, member.crc,
            FULL32 if wide else packed, FULL32 if wide else member.size, len(member.name), len(extra),
        ) + member.name + extra  # fmt: skip
        self._position += len(header) + packed
        self._directory.append(_central(member, packed, offset))
        yield header
        yield from member.data.chunks()

    def close(self, comment: bytes) -> Iterator[bytes]:
        """The directory and its end."""
        start, count = self._position, len(self._directory)
        size = 0
        for record in self._directory:
            size += len(record)
            yield record
        if count >= FULL16 or start >= FULL32 or size >= FULL32:
            yield struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, _WIDE, _WIDE, 0, 0, count, count, size, start)
            yield struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1)
        yield struct.pack(
            "<4s4H2LH", b"PK\5\6", 0, 0, min(count, FULL16), min(count, FULL16), min(size, FULL32),
            min(start, FULL32), len(comment),
        ) + comment  # fmt: skip


def _wide(*numbers: int) -> bytes:
    return struct.pack(f"<2H{len(numbers)}Q", ZIP64, 8 * len(numbers), *numbers) if numbers else b""


def _central(member: Sanitized, packed: int, offset: int) -> bytes:
    numbers = (member.size, packed, offset)
    wide = _wide(*(number for number in numbers if number >= FULL32))
    size, packed, offset = (min(number, FULL32) for number in numbers)
    extra = wide + member.extra
    return struct.pack(
        "<4s4H4L5H2L", b"PK\1\2", member.made_by, _WIDE if wide else _PLAIN, member.flags, member.method, member.time,
        member.crc, packed, size, len(member.name), len(extra), len(member.comment), 0, member.internal,
        member.external, offset,
    ) + member.name + extra + member.comment  # fmt: skip
