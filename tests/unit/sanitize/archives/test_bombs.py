"""Bombs: what unfolds to too much is refused before it does, in bounded memory and time."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
import zstandard

from support.packing import SQUEEZE, gzip_of_copies, tar, zipped
from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import ArchiveLimits, Archives, Room, Sanitizer

SMALL = ArchiveLimits(
    total=8 << 20, member=4 << 20, ratio=50, grace=1 << 20, members=50, depth=3, name=200, memory=4096
)


@pytest.fixture(scope="module")
def small() -> Sanitizer:
    return Sanitizer.build((), archives=Archives(SMALL))


def sanitized(by: Sanitizer, content: bytes) -> bytes:
    stream = by.open("x")
    return stream.feed(content) + stream.finish()


@pytest.mark.parametrize("how", sorted(SQUEEZE))
def test_a_compressed_file_of_zeros_is_refused(how: str, small: Sanitizer) -> None:
    with pytest.raises(Unsanitizable, match="unfolds"):
        sanitized(small, SQUEEZE[how](bytes(9 << 20)))


def test_a_gzip_of_gigabytes_costs_neither_memory_nor_time(small: Sanitizer) -> None:
    content = gzip_of_copies(bytes(1 << 20), 1 << 10)
    started = time.monotonic()
    tracemalloc.start()
    with pytest.raises(Unsanitizable, match="unfolds"):
        sanitized(small, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(content) * 2 + (8 << 20)
    assert time.monotonic() - started < 10


def test_a_zip_and_a_zip_of_zips_of_zeros_are_refused(small: Sanitizer) -> None:
    bomb = zipped({"a": bytes(3 << 20)})
    with pytest.raises(Unsanitizable, match="unfolds"):
        sanitized(small, bomb)
    with pytest.raises(Unsanitizable, match="unfolds"):
        sanitized(small, zipped({str(number): bomb for number in range(20)}))


def test_members_that_share_bytes_are_refused(small: Sanitizer) -> None:
    data = zipped({"a": b"x" * 5000})
    start = data.index(b"PK\1\2")
    record, end = data[start:-22], data[-22:]
    many = data[:start] + record * 9 + end[:8] + struct.pack("<2H2L", 9, 9, 9 * len(record), start) + end[20:]
    with pytest.raises(Unsanitizable, match="overlap"):
        sanitized(small, many)


def test_members_layers_and_names_are_counted(small: Sanitizer) -> None:
    with pytest.raises(Unsanitizable, match="members"):
        sanitized(small, tar({str(number): b"" for number in range(60)}))
    with pytest.raises(Unsanitizable, match="members"):
        sanitized(small, SQUEEZE["gz"](b"") * 60)
    nested = SQUEEZE["gz"](tar({"a": SQUEEZE["gz"](b"x\n")}))
    assert sanitized(small, nested) == nested
    with pytest.raises(Unsanitizable, match="no member"):
        sanitized(small, zipped({"b": nested}))
    with pytest.raises(Unsanitizable, match="name"):
        sanitized(small, tar({"n" * 300: b""}))


def test_a_large_member_is_left_out_alone(small: Sanitizer) -> None:
    stream = small.open("x")
    out = stream.feed(zipped({"a": bytes(5 << 20), "b": b"text\n"}, zipfile.ZIP_STORED)) + stream.finish()
    assert zipfile.ZipFile(io.BytesIO(out)).namelist() == ["b"]
    assert "4 MiB" in stream.report.parts[0].why


def test_a_zstd_block_of_zeros_and_a_huge_window_are_bounded(small: Sanitizer) -> None:
    header = b"\x28\xb5\x2f\xfd\x00\x58"
    blocks = ((128 << 10 << 3 | 1 << 1).to_bytes(3, "little") + b"\0") * 10_000
    with pytest.raises(Unsanitizable, match="unfolds"):
        sanitized(small, header + blocks + b"\1\0\0")
    wide = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27)).compressobj()
    with pytest.raises(Unsanitizable, match="window"):
        sanitized(small, wide.compress(bytes(100)) + wide.flush())


def test_temporary_space_is_shared_and_given_back(tmp_path: Path) -> None:
    room = Room(1 << 20)
    sanitizer = Sanitizer.build((), archives=Archives(SMALL, scratch=tmp_path, room=room))
    text = zlib.compress(b"")  # any small thing
    fits = zipped({"a": b"x y z\n" * 20_000, "b": text}, zipfile.ZIP_STORED)
    for _ in range(20):
        assert sanitized(sanitizer, fits) == fits
    with pytest.raises(Unsanitizable, match="temporary"):
        sanitized(sanitizer, zipped({"a": b"x y z\n" * 200_000}, zipfile.ZIP_STORED))
    assert sanitized(sanitizer, fits) == fits
    assert not list(tmp_path.iterdir())


def test_a_large_archive_is_never_held_in_memory() -> None:
    sanitizer = Sanitizer.build((), archives=Archives(ArchiveLimits(memory=64 << 10)))
    line = b"2026-11-21T10:00:00Z level=info msg=ok\n"
    content = tar({"a.log": line * 400_000 + b"password=hunter2\n"})
    stream = sanitizer.open("x")
    for start in range(0, len(content), 256 << 10):
        stream.feed(content[start : start + (256 << 10)])
    tracemalloc.start()
    size = sum(len(piece) for piece in stream.ending())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 14 << 20
    assert peak < 8 << 20
