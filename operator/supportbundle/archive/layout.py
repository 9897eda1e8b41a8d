"""Lays out the zip: which ranges go where, cut into parts that object storage accepts.

Ranges of `MIN_PART` and more come first, each copied by the server in parts of its own; the smaller ones follow, packed
into parts that pass the operator (10 MiB at most), then the tail. So the bytes that the operator downloads are exactly
those that no server could copy. The result depends on its arguments alone: a second assembler makes the same object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from isal import isal_zlib

from supportbundle.archive.central import central_directory
from supportbundle.archive.records import Record, local_header
from supportbundle.archive.select import Selection
from supportbundle.errors import TooLarge
from supportbundle.model.pieces import MAX_PARTS, MIN_PART, CopyRange, Inline, Part, Piece

COPY_PART: Final = 256 << 20
"""Bytes of a copied part at most: small enough to run several at once and to end within a read timeout."""


@dataclass(frozen=True, slots=True)
class InlineMember:
    """A member that the assembly makes itself."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Assembly:
    """The object: its parts, its size in bytes, and how many members the zip has."""

    parts: tuple[Part, ...]
    size: int
    members: int


def layout(selection: Selection, tail: Sequence[InlineMember], *, modified: datetime) -> Assembly:
    """The zip of the selected members, then `tail`. `modified` must be what the fragments were written with.

    Raises:
        TooLarge: the zip needs more parts than an upload may have (beyond 1 TB).
    """
    runs = [run for chosen in selection.chosen for run in chosen.runs()]
    runs.sort(key=lambda run: run[0].size < MIN_PART)  # stable: by shard and offset within each kind
    directory: list[tuple[Record, int]] = []
    position = 0
    for copied, entries in runs:
        directory += ((entry, position + entry.offset - copied.start) for entry in entries)
        position += copied.size
    closing = bytearray()
    for member in tail:
        record, data = _record(member, modified)
        directory.append((record, position + len(closing)))
        closing += data
    closing += central_directory(directory, start=position + len(closing), modified=modified)
    parts = tuple(_parts((copied for copied, _ in runs), bytes(closing)))
    if len(parts) > MAX_PARTS:
        raise TooLarge(f"The bundle needs {len(parts)} parts; storage takes {MAX_PARTS}.", "Narrow the bundle.")
    return Assembly(parts=parts, size=position + len(closing), members=len(directory))


def _record(member: InlineMember, modified: datetime) -> tuple[Record, bytes]:
    deflate = isal_zlib.compressobj(3, isal_zlib.DEFLATED, -15)
    data = deflate.compress(member.data) + deflate.flush()
    record = Record(member.path, isal_zlib.crc32(member.data), len(member.data), len(data))
    return record, local_header(record, modified) + data


def _parts(ranges: Iterable[CopyRange], closing: bytes) -> Iterator[Part]:
    """Large ranges first, as they come; then small ones and `closing`, of which only the last part may be small."""
    pending: list[Piece] = []
    size = 0
    for piece in _pieces(ranges, closing):
        if piece.size >= MIN_PART and not pending:
            yield Part((piece,))
            continue
        pending.append(piece)
        size += piece.size
        if size >= MIN_PART:
            yield Part(tuple(pending))
            pending, size = [], 0
    if pending:
        yield Part(tuple(pending))


def _pieces(ranges: Iterable[CopyRange], closing: bytes) -> Iterator[Piece]:
    for whole in ranges:
        yield from _split(whole)
    for start in range(0, len(closing), MIN_PART):
        yield Inline(closing[start : start + MIN_PART])


def _split(whole: CopyRange) -> Iterator[CopyRange]:
    """Equal shares, so that no share of a large range falls under `MIN_PART`."""
    count = -(-whole.size // COPY_PART)
    cuts = [whole.start + whole.size * i // count for i in range(count + 1)]
    for start, end in pairwise(cuts):
        yield CopyRange(whole.key, whole.etag, start, end)
