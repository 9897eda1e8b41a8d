"""`supportbundle leaks`: where, by which rule, and never what."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.packing import tar, zipped

Run = Callable[..., Any]
TOKEN = b"ghp_" + b"a1B2" * 9
TEXT = b"first\nsecond " + TOKEN + b"\n"


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (TEXT, ":2: github-token"),
        (gzip.compress(TEXT), "/x:2: github-token"),
        (zipped({"a/b.log": TEXT}), "/a/b.log:2: github-token"),
        (gzip.compress(tar({"n.zip": zipped({"c": TEXT})})), "/n.zip/c:2: github-token"),
        (TEXT.decode().encode("utf-16"), ":2: github-token"),
        (b"\x7fELF\0\0\0\1" + TEXT, "x.dat: github-token"),
        (tar({TOKEN.decode(): b""}), "(names): github-token"),
    ],
    ids=["text", "gz", "zip", "nested", "utf-16", "binary", "name"],
)
def test_a_finding_is_told_by_its_place(content: bytes, where: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.dat").write_bytes(content)
    result = run("leaks", tmp_path / "x.dat")
    assert result.code == 1
    assert where in result.out.decode()
    assert result.out.count(b"\n") == 1
    assert TOKEN not in result.out
    assert run("leaks", tmp_path).code == 1
    assert run("leaks", "-", stdin=content).code == 1


def test_lines_are_counted_across_chunks(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"an ordinary line\n" * 50_000 + TEXT + b"more\n" * 50_000 + TEXT)
    lines = [line.split(b":")[1] for line in run("leaks", tmp_path / "x").out.splitlines()]
    assert lines == [b"50002", b"100004"]


def test_clean_is_0_and_unreadable_is_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"nothing\n")
    assert run("leaks", tmp_path).code == 0
    (tmp_path / "y.gz").write_bytes(gzip.compress(b"text")[:-5])
    result = run("leaks", tmp_path)
    assert (result.code, "ends too early" in result.err) == (2, True)
    assert run("leaks", tmp_path / "none").code == 2


def test_known_values_are_found(run: Run, tmp_path: Path) -> None:
    (tmp_path / "known").write_bytes(b"Tr0ub4dor&3/x\n")
    (tmp_path / "x").write_bytes(b"see Tr0ub4dor&3/x\n")
    assert run("leaks", tmp_path / "x").code == 0
    result = run("leaks", tmp_path / "x", "--known", tmp_path / "known")
    assert (result.code, b"Tr0ub" in result.out) == (1, False)
