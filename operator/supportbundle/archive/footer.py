"""Reads a fragment's index. Everything here is hostile input: a tenant's pod may write any bytes it likes.

Accepted is only an index whose entries have lawful paths, plausible sizes, and records that cover the fragment from 0
to the footer without a hole. What it says about *content* (digest, counts, source) cannot be checked without inflating
gigabytes in the operator; that is the word of the tenant about the tenant's data.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

from supportbundle.archive.fragment import GZIP, MAGIC, TRAILER
from supportbundle.archive.index import (
    CLOSING,
    ENTRY,
    GAP,
    INDEX_VERSION,
    REQUEST,
    Closing,
    FragmentIndex,
    IndexEntry,
    IndexLimits,
    ShardReport,
    weight,
)
from supportbundle.archive.paths import path_problem
from supportbundle.errors import Corrupt
from supportbundle.model.gap import Gap

MAX_RATIO: Final = 1032
"""Deflate's best: 258 bytes in 2 bits (zlib's technical details)."""

FIRST_READ: Final = 64 << 10
"""Bytes from the end that are read first; most indexes fit, so one request is enough."""

_STEP: Final = 1 << 20

Read = Callable[[int, int], bytes]
"""Bytes `[start, end)` of the fragment."""


def read_index(read: Read, size: int, *, shard: int, limits: IndexLimits | None = None) -> FragmentIndex:
    """The index of the fragment of `size` bytes that `shard` was asked to write.

    Raises:
        Corrupt: the fragment is not what a collector of this version writes. Errors of `read` pass through.
    """
    limits = limits or IndexLimits()
    footer, start = _footer(read, size, limits)
    parsed = _Parsed(start, limits)
    for number, line in enumerate(_lines(footer, limits), 1):
        try:
            parsed.take(line)
        except ValidationError as error:
            # Neither the input nor the message of a validator that quotes it: this text reaches status and logs.
            first = error.errors(include_input=False, include_context=False)[0]
            where = ".".join(map(str, first["loc"]))[:100]
            raise _corrupt(f"line {number} of the index is wrong at {where!a}: {first['type']}") from None
    return parsed.index(shard)


def _corrupt(what: str) -> Corrupt:
    return Corrupt(f"The fragment is corrupt: {what}.", "Create the bundle again; compare the collector's image.")


def _footer(read: Read, size: int, limits: IndexLimits) -> tuple[bytes, int]:
    """(compressed index, where it starts)."""
    if not TRAILER.size <= size <= limits.fragment + limits.footer + TRAILER.size:
        raise _corrupt(f"it has {size} bytes")
    tail_start = max(0, size - FIRST_READ)
    tail = _read(read, tail_start, size)
    magic, version, crc32, length = TRAILER.unpack(tail[-TRAILER.size :])
    if magic != MAGIC or version != INDEX_VERSION:
        raise _corrupt("its trailer is not one of this version")
    start = size - TRAILER.size - length
    if length > limits.footer or start < 0:
        raise _corrupt(f"its index claims {length} bytes")
    if start >= tail_start:
        footer = tail[start - tail_start : -TRAILER.size]
    else:
        footer = _read(read, start, tail_start) + tail[: -TRAILER.size]
    if zlib.crc32(footer) != crc32:
        raise _corrupt("the checksum of its index is wrong")
    return footer, start


def _read(read: Read, start: int, end: int) -> bytes:
    data = read(start, end)
    if len(data) != end - start:
        raise _corrupt(f"bytes {start} to {end} could not be read whole")
    return data


def _lines(footer: bytes, limits: IndexLimits) -> Iterator[bytes]:
    """Lines of the inflated index. The standard zlib: hostile input is worth the most-tested inflater."""
    inflate = zlib.decompressobj(GZIP)
    pending, rest, total = b"", footer, 0
    while not inflate.eof:
        try:
            block = inflate.decompress(rest, _STEP)
        except zlib.error:
            raise _corrupt("its index cannot be inflated") from None
        rest = inflate.unconsumed_tail
        total += len(block)
        if total > limits.json:
            raise _corrupt(f"its index is longer than {limits.json} bytes")
        if not block and not inflate.eof:
            raise _corrupt("its index is cut short")
        *lines, pending = (pending + block).split(b"\n")
        if max(map(len, (pending, *lines))) > limits.line:
            raise _corrupt(f"a line of its index is longer than {limits.line} bytes")
        yield from lines
    if pending or inflate.unused_data:
        raise _corrupt("something follows its index")


@dataclass(slots=True)
class _Parsed:
    """The index while it is read: members, then gaps, then requests, then the report, and nothing after it."""

    records_end: int
    limits: IndexLimits
    members: list[IndexEntry] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    rules: set[str] = field(default_factory=set)
    closing: Closing | None = None
    kept: int = 0

    def take(self, line: bytes) -> None:
        if self.closing is not None:
            raise _corrupt("its index goes on after the end")
        match line[:1]:
            case b"M" if not self.gaps and not self.requests:
                self._take_member(ENTRY.validate_json(line[1:]))
            case b"G" if not self.requests:
                self._take_gap(GAP.validate_json(line[1:], strict=True))
            case b"R":
                self._take_request(REQUEST.validate_json(line[1:]))
            case b"S":
                self.closing = CLOSING.validate_json(line[1:])
            case _:
                raise _corrupt("its index has a line out of place")

    def index(self, shard: int) -> FragmentIndex:
        closing = self.closing
        if closing is None:
            raise _corrupt("its index has no end")
        if (closing.version, closing.shard) != (INDEX_VERSION, shard):
            raise _corrupt(f"it claims to be version {closing.version} of shard {closing.shard}, not shard {shard}")
        found = (len(self.members), len(self.gaps), len(self.requests))
        if (closing.members, closing.gaps, closing.requests) != found:
            raise _corrupt("its index is incomplete")
        index = FragmentIndex(
            shard=shard,
            members=tuple(self.members),
            gaps=tuple(self.gaps),
            report=ShardReport(closing.started_at, closing.finished_at, closing.log, closing.stats),
            requests=tuple(self.requests),
        )
        if index.records_size != self.records_end:
            raise _corrupt("its records do not end where the index starts")
        return index

    def _take_member(self, entry: IndexEntry) -> None:
        if len(self.members) >= self.limits.members:
            raise _corrupt(f"it has more than {self.limits.members} members")
        if problem := path_problem(entry.path):
            raise _corrupt(f"the member path {entry.path[:200]!a} {problem}")
        if entry.path in self.paths:
            raise _corrupt(f"it names {entry.path[:200]!a} twice")
        if entry.offset != (self.members[-1].end if self.members else 0) or entry.end > self.records_end:
            raise _corrupt("its records overlap, leave a hole or reach into the index")
        if not _plausible(entry.size, entry.compressed_size):
            raise _corrupt(f"{entry.size} bytes cannot deflate to {entry.compressed_size}")
        self._keep(weight(entry))
        self.rules |= entry.meta.redactions.keys() | entry.meta.lines.keys()
        if len(self.rules) > self.limits.rules:
            raise _corrupt(f"it names more than {self.limits.rules} sanitizer rules")
        self.paths.add(entry.path)
        self.members.append(entry)

    def _take_gap(self, gap: Gap) -> None:
        if len(self.gaps) >= self.limits.gaps:
            raise _corrupt(f"it has more than {self.limits.gaps} gaps")
        self._keep(weight(gap))
        # Again through `say`: only our own collector is known to have made it printable.
        self.gaps.append(Gap.say(gap.reason, gap.message, target=gap.target, collector=gap.collector))

    def _take_request(self, line: str) -> None:
        if len(self.requests) >= self.limits.requests:
            raise _corrupt(f"it has more than {self.limits.requests} requests")
        self._keep(weight(line))
        self.requests.append(line)

    def _keep(self, size: int) -> None:
        self.kept += size
        if self.kept > self.limits.kept:
            raise _corrupt(f"its index would take more than {self.limits.kept} bytes of memory")


def _plausible(size: int, compressed: int) -> bool:
    """A deflate stream has 2 bytes or more; isal adds under 0.1 % and 64 bytes to what does not compress (measured)."""
    return 2 <= compressed <= size + size // 256 + 128 and size <= compressed * MAX_RATIO  # noqa: PLR2004
