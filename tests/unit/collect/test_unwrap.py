"""Zips of products taken apart: what every program reads in them, within bounds, under names of ours."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.build import task
from support.collecting import FakeCluster, FakeSecrets, FakeSink
from supportbundle.collect.base import RunContext
from supportbundle.collect.spool import Spool
from supportbundle.collect.unwrap import unwrap
from supportbundle.collect.zipreader import MAX_MEMBERS, NotAZip, ZipReader
from supportbundle.errors import SupportBundleError, TooLarge, Unavailable

FOLDER = "pods/web-0/http/packet/"


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, streamed: bool = False) -> bytes:
    """A zip as Go or Python write it; streamed ones have their sizes behind the data."""
    out = io.BytesIO()
    with zipfile.ZipFile(_Unseekable(out) if streamed else out, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


class _Unseekable(io.RawIOBase):
    def __init__(self, out: io.BytesIO) -> None:
        self._out = out

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._out.write(data)

    def flush(self) -> None:
        pass


async def taken_apart(data: bytes, *, limit: int = 10 << 20, spool: Spool | None = None, step: int = 7000) -> FakeSink:
    sink = FakeSink()
    context = RunContext("apps", FakeCluster(), sink, FakeSecrets(), spool=spool or Spool())

    async def body() -> AsyncIterator[bytes]:
        for at in range(0, len(data), step):
            yield data[at : at + step]

    await unwrap(body(), FOLDER, task(), context, limit=limit, notes={"step": "packet"})
    return sink


def files(sink: FakeSink) -> dict[str, bytes]:
    return {path.removeprefix(FOLDER): member.data for path, member in sink.files.items()}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
async def test_members_become_files_with_their_folders(method: int, *, streamed: bool) -> None:
    members = {"config.json": b"{}", "node-1/mattermost.log": b"line\n" * 200_000, "empty": b""}
    sink = await taken_apart(zipped(*members.items(), ("folder/", b""), method=method, streamed=streamed))
    assert files(sink) == members
    assert not sink.gaps
    assert sink.files[f"{FOLDER}config.json"].notes == {"step": "packet"}


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(members=st.dictionaries(names, st.binary(max_size=3000), max_size=8), streamed=st.booleans())
@settings(max_examples=60, deadline=None)
async def test_what_python_reads_is_what_we_read_and_no_name_leads_elsewhere(
    members: dict[str, bytes], *, streamed: bool
) -> None:
    data = zipped(*members.items(), streamed=streamed)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        expected = sorted(archive.read(info) for info in archive.infolist() if not info.filename.endswith("/"))
    sink = await taken_apart(data)
    left_out = sum(gap.reason == "NotAFile" for gap in sink.gaps)
    assert left_out or sorted(files(sink).values()) == expected
    for path in files(sink):
        assert path.isascii()
        assert not {"", ".", ".."} & set(path.split("/"))


@given(st.binary(max_size=400), st.data())
@settings(max_examples=200, deadline=None)
async def test_damage_is_told_and_never_more_is_read_than_was_claimed(noise: bytes, data: st.DataObject) -> None:
    good = zipped(("a.log", b"line\n" * 500), ("b.json", b'{"a": 1}'))
    at = data.draw(st.integers(0, len(good) - 1))
    for broken in (noise, good[:at], good[:at] + noise + good[at:], good[:at] + noise + good[at + len(noise) :]):
        try:
            sink = await taken_apart(broken)
        except SupportBundleError:
            continue
        assert sum(map(len, files(sink).values())) <= 2508 + 65_536 * 1100


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..\\windows\\x", "a/../../b", "C:\\x", "a\nb", "\u202ex.txt", "./"]
)
async def test_a_hostile_name_stays_inside(name: str) -> None:
    sink = await taken_apart(zipped((name, b"x"), ("fine.txt", b"y")))
    assert files(sink)["fine.txt"] == b"y"
    assert all(path.startswith(FOLDER) and ".." not in path.split("/") and "\\" not in path for path in sink.files)


def patched(data: bytes, change: Callable[[bytearray, int], None]) -> bytes:
    """The zip with the directory's entry of its first member changed."""
    broken = bytearray(data)
    change(broken, data.index(b"PK\1\2"))
    return bytes(broken)


