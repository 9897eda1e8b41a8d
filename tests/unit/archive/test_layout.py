"""Parts that storage accepts, and zip64 fields, at sizes that no test could store."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fragments import META, MOMENT, REPORT
from supportbundle.archive.central import central_directory, end_records
from supportbundle.archive.headers import JOIN, MAX_WINDOW, header_windows
from supportbundle.archive.index import FragmentIndex, IndexEntry
from supportbundle.archive.layout import COPY_PART, Assembly, InlineMember, layout
from supportbundle.archive.records import LIMIT32, Record, central_header, local_header
from supportbundle.archive.select import Fragment, select
from supportbundle.errors import TooLarge
from supportbundle.model.pieces import MAX_PART, MAX_PARTS, MIN_PART, CopyRange, Inline

GIB = 1 << 30


def claimed(shard: int, sizes: Sequence[int]) -> Fragment:
    """A fragment whose members have these compressed sizes; only its index exists."""
    entries: list[IndexEntry] = []
    for i, size in enumerate(sizes):
        offset = entries[-1].end if entries else 0
        entries.append(IndexEntry(f"{shard}/{i}", 0, size, size, "0" * 64, offset, META))
    index = FragmentIndex(shard, tuple(entries), (), REPORT)
    return Fragment(f"f{shard}", "etag", index.records_size + 100, index)


def lay_out(shards: Sequence[Sequence[int]], tail: int = 100) -> Assembly:
    fragments = [claimed(shard, sizes) for shard, sizes in enumerate(shards)]
    return layout(select(fragments), [InlineMember("manifest.json", bytes(tail))], modified=MOMENT)


sizes = st.integers(2, 3000) | st.integers(2, 3 * MIN_PART) | st.integers(2, 8 * GIB)


@given(shards=st.lists(st.lists(sizes, max_size=5), max_size=30), tail=st.integers(0, 1 << 20))
def test_storage_accepts_every_layout(shards: list[list[int]], tail: int) -> None:
    assembly = lay_out(shards, tail)
    assert all(MIN_PART <= part.size <= MAX_PART for part in assembly.parts[:-1])
    assert len(assembly.parts) <= MAX_PARTS
    assert sum(part.size for part in assembly.parts) == assembly.size
    assert all(part.copied or part.size < 2 * MIN_PART for part in assembly.parts)


@given(shards=st.lists(st.lists(sizes, max_size=5), max_size=30))
def test_every_record_lies_where_the_directory_says(shards: list[list[int]]) -> None:
    """The archive's bytes are followed through the parts; only their number and place matter."""
    assembly = lay_out(shards)
    place: dict[tuple[str, int], int] = {}
    position = 0
    for piece in (piece for part in assembly.parts for piece in part.pieces):
        if isinstance(piece, CopyRange):
            place[piece.key, piece.start] = position
        position += piece.size
    closing = b"".join(p.data for part in assembly.parts for p in part.pieces if isinstance(p, Inline))
    start = assembly.size - len(closing)
    with zipfile.ZipFile(_Sparse(closing, start)) as archive:
        offsets = {info.filename: info.header_offset for info in archive.infolist()}
    for shard, members in enumerate(shards):
        if members:
            assert offsets[f"{shard}/0"] == place[f"f{shard}", 0]


class _Sparse(io.RawIOBase):
    """Zeros up to `start`, then `data`."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data, self._start, self._at = data, start, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = offset + (0, self._at, self._start + len(self._data))[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        end = self._start + len(self._data) if size < 0 else self._at + size
        zeros = bytes(max(0, min(end, self._start) - self._at))
        data = zeros + self._data[max(0, self._at - self._start) : max(0, end - self._start)]
        self._at += len(data)
        return data


def test_large_ranges_are_copied_in_shares_and_small_ones_together() -> None:
    assembly = lay_out([[3 * GIB], [10], [2 * MIN_PART], [20]])
    copied = [part.copied for part in assembly.parts if part.copied]
    assert sum(part.size for part in copied) == 3 * GIB + 2 * MIN_PART + 2 * len(
        local_header(Record("0/0", 0, 0, 0), MOMENT)
    )
    assert max(part.size for part in copied) <= COPY_PART
    assert len(assembly.parts) == len(copied) + 1


def test_a_small_bundle_is_one_part() -> None:
    assert len(lay_out([[10, 20], [30]]).parts) == 1


def test_what_needs_too_many_parts_is_too_large() -> None:
    with pytest.raises(TooLarge):
        lay_out([[4 * GIB] * 10] * 70)


WIDE = [
    (Record("a", 1, LIMIT32, 5), 7, [LIMIT32]),
    (Record("a", 1, LIMIT32 - 1, 5), LIMIT32, [LIMIT32]),
    (Record("a", 1, 5 * GIB, 6 * GIB), 7 * GIB, [5 * GIB, 6 * GIB, 7 * GIB]),
    (Record("a", 1, 5, 6 * GIB), 7, [6 * GIB]),
    (Record("a", 1, LIMIT32 - 1, LIMIT32 - 1), LIMIT32 - 1, []),
]


@pytest.mark.parametrize(("record", "offset", "saturated"), WIDE)
def test_the_directory_widens_only_what_saturates_and_in_order(
    record: Record, offset: int, saturated: list[int]
) -> None:
    header = central_header(record, offset, MOMENT)
    extra = header[46 + len("a") :]
    assert len(extra) == (4 + 8 * len(saturated) if saturated else 0)
    assert [int.from_bytes(extra[4 + 8 * i : 12 + 8 * i], "little") for i in range(len(saturated))] == saturated
    assert header[6] == (45 if saturated else 20)


@pytest.mark.parametrize(("record", "offset"), [row[:2] for row in WIDE])
def test_python_reads_wide_fields_back(record: Record, offset: int) -> None:
    start = offset + record.record_size
    with zipfile.ZipFile(
        _Sparse(central_directory([(record, offset)], start=start, modified=MOMENT), start)
    ) as archive:
        (info,) = archive.infolist()
    assert (info.file_size, info.compress_size, info.header_offset) == (record.size, record.compressed_size, offset)


def test_a_wide_local_header_holds_both_sizes() -> None:
    header = local_header(Record("a", 1, 5 * GIB, 9), MOMENT)
    assert header[18:26] == b"\xff" * 8
    assert header[31:] == bytes.fromhex("01001000") + (5 * GIB).to_bytes(8, "little") + (9).to_bytes(8, "little")
    assert len(header) == Record("a", 1, 5 * GIB, 9).header_size


@pytest.mark.parametrize(
    ("count", "size", "start", "wide"),
    [
        (65_534, 1, 1, False),
        (65_535, 1, 1, True),
        (1, 1, LIMIT32, True),
        (1, LIMIT32, 1, True),
        (1, 1, LIMIT32 - 1, False),
    ],
)
def test_the_end_is_wide_from_the_first_saturated_field_on(count: int, size: int, start: int, *, wide: bool) -> None:
    assert len(end_records(count, size=size, start=start)) == (98 if wide else 22)


@given(compressed=st.lists(st.integers(2, 200) | st.integers(2, 10 * JOIN) | st.integers(2, GIB), max_size=50))
def test_header_windows_cover_each_header_once_in_bounded_reads(compressed: list[int]) -> None:
    index = claimed(0, compressed).index
    windows = list(header_windows(index))
    assert [entry for window in windows for entry in window.entries] == list(index.members)
    for window in windows:
        assert window.start == window.entries[0].offset
        assert window.end == window.entries[-1].offset + window.entries[-1].header_size
        assert window.end - window.start <= MAX_WINDOW
