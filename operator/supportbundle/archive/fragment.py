"""The fragment that one shard writes: records one after the other, the index, and a trailer that finds the index.

    record … record | gzip(index lines) | trailer (24 bytes)

The trailer stands last because the object is written once, front to back, and read back to front.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from isal import isal_zlib

from supportbundle.archive.index import (
    CLOSING,
    ENTRY,
    GAP,
    REQUEST,
    Closing,
    IndexEntry,
    IndexLimits,
    MemberMeta,
    ShardReport,
    trimmed,
    weight,
)
from supportbundle.archive.records import local_header
from supportbundle.archive.spool import ClosedMember, disk
from supportbundle.errors import Invalid, TooLarge
from supportbundle.model.gap import Gap

MAGIC: Final = b"SBFRAG\r\n"
"""The line break shows when something has translated the object as text."""

TRAILER: Final = struct.Struct("<8sIIQ")
"""Magic, version, CRC-32 and length in bytes of the compressed index before it."""

GZIP: Final = 31
"""zlib's window bits for a gzip wrapper."""


class FragmentWriter:
    """Appends members to a file. Any thread may append; each record is written whole.

    As a context manager it closes the file; a fragment without `close` is no fragment.

    `modified` becomes the time of every record and must be the same in all shards: the plan's creation. `limits` are
    what the reader grants: `IndexLimits.for_shards` of the plan's number of shards. What exceeds them is refused to
    the task that wants it.
    """

    def __init__(self, file: Path, *, shard: int, modified: datetime, limits: IndexLimits | None = None) -> None:
        self._file: IO[bytes] = file.open("wb")
        self._shard = shard
        self._modified = modified
        self._limits = limits or IndexLimits()
        self._lock = threading.Lock()
        self._end = 0
        self._paths: set[str] = set()
        self._index = isal_zlib.compressobj(3, isal_zlib.DEFLATED, GZIP)
        self._footer = bytearray()
        self._json = 0
        self._kept = 0

    @property
    def size(self) -> int:
        """Bytes of the records so far."""
        return self._end

    def append(self, member: ClosedMember, meta: MemberMeta) -> None:
        """Write the record and free the member. After an error the fragment is as it was before.

        Raises:
            Invalid: the path is taken.
            TooLarge: a limit of the fragment is reached, or the volume is full.
        """
        with self._lock:
            try:
                self._append(member, meta)
            finally:
                member.discard()

    def close(self, report: ShardReport, gaps: Sequence[Gap] = (), requests: Sequence[str] = ()) -> int:
        """Write index and trailer; returns the fragment's size in bytes. Gaps over the limit become one that counts.

        `requests` are lines of the request log; one counts those for which there is no room.

        Raises:
            TooLarge: the volume is full.
        """
        with self._lock, disk():
            kept = self._bounded(gaps)
            for gap in kept:
                self._write_line(b"G", GAP.dump_json(gap))
            lines = self._fitting(requests, self._kept + sum(map(weight, kept)))
            for line in lines:
                self._write_line(b"R", REQUEST.dump_json(line))
            closing = Closing(
                **asdict(report), shard=self._shard, members=len(self._paths), gaps=len(kept), requests=len(lines)
            )
            self._write_line(b"S", CLOSING.dump_json(closing))
            self._footer += self._index.flush()
            trailer = TRAILER.pack(MAGIC, 1, isal_zlib.crc32(self._footer), len(self._footer))
            self._file.write(self._footer + trailer)
            self._file.close()
            return self._end + len(self._footer) + len(trailer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()

    def _append(self, member: ClosedMember, meta: MemberMeta) -> None:
        if member.path in self._paths:
            raise Invalid(f"Two members are called {member.path!r}.", "Give the collectors' outputs different names.")
        entry = IndexEntry(
            path=member.path,
            crc32=member.crc32,
            size=member.size,
            compressed_size=member.compressed_size,
            sha256=member.sha256,
            offset=self._end,
            meta=trimmed(meta),
        )
        if self._kept + weight(entry) > self._limits.kept * 3 // 8:
            # The allowance runs short: line numbers are what a bundle of many shards can do without.
            entry = replace(entry, meta=replace(entry.meta, lines={}))
        line = ENTRY.dump_json(entry)
        if self._full(entry, line):
            raise TooLarge(f"{member.path!r} does not fit in this shard's fragment.", "Narrow the collectors' limits.")
        try:
            with disk():
                self._file.write(local_header(member, self._modified))
                self._file.flush()
                _copy(member.data, self._file, member.compressed_size)
        except (OSError, TooLarge):
            self._file.seek(self._end)
            self._file.truncate()
            raise
        self._write_line(b"M", line)
        self._kept += weight(entry)
        self._paths.add(member.path)
        self._end = entry.end

    def _full(self, entry: IndexEntry, line: bytes) -> bool:
        """A quarter of the index is left for gaps and the report."""
        return (
            len(self._paths) >= self._limits.members
            or entry.end > self._limits.fragment
            or len(line) > self._limits.line
            or self._json + len(line) + 2 > self._limits.json * 3 // 4
            or self._kept + weight(entry) > self._limits.kept * 3 // 4
            or len(self._footer) > self._limits.footer // 2
        )

    def _write_line(self, kind: bytes, text: bytes) -> None:
        self._json += len(text) + 2
        self._footer += self._index.compress(kind + text + b"\n")

    def _bounded(self, gaps: Sequence[Gap]) -> list[Gap]:
        """One line of the longest is left for the report, and a little for the gap that counts the others."""
        room = min(self._limits.json - self._json, self._limits.footer - len(self._footer)) - self._limits.line - 1024
        memory = self._limits.kept - self._kept - 1024
        fitting = 0
        for gap in gaps:
            room -= len(GAP.dump_json(gap)) + 2
            memory -= weight(gap)
            if room < 0 or memory < 0:
                break
            fitting += 1
        if len(gaps) <= min(fitting, self._limits.gaps):
            return list(gaps)
        kept = list(gaps[: min(fitting, self._limits.gaps - 1)])
        return [*kept, Gap.say("TooManyGaps", f"{len(gaps) - len(kept)} more gaps of this shard are not listed.")]

    def _fitting(self, lines: Sequence[str], used: int) -> list[str]:
        """The first lines of the request log, in what members and gaps have left of `kept`, and of the JSON."""
        room = min(self._limits.json - self._json, self._limits.footer - len(self._footer)) - self._limits.line - 1024
        memory = self._limits.kept - used - 1024
        fitting: list[str] = []
        for line in lines[: self._limits.requests - 1]:
            room -= len(REQUEST.dump_json(line)) + 2
            memory -= weight(line)
            if room < 0 or memory < 0:
                break
            fitting.append(line)
        left = len(lines) - len(fitting)
        return [*fitting, f"({left} more requests are not listed)"] if left else fitting


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    """`size` bytes from the start of `source`, inside the kernel where both are files."""
    try:
        source_fd = source.fileno()
    except OSError:  # a member that stayed in memory
        target.write(source.read())
        target.flush()
        return
    sent = 0
    while sent < size:
        sent += os.sendfile(target.fileno(), source_fd, sent, size - sent)
    target.seek(0, os.SEEK_END)
