"""Each format by itself: what is kept, what is dropped, what other programs make of the result."""

from __future__ import annotations

import gzip
import io
import shutil
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import zstandard

from support.packing import EXPAND, SQUEEZE, tar, untar, unzipped, zipped
from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import KnownSecret, Report, Sanitizer

Clean = Callable[..., bytes]
SECRET, CLEANED = b"login password=hunter2 user=bob\n", b"login password=<redacted:password> user=bob\n"
PLANTED = b"Tr0ub4dor&3/x"


def report_of(sanitizer: Sanitizer, content: bytes) -> tuple[bytes, Report]:
    stream = sanitizer.open("x")
    return stream.feed(content) + stream.finish(), stream.report


@pytest.mark.parametrize("how", sorted(SQUEEZE))
def test_a_compressed_text_keeps_its_format_and_its_line_numbers(how: str, sanitizer: Sanitizer) -> None:
    out, report = report_of(sanitizer, SQUEEZE[how](b"first\n" + SECRET))
    assert EXPAND[how](out) == b"first\n" + CLEANED
    assert list(report.lines["password"]) == [2]


def test_gzip_keeps_time_and_name_and_drops_the_comment(clean: Clean) -> None:
    packed = gzip.compress(SECRET, mtime=1234)
    named = packed[:3] + b"\x18" + packed[4:10] + b"a.log\0" + PLANTED + b"\0" + packed[10:]
    out = clean(named)
    assert (out[3], out[4:8], out[10:16]) == (8, (1234).to_bytes(4, "little"), b"a.log\0")
    assert gzip.decompress(out) == CLEANED
    secret_name = packed[:3] + b"\x08" + packed[4:10] + PLANTED + b"\0" + packed[10:]
    assert PLANTED not in clean(secret_name)


def test_several_frames_are_one_text(clean: Clean) -> None:
    halves = (b"token: |\n", b"  hunter2\n" + SECRET)
    assert gzip.decompress(clean(b"".join(map(gzip.compress, halves)), path="a.yaml.gz")).count(b"hunter2") == 0
    pack = zstandard.ZstdCompressor().compress
    skipped = b"\x50\x2a\x4d\x18" + len(PLANTED).to_bytes(4, "little") + PLANTED
    out = clean(pack(b"one\n") + skipped + pack(SECRET))
    assert EXPAND["zst"](out) == b"one\n" + CLEANED


@pytest.mark.parametrize("how", sorted(SQUEEZE))
def test_what_follows_the_end_is_refused(how: str, clean: Clean) -> None:
    with pytest.raises(Unsanitizable):
        clean(SQUEEZE[how](b"text\n") + PLANTED)


def test_a_member_that_cannot_be_sanitized_is_left_out_and_named(sanitizer: Sanitizer) -> None:
    files = {
        "a.log": SECRET,
        "bin": b"\0\1\2\0\0" + PLANTED,
        "n/b.gz": gzip.compress(b"x" * 99)[:-9],
        "c.7z": b"7z\xbc\xaf\x27\x1c",
    }
    for made, read in ((tar(files), untar), (zipped(files), unzipped)):
        out, report = report_of(sanitizer, made)
        assert read(out) == {"a.log": CLEANED}
        assert [part.name for part in report.parts] == ["bin", "n/b.gz", "c.7z"]
        assert all(PLANTED.decode() not in part.why for part in report.parts)
        assert report.omitted == 3
        assert dict(report.counts) == {"password": 1}


def test_an_archive_of_which_nothing_is_left_is_refused(clean: Clean) -> None:
    with pytest.raises(Unsanitizable, match="no member"):
        clean(zipped({"a": b"\0\1\2\0\0" + PLANTED}))


def test_modes_times_links_and_folders_of_a_tar_are_kept(clean: Clean) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, target in (
            ("d", tarfile.DIRTYPE, ""), ("d/l", tarfile.SYMTYPE, "../" + "t" * 150), ("h", tarfile.LNKTYPE, "d/f"),
            ("p", tarfile.FIFOTYPE, ""), ("dev", tarfile.CHRTYPE, ""),
        ):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mode, info.mtime = kind, target, 0o751, 1234567890.25
            archive.addfile(info)
        info = tarfile.TarInfo("d/f")
        info.size, info.pax_headers = len(SECRET), {"comment": PLANTED.decode(), "vendor.x": "y"}
        archive.addfile(info, io.BytesIO(SECRET))
    cleaned = clean(out.getvalue())
    assert PLANTED not in cleaned
    assert b"vendor.x" not in cleaned
    assert untar(cleaned) == {"d/f": CLEANED}

    def facts(data: bytes) -> list[tuple[object, ...]]:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            return [(i.name, i.type, i.linkname, i.mode, i.mtime) for i in archive]

    assert facts(cleaned) == facts(out.getvalue())


