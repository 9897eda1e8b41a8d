"""From members to a finished zip: whatever is put in comes out, for every reader that people use."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fragments import MOMENT, Bundle, FakeStore, make_bundle
from supportbundle.archive.layout import InlineMember, layout
from supportbundle.archive.select import select
from supportbundle.model.pieces import MIN_PART, CopyRange

segments = st.text(st.characters(codec="utf-8", exclude_characters="/\\:", categories=["L", "N", "S"]), min_size=1)
paths = st.lists(segments, min_size=1, max_size=3).map("/".join).filter(lambda p: len(p.encode()) <= 1024)
shards = st.lists(st.dictionaries(paths, st.binary(max_size=5000), max_size=6), max_size=4)
TAIL = (InlineMember("manifest.json", b"{}\n"), InlineMember("warning.txt", b""))


def noise(size: int, seed: int) -> bytes:
    """Bytes that do not compress."""
    return Random(seed).randbytes(size)  # noqa: S311 - no secret


def content(bundle: Bundle) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bundle.data)) as archive:
        assert archive.testzip() is None
        assert all(info.date_time == (2026, 11, 21, 4, 5, 6) for info in archive.infolist())
        return {info.filename: archive.read(info) for info in archive.infolist()}


@given(shards=shards)
@settings(max_examples=60, deadline=None)
def test_every_member_comes_out_as_it_went_in(shards: list[dict[str, bytes]]) -> None:
    bundle = make_bundle(shards, TAIL)
    expected = {path: data for members in reversed(shards) for path, data in members.items()}
    found = content(bundle)
    assert found.items() <= (expected | {member.path: member.data for member in TAIL}).items()
    lost = sum(map(len, shards)) - (len(found) - len(TAIL))
    assert len(bundle.selection.gaps) == lost
    assert len(bundle.data) == bundle.assembly.size


@given(shards=shards)
@settings(max_examples=20, deadline=None)
def test_the_same_members_make_the_same_bytes(shards: list[dict[str, bytes]]) -> None:
    assert make_bundle(shards, TAIL).data == make_bundle(shards, TAIL).data


@pytest.mark.parametrize("program", [["unzip", "-tqq"], ["7z", "t", "-bd"], [sys.executable, "-m", "zipfile", "-t"]])
def test_common_programs_accept_the_zip(tmp_path: Path, program: list[str]) -> None:
    members = {"pods/web-0/app/current.log": b"line\n" * 9000, "empty": b"", "pods/ключ/✓.txt": noise(100_000, 1)}
    file = tmp_path / "bundle.zip"
    file.write_bytes(make_bundle([members, {}, {"big": noise(MIN_PART + 1, 2)}], TAIL).data)
    done = subprocess.run([*program, file], check=False, capture_output=True, text=True)
    assert (done.returncode, "arning" in done.stdout + done.stderr) == (0, False), done.stdout + done.stderr


def test_more_members_than_a_plain_zip_counts(tmp_path: Path) -> None:
    store = FakeStore()
    fragments = [store.claim([f"{shard}/{i}" for i in range(33_000)], shard=shard) for shard in range(2)]
    assembly = layout(select(fragments), TAIL, modified=MOMENT)
    bundle = Bundle(store.assemble(assembly), select(fragments), assembly)
    with zipfile.ZipFile(io.BytesIO(bundle.data)) as archive:
        assert len(archive.namelist()) == bundle.assembly.members == 66_002
    file = tmp_path / "many.zip"
    file.write_bytes(bundle.data)
    for program in (["unzip", "-tqq"], ["7z", "t", "-bd"]):
        subprocess.run([*program, file], check=True, capture_output=True)


def test_the_lower_shard_wins_a_contested_path() -> None:
    bundle = make_bundle(
        [{"a": b"first", "dir/file": b"1"}, {"a": b"second", "dir": b"2", "dir/file/x": b"3", "b": b""}]
    )
    assert content(bundle) == {"a": b"first", "dir/file": b"1", "b": b""}
    assert [gap.reason for gap in bundle.selection.gaps] == ["PathConflict"] * 3
    assert b"second" not in bundle.data


def test_an_excluded_record_is_not_copied() -> None:
    secret = noise(10_000, 7)
    bundle = make_bundle([{"a": b"x"}, {"b": b"", "a": secret, "c": b""}])
    assert secret[100:9000] not in bundle.data
    ranges = [p for part in bundle.assembly.parts for p in part.pieces if isinstance(p, CopyRange)]
    assert len(ranges) == 3


def test_neighbours_are_copied_in_one_range() -> None:
    bundle = make_bundle([{str(i): b"x" for i in range(100)}])
    ranges = [p for part in bundle.assembly.parts for p in part.pieces if isinstance(p, CopyRange)]
    assert len(ranges) == 1


def test_nothing_collected_is_still_a_zip() -> None:
    assert content(make_bundle([], TAIL)) == {"manifest.json": b"{}\n", "warning.txt": b""}
