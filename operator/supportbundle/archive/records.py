"""The bytes of one zip record, after PKWARE's APPNOTE 6.3.10.

A record is fully determined by four facts and a time, so the assembly can tell byte by byte whether a fragment's local
headers say what its index says. Sizes are known before the header is written: no data descriptors, and a zip64 extra
field only where a size does not fit in 32 bits.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

LIMIT32: Final = 0xFFFFFFFF
"""The saturated 32-bit field that sends a reader to the zip64 one; real values stay below it."""

DEFLATED: Final = 8
UTF8: Final = 0x800
MADE_BY_UNIX: Final = (3 << 8) | 45
MODE: Final = 0o100644 << 16
"""External attributes: a regular file that its owner may write and all may read."""

_ZIP64_ID: Final = 1
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")


@dataclass(frozen=True, slots=True)
class Record:
    """What determines a local header; sizes in bytes, `crc32` over the uncompressed content."""

    path: str
    crc32: int
    size: int
    compressed_size: int

    @property
    def wide(self) -> bool:
        """Whether a size needs zip64."""
        return self.size >= LIMIT32 or self.compressed_size >= LIMIT32

    @property
    def header_size(self) -> int:
        """Bytes of the local header."""
        return _LOCAL.size + len(self.path.encode()) + (20 if self.wide else 0)

    @property
    def record_size(self) -> int:
        """Bytes of local header and content."""
        return self.header_size + self.compressed_size


def dos_time(moment: datetime) -> tuple[int, int]:
    """(time, date) in MS-DOS form: UTC, two-second steps, clamped to 1980..2107."""
    utc = moment.astimezone(UTC)
    if utc.year < 1980:  # noqa: PLR2004 - the DOS epoch
        return 0, (1 << 5) | 1
    year = min(utc.year, 2107) - 1980
    return utc.hour << 11 | utc.minute << 5 | utc.second // 2, year << 9 | utc.month << 5 | utc.day


def local_header(record: Record, modified: datetime) -> bytes:
    """The local header. A zip64 extra field here always holds both sizes (APPNOTE 4.5.3)."""
    name = record.path.encode()
    extra = struct.pack("<2H2Q", _ZIP64_ID, 16, record.size, record.compressed_size) if record.wide else b""
    compressed, size = (LIMIT32, LIMIT32) if record.wide else (record.compressed_size, record.size)
    needs = 45 if record.wide else 20
    return (
        _LOCAL.pack(
            b"PK\x03\x04",
            needs,
            UTF8,
            DEFLATED,
            *dos_time(modified),
            record.crc32,
            compressed,
            size,
            len(name),
            len(extra),
        )
        + name
        + extra
    )


def central_header(record: Record, offset: int, modified: datetime) -> bytes:
    """The directory's header of a record at `offset`. Its zip64 field holds only what is saturated, in this order."""
    name = record.path.encode()
    values = (record.size, record.compressed_size, offset)
    wide = [value for value in values if value >= LIMIT32]
    extra = struct.pack(f"<2H{len(wide)}Q", _ZIP64_ID, 8 * len(wide), *wide) if wide else b""
    size, compressed, at = (min(value, LIMIT32) for value in values)
    return (
        _CENTRAL.pack(
            b"PK\x01\x02",
            MADE_BY_UNIX,
            45 if wide else 20,
            UTF8,
            DEFLATED,
            *dos_time(modified),
            record.crc32,
            compressed,
            size,
            len(name),
            len(extra),
            0,
            0,
            0,
            MODE,
            at,
        )
        + name
        + extra
    )