def test_modes_times_links_and_comments_of_a_zip_are_kept_or_cleaned(clean: Clean) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"made by bob password=hunter2"
        for name, mode, content in (("d/", 0o40755, b""), ("d/f", 0o100640, SECRET), ("l", 0o120777, b"d/f")):
            info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
            info.external_attr, info.extra = mode << 16, b"\x99\x99\x04\0abcd"
            archive.writestr(info, content)
    cleaned = clean(out.getvalue())
    with zipfile.ZipFile(io.BytesIO(cleaned)) as archive:
        facts = [
            (i.filename, stat.filemode(i.external_attr >> 16), i.date_time[0], i.extra) for i in archive.infolist()
        ]
        assert facts == [
            ("d/", "drwxr-xr-x", 2026, b""), ("d/f", "-rw-r-----", 2026, b""), ("l", "lrwxrwxrwx", 2026, b"")
        ]  # fmt: skip
        assert archive.comment == b"made by bob password=<redacted:password>"
        assert archive.read("d/f") == CLEANED


def test_an_encrypted_member_is_left_out(sanitizer: Sanitizer) -> None:
    data = bytearray(zipped({"a": SECRET, "b": SECRET}))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    out, report = report_of(sanitizer, bytes(data))
    assert unzipped(out) == {"b": CLEANED}
    assert "encrypted" in report.parts[0].why


def test_a_member_whose_headers_differ_is_left_out(sanitizer: Sanitizer) -> None:
    data = zipped({"aaa": SECRET, "b": SECRET}).replace(b"aaa", b"xxx", 1)
    out, report = report_of(sanitizer, data)
    assert list(unzipped(out)) == ["b"]
    assert "differ" in report.parts[0].why


def test_what_stands_between_members_does_not_survive(sanitizer: Sanitizer) -> None:
    data = zipped({"a": b"text\n"})
    start = data.index(b"PK\1\2")
    hidden = bytearray(data[:start] + PLANTED + data[start:])
    hidden[-6:-2] = (start + len(PLANTED)).to_bytes(4, "little")
    out, _ = report_of(sanitizer, bytes(hidden))
    assert PLANTED not in out
    assert unzipped(out) == {"a": b"text\n"}


def test_a_stream_written_zip_with_descriptors_is_read(clean: Clean) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.data += bytes(data)  # type: ignore[call-overload]
            return len(bytes(data))  # type: ignore[call-overload]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        archive.writestr("a", SECRET)
    assert unzipped(clean(pipe.data)) == {"a": CLEANED}


def test_sparse_members_and_strange_types_are_left_out(sanitizer: Sanitizer) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, headers in (("s", b"0", {"GNU.sparse.major": "1"}), ("v", b"Z", {}), ("ok", b"0", {})):
            info = tarfile.TarInfo(name)
            info.type, info.pax_headers, info.size = kind, dict(headers), len(SECRET)
            archive.addfile(info, io.BytesIO(SECRET))
    cleaned, report = report_of(sanitizer, out.getvalue())
    assert untar(cleaned) == {"ok": CLEANED}
    assert [part.name for part in report.parts] == ["s", "v"]


@pytest.mark.parametrize("cut", [512, 700, 1024, 1500])
def test_a_cut_tar_is_refused(cut: int, clean: Clean) -> None:
    with pytest.raises(Unsanitizable):
        clean(tar({"a": b"x" * 900, "b": b"y" * 900}, tarfile.GNU_FORMAT)[:cut])


PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "a.zip": ("unzip", "-tq"),
    "b.zip": ("7z", "t"),
    "a.tar": ("tar", "tf"),
    "b.tar": ("7z", "t"),
}


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_other_programs_read_the_result(name: str, clean: Clean, tmp_path: Path) -> None:
    files = {"a.log": SECRET, "key=hunter2/" + "n" * 140: SECRET * 9, "c.tgz": gzip.compress(tar({"x": SECRET}))}
    (tmp_path / name).write_bytes(clean(zipped(files) if name.endswith("zip") else tar(files)))
    program, *options = PROGRAMS[name]
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    subprocess.run([program, *options, str(tmp_path / name)], check=True, capture_output=True)


def test_names_in_a_profile_and_a_profile_in_an_archive(clean: Clean) -> None:
    message = b"\x0a\x04\x08\x01\x10\x02\x32\x00\x32\x07samples\x32\x19" + b"url=https://u:hunter2@h/x"
    out = untar(clean(tar({"heap.pb.gz": gzip.compress(message)})))["heap.pb.gz"]
    assert gzip.decompress(out).endswith(b"url=https://u:<redacted:url-userinfo>@h/x")


def test_the_value_of_a_secret_in_a_link_is_replaced() -> None:
    sanitizer = Sanitizer.build([KnownSecret("a/b", PLANTED)])
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("l")
        info.type, info.linkname, info.uname = tarfile.SYMTYPE, "/x/Tr0ub4dor&3/x", "Tr0ub4dor&3/x"
        archive.addfile(info)
    assert b"Tr0ub4dor" not in report_of(sanitizer, out.getvalue())[0]