async def test_what_is_no_plain_file_is_left_out_and_said() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("twice", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("twice", b"2")
    sink = await taken_apart(out.getvalue())
    assert files(sink) == {"twice": b"1"}
    (gap,) = sink.gaps
    assert gap.reason == "NotAFile"
    assert "1 no plain file, 1 twice there; the first is link" in gap.message


async def test_encrypted_and_oddly_packed_members_are_left_out() -> None:
    def encrypted(data: bytearray, at: int) -> None:
        data[at + 8] |= 1

    def packed(data: bytearray, at: int) -> None:
        data[at + 10] = 93

    for change, word in ((encrypted, "encrypted"), (packed, "packed by method 93")):
        sink = await taken_apart(patched(zipped(("a", b"x")), change))
        assert files(sink) == {}
        assert word in sink.gaps[0].message


async def test_a_damaged_member_costs_only_itself() -> None:
    data = bytearray(zipped(("a.txt", b"aaaa"), ("b.txt", b"bbbb"), method=zipfile.ZIP_STORED))
    data[data.index(b"aaaa")] ^= 1
    sink = await taken_apart(bytes(data))
    assert files(sink) == {"b.txt": b"bbbb"}
    assert [(gap.reason, "a.txt" in gap.message) for gap in sink.gaps] == [("NotAZip", True)]


async def test_a_member_that_unfolds_to_more_than_it_says_is_cut_off() -> None:
    def smaller(data: bytearray, at: int) -> None:
        struct.pack_into("<I", data, at + 24, 10)

    sink = await taken_apart(patched(zipped(("bomb", bytes(50 << 20))), smaller))
    assert files(sink) == {}
    assert "longer than it says" in sink.gaps[0].message


async def test_a_zip_that_says_it_unfolds_to_too_much_is_not_begun() -> None:
    def larger(data: bytearray, at: int) -> None:
        struct.pack_into("<I", data, at + 24, 0xFFFFFFF0)

    with pytest.raises(TooLarge, match="unfolds to"):
        await taken_apart(patched(zipped(("bomb", b"x")), larger))


async def test_bounds_of_the_body_the_room_and_the_directory() -> None:
    data = zipped(("a", b"x" * 100), method=zipfile.ZIP_STORED)
    with pytest.raises(TooLarge, match="maxBytes"):
        await taken_apart(data, limit=len(data) - 1)
    spool = Spool(room=len(data))
    for _ in range(3):  # what was taken is given back
        assert files(await taken_apart(data, spool=spool))
    with pytest.raises(TooLarge, match="all zips together"):
        await taken_apart(data, spool=Spool(room=len(data) - 1))
    many = zipped(*((str(number), b"") for number in range(MAX_MEMBERS + 1)))
    with pytest.raises(TooLarge, match="members"):
        await taken_apart(many)


@pytest.mark.parametrize("data", [b"", b"<html>", b"PK\5\6", b"PK\3\4" + bytes(100), zipped(("a", b"x"))[:-1]])
async def test_what_is_no_zip_is_refused(data: bytes) -> None:
    with pytest.raises(NotAZip):
        await taken_apart(data)


async def test_a_body_that_breaks_off_leaves_nothing() -> None:
    sink = FakeSink()

    async def body() -> AsyncIterator[bytes]:
        yield zipped(("a", b"x"))
        raise Unavailable("broken off")

    with pytest.raises(Unavailable):
        await unwrap(body(), FOLDER, task(), RunContext("apps", FakeCluster(), sink, FakeSecrets()), limit=10_000)
    assert not sink.files


def zip64(content: bytes, offset: int = 0) -> bytes:
    """As Go writes a member of unknown size: every field of the entry saturated. `offset` is where it says to begin."""
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 45, 0, 0, 0, 0, zlib.crc32(content), 5, 5, 1, 0) + b"a" + content
    wide = struct.pack("<2H3Q", 1, 24, 5, 5, offset)
    entry = struct.pack(
        "<4s6H3I5H2I",
        b"PK\1\2",
        45,
        45,
        0,
        0,
        0,
        0,
        zlib.crc32(content),
        *(0xFFFFFFFF,) * 2,
        1,
        28,
        0,
        0,
        0,
        0,
        0xFFFFFFFF,
    )
    directory = entry + b"a" + wide
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(directory), len(local))
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(local) + len(directory), 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, *(0xFFFF,) * 2, *(0xFFFFFFFF,) * 2, 0)
    return local + directory + end64 + locator + end


def test_zip64_is_read() -> None:
    data = zip64(b"hello")
    reader = ZipReader(io.BytesIO(data), len(data))
    assert [b"".join(reader.content(found)) for found in reader.entries] == [b"hello"]


@pytest.mark.parametrize("offset", [1 << 20, (1 << 63) - 1, (1 << 63) + 5, (1 << 64) - 1])
async def test_a_member_beyond_the_end_costs_only_itself(offset: int) -> None:
    sink = await taken_apart(zip64(b"hello", offset))
    assert files(sink) == {}
    assert [gap.reason for gap in sink.gaps] == ["NotAZip"]
