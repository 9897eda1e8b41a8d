"""Tar streams: what real programs write is read whole; what hostile ones write is refused in bounded memory."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from supportbundle.collect.tarstream import MAX_EXTENDED, Entry, EntryEnd, EntryKind, TarReader
from supportbundle.errors import Corrupt

Read = list[tuple[bytes, EntryKind, bytes]]
FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


def read(pieces: Iterable[bytes]) -> Read:
    """Everything in the stream, checked for its order."""
    tar, found, open_entry, data = TarReader(), [], None, b""
    for piece in pieces:
        for event in tar.feed(piece):
            if isinstance(event, Entry):
                assert open_entry is None
                open_entry, data = event, b""
            elif isinstance(event, EntryEnd):
                assert open_entry is not None
                assert len(data) == open_entry.size
                found.append((open_entry.name, open_entry.kind, data))
                open_entry = None
            else:
                assert open_entry is not None
                data += event
    tar.close()
    return found


def written(files: Iterable[tuple[str, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def header(name: bytes = b"x", *, size: bytes = b"00000000000\0", flag: bytes = b"0", good: bool = True) -> bytes:
    block = bytearray(512)
    block[: len(name)] = name
    block[124:136] = size
    block[148:156] = b" " * 8
    block[156:157] = flag
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % (sum(block) + (0 if good else 1))
    return bytes(block)


NAME = st.text(st.characters(blacklist_characters="\0/", blacklist_categories=["Cs"]), min_size=1, max_size=120).filter(
    lambda name: name not in {".", ".."}
)


class TestWhatRealProgramsWrite:
    """Compared with Python's own tarfile."""

    @given(
        st.lists(st.tuples(NAME, st.binary(max_size=1500)), max_size=5), st.sampled_from(FORMATS), st.integers(1, 700)
    )
    @example([("n" * 100, b"x" * 512), ("ü" * 110, b"")], tarfile.PAX_FORMAT, 1)
    def test_files_come_back(self, files: list[tuple[str, bytes]], form: int, size: int) -> None:
        if form == tarfile.USTAR_FORMAT:
            files = [(f"f{index}", data) for index, (_, data) in enumerate(files)]
        expected = [(name.encode(), EntryKind.FILE, data) for name, data in files]
        assert read(cut(written(files, form), size)) == expected

    @pytest.mark.parametrize("form", FORMATS)
    def test_long_paths(self, form: int) -> None:
        name = "/".join(["directory" * 5] * 4) + "/file"
        assert read([written([(name, b"data")], form)]) == [(name.encode(), EntryKind.FILE, b"data")]

    @pytest.mark.parametrize("form", FORMATS[1:])
    def test_very_long_paths(self, form: int) -> None:
        name = "d/" * 2000 + "file"
        assert read([written([(name, b"data")], form)]) == [(name.encode(), EntryKind.FILE, b"data")]

    def test_names_that_are_not_utf_8(self) -> None:
        name = b"\xff\xfe" + b"x" * 120
        assert read([written([(name.decode("utf-8", "surrogateescape"), b"1")])])[0][0] == name

    def test_everything_else_is_named_for_what_it_is(self) -> None:
        out = io.BytesIO()
        kinds = {
            tarfile.DIRTYPE: EntryKind.DIRECTORY,
            tarfile.LNKTYPE: EntryKind.HARD_LINK,
            tarfile.SYMTYPE: EntryKind.SYMLINK,
            tarfile.CHRTYPE: EntryKind.DEVICE,
            tarfile.FIFOTYPE: EntryKind.FIFO,
        }
        with tarfile.open(fileobj=out, mode="w") as archive:
            for kind in kinds:
                info = tarfile.TarInfo("x")
                info.type, info.linkname = kind, "/etc/passwd"
                archive.addfile(info)
        assert [kind for _, kind, _ in read([out.getvalue()])] == list(kinds.values())

    def test_binary_numbers(self) -> None:
        size = (0x80 << 88 | 4).to_bytes(12, "big")
        assert read([header(size=size) + b"data".ljust(512, b"\0") + bytes(1024)])[0][2] == b"data"

    def test_a_pax_size_counts(self) -> None:
        extended = b"10 size=4\n"
        stream = header(size=b"%011o\0" % len(extended), flag=b"x") + extended.ljust(512, b"\0")
        stream += header() + b"data".ljust(512, b"\0") + bytes(1024)
        assert read([stream])[0][2] == b"data"


class TestWhatHostileOnesWrite:
    """Refused, and never held."""

    @given(st.binary(max_size=3000), st.integers(1, 600))
    def test_anything_ends_in_events_or_a_refusal(self, data: bytes, size: int) -> None:
        try:
            read(cut(data, size))
        except Corrupt:
            return
        assert data[:512] == bytes(512)

    @given(st.integers(0, 511), st.integers(1, 255), st.binary(max_size=100))
    def test_a_changed_header_is_not_believed(self, at: int, by: int, data: bytes) -> None:
        stream = bytearray(written([("name", data)], tarfile.USTAR_FORMAT))
        stream[at] = (stream[at] + by) % 256
        try:
            found = read([bytes(stream)])
        except Corrupt:
            return
        assert found == [(b"name", EntryKind.FILE, data)]

    @pytest.mark.parametrize(
        "stream",
        [
            header(good=False),
            header(size=b"\xff" * 12),
            header(size=b"\x80" + b"\xff" * 11),
            header(size=b"99999999999\0"),
            header(size=b"%011o\0" % (MAX_EXTENDED + 1), flag=b"x"),
            header(size=b"%011o\0" % (1 << 30), flag=b"L"),
            b"<html>".ljust(512),
        ],
    )
    def test_impossible_headers(self, stream: bytes) -> None:
        with pytest.raises(Corrupt):
            list(TarReader().feed(stream))

    @pytest.mark.parametrize(
        "text",
        [
            b"12",
            b"x path=a\n",
            b"0 path=a\n",
            b"999 path=a\n",
            b"6 path\n",
            b"9 path=ab",
            b"12 size=-99\n",
            b"9 size=x\n",
        ],
    )
    def test_malformed_extended_headers(self, text: bytes) -> None:
        stream = header(size=b"%011o\0" % len(text), flag=b"x") + text.ljust(512, b"\0")
        with pytest.raises(Corrupt):
            list(TarReader().feed(stream))

    def test_a_number_of_endless_digits_is_not_computed(self) -> None:
        text = b"size=" + b"9" * 60_000 + b"\n"
        record = b"%d %s" % (len(text) + 6, text)
        stream = header(size=b"%011o\0" % len(record), flag=b"x") + record.ljust(-(-len(record) // 512) * 512, b"\0")
        with pytest.raises(Corrupt):
            list(TarReader().feed(stream))

    @pytest.mark.parametrize("length", [1, 511, 512, 700, 1024])
    def test_a_stream_that_breaks_off(self, length: int) -> None:
        with pytest.raises(Corrupt, match="broke off"):
            read([written([("name", b"x" * 400)], tarfile.USTAR_FORMAT)[:length]])

    def test_what_follows_the_end_is_ignored(self) -> None:
        assert read([written([("a", b"1")]) + b"garbage" * 1000]) == [(b"a", EntryKind.FILE, b"1")]
