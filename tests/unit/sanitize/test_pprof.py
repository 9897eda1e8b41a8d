"""Profiles: strings are sanitized, everything else stays, and bombs are refused."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.packing import gzip_of_copies
from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import KnownSecret, Sanitizer

Clean = Callable[..., bytes]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def profile(strings: list[str]) -> bytes:
    """A profile with one sample in a function named by the last string, labelled by the one before."""
    name, label = len(strings) - 1, len(strings) - 2
    return b"".join(
        [
            _field(1, _field(1, 1) + _field(2, 2)),
            _field(2, _field(1, _varint(1)) + _field(2, _varint(7)) + _field(3, _field(1, 1) + _field(2, label))),
            _field(4, _field(1, 1) + _field(4, _field(1, 1) + _field(2, 42))),
            _field(5, _field(1, 1) + _field(2, name) + _field(4, name)),
            *(_field(6, text.encode()) for text in strings),
            _field(9, 1_700_000_000_000_000_000),
            _field(13, _varint(label)),
        ]
    )


NAMES = ["", "samples", "count", "label", "main.(*Server).Token", "main.main"]


def test_a_clean_profile_stays_byte_for_byte(clean: Clean) -> None:
    packed = gzip.compress(profile(NAMES), mtime=12345)
    assert clean(packed, path="pods/a/profiles/heap.pb.gz") == packed


def test_secret_strings_are_replaced_and_the_rest_stays(clean: Clean) -> None:
    strings = [*NAMES[:4], "url=https://u:hunter2@h/", "x Tr0ub4dor&3/x\ny", "main.main"]
    packed = gzip.compress(profile(strings), mtime=12345)
    out = clean(packed)
    expected = [*NAMES[:4], "url=https://u:<redacted:url-userinfo>@h/", "x <redacted:known-secret>\ny", "main.main"]
    assert gzip.decompress(out) == profile(expected)
    assert clean(packed) == out
    assert clean(out) == out
    assert out[4:8] == bytes(4)


@pytest.mark.timeout(240)  # Go builds its tool when it is first asked for
@pytest.mark.skipif(shutil.which("go") is None, reason="needs the Go toolchain")
def test_go_tool_pprof_reads_the_result(clean: Clean, tmp_path: Path) -> None:
    out = clean(gzip.compress(profile([*NAMES[:4], "password=hunter2", "main.work"])))
    (tmp_path / "cpu.pb.gz").write_bytes(out)
    result = subprocess.run(
        ["go", "tool", "pprof", "-top", str(tmp_path / "cpu.pb.gz")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "main.work" in result.stdout


def test_a_bomb_is_refused_before_it_unfolds(clean: Clean) -> None:
    with pytest.raises(Unsanitizable, match="256 MiB"):
        clean(gzip_of_copies(_field(2, bytes(1 << 20)), 300))
    with pytest.raises(Unsanitizable, match="profile"):
        clean(gzip.compress(_field(6, b"")) + gzip.compress(_field(1, bytes(1 << 20))[:-1]))


@pytest.mark.parametrize("size", [1, 10, 40, 100])
def test_a_truncated_profile_is_refused(size: int, clean: Clean) -> None:
    with pytest.raises(Unsanitizable):
        clean(gzip.compress(profile(NAMES))[:-size])


@settings(max_examples=150, deadline=None)
@given(strings=st.lists(st.text(max_size=30), min_size=2, max_size=8), size=st.integers(1, 200))
def test_any_strings_come_back(sanitizer: Sanitizer, strings: list[str], size: int) -> None:
    packed = gzip.compress(profile(["", *strings]))
    stream = sanitizer.open("x")
    out = b"".join([*(stream.feed(packed[at : at + size]) for at in range(0, len(packed), size)), stream.finish()])
    if not stream.report.total:
        assert out == packed


def test_a_value_in_a_function_name_is_found() -> None:
    sanitizer = Sanitizer.build([KnownSecret("s/k", b"s3cr3tvalue")])
    stream = sanitizer.open("x")
    packed = gzip.compress(profile([*NAMES[:4], "f.s3cr3tvalue.g"]))
    assert b"s3cr3tvalue" not in gzip.decompress(stream.feed(packed) + stream.finish())
    assert dict(stream.report.counts) == {"known-secret": 1}
