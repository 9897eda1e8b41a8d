"""The end of the zip: central directory and end records, zip64 where a field would saturate."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import datetime

from supportbundle.archive.records import LIMIT32, MADE_BY_UNIX, Record, central_header

LIMIT16 = 0xFFFF


def central_directory(records: Iterable[tuple[Record, int]], *, start: int, modified: datetime) -> bytes:
    """Everything behind the last record: `records` are (record, offset in the zip), `start` is where this begins."""
    directory = bytearray()
    count = 0
    for record, offset in records:
        directory += central_header(record, offset, modified)
        count += 1
    return bytes(directory) + end_records(count, size=len(directory), start=start)


def end_records(count: int, *, size: int, start: int) -> bytes:
    """End of central directory for `count` members whose directory has `size` bytes from `start` on."""
    end = struct.pack(
        "<4s4H2IH",
        b"PK\x05\x06",
        0,
        0,
        min(count, LIMIT16),
        min(count, LIMIT16),
        min(size, LIMIT32),
        min(start, LIMIT32),
        0,
    )
    if count < LIMIT16 and size < LIMIT32 and start < LIMIT32:
        return end
    wide = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, MADE_BY_UNIX, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, start + size, 1)
    return wide + locator + end
