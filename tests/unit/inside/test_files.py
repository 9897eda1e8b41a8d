"""The program of debugging containers: it reads below its root and never beside it."""

from __future__ import annotations

import io
import os
import signal
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.__main__ import main
from supportbundle.inside.files import Limits, write_files
from supportbundle.inside.rooted import Root

WIDE = Limits(max_bytes=1 << 20, max_files=100)


def read(root: Path, *patterns: str, limits: Limits = WIDE) -> tuple[dict[str, bytes], list[str], int]:
    out, err = io.BytesIO(), io.StringIO()
    code = write_files(str(root), patterns, limits, out=out, err=err)
    out.seek(0)
    found = {}
    if out.getbuffer():
        with tarfile.open(fileobj=out) as archive:
            for member in archive:
                source = archive.extractfile(member)
                assert source
                found[member.name] = source.read()
    return found, err.getvalue().splitlines(), code


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root beside which lies what must not be read."""
    (tmp_path / "secret").write_text("outside")
    root = tmp_path / "root"
    (root / "etc/app/.hidden").mkdir(parents=True)
    (root / "etc/app/a.yaml").write_text("a")
    (root / "etc/app/b.yaml").write_text("b")
    (root / "etc/app/.hidden/c").write_text("c")
    (root / "secret").write_text("inside")
    return root


def test_globs_directories_and_literals(root: Path) -> None:
    assert read(root, "/etc/*/*.yaml")[0] == {"etc/app/a.yaml": b"a", "etc/app/b.yaml": b"b"}
    assert read(root, "/etc/app/[b-z].yaml")[0] == {"etc/app/b.yaml": b"b"}
    assert read(root, "/etc/app/.h*/c", "/secret")[0] == {"etc/app/.hidden/c": b"c", "secret": b"inside"}
    assert set(read(root, "/etc", "/etc/app/*")[0]) == {"etc/app/a.yaml", "etc/app/b.yaml", "etc/app/.hidden/c"}


def test_patterns_that_match_nothing_are_told_by_their_index(root: Path) -> None:
    found, said, code = read(root, "/secret", "/nope", "/etc/*.yaml", "/secret/x")
    assert (list(found), code) == (["secret"], 0)
    assert said == [f"supportbundle: nothing matches pattern {index}" for index in (1, 2, 3)]


@pytest.mark.parametrize(
    "link", ["/secret", "../../../../../secret", "/../secret", "../../secret", "/etc/../../secret"]
)
def test_links_are_followed_within_the_root(link: str, root: Path) -> None:
    (root / "etc/app/link").symlink_to(link)
    assert read(root, "/etc/app/link")[0] == {"etc/app/link": b"inside"}
    assert read(root, "/../../secret")[0] == {"../../secret": b"inside"}


def test_links_to_directories_are_followed_too(root: Path) -> None:
    (root / "short").symlink_to("/etc/app")
    assert read(root, "/short/*.yaml")[0] == {"short/a.yaml": b"a", "short/b.yaml": b"b"}


def test_loops_end(root: Path) -> None:
    (root / "etc/app/up").symlink_to("..")
    (root / "etc/app/self").symlink_to("self")
    found, said, code = read(root, "/etc")
    assert found["etc/app/a.yaml"] == b"a"
    assert code == 1
    assert any("self" in line for line in said)


def test_what_lies_behind_a_configmap_is_taken_only_by_name(root: Path) -> None:
    (root / "conf/..data").mkdir(parents=True)
    (root / "conf/..data/x").write_text("x")
    (root / "conf/x").symlink_to("..data/x")
    assert read(root, "/conf")[0] == {"conf/x": b"x"}
    assert read(root, "/conf/..d*/x")[0] == {"conf/..data/x": b"x"}


def test_large_files_are_whole(root: Path) -> None:
    (root / "large").write_bytes(b"x" * 200_000)
    assert read(root, "/large")[0] == {"large": b"x" * 200_000}


def test_only_plain_files_are_written(root: Path) -> None:
    os.mkfifo(root / "etc/app/fifo")
    assert set(read(root, "/etc/app/*")[0]) == {"etc/app/a.yaml", "etc/app/b.yaml"}


def test_a_file_is_cut_one_byte_after_its_limit(root: Path) -> None:
    (root / "big").write_bytes(b"x" * 5000)
    assert len(read(root, "/big", limits=Limits(max_bytes=1000, max_files=5))[0]["big"]) == 1001


def test_one_file_more_than_allowed_shows_the_cut(root: Path) -> None:
    for index in range(9):
        (root / f"f{index}").write_text("x")
    found, _, code = read(root, "/f*", "/secret", limits=Limits(max_bytes=1000, max_files=3))
    assert found == {"f0": b"x", "f1": b"x", "f2": b"x", "f3": b""}
    assert code == 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_files_that_say_they_are_empty_are_read() -> None:
    found, _, _ = read(Path("/"), "/proc/self/status")
    assert found["proc/self/status"].startswith(b"Name:")


def test_a_root_that_is_not_there_is_said(tmp_path: Path) -> None:
    found, said, code = read(tmp_path / "none", "/x")
    assert (found, code) == ({}, 1)
    assert said == [
        f"supportbundle: {tmp_path}/none: No such file or directory",
        f"supportbundle: the files are of a process of user {os.getuid()} and group {os.getgid()}",
    ]


def test_names_that_are_not_utf_8(root: Path) -> None:
    (root / os.fsdecode(b"\xff\xfe")).write_text("x")
    assert [os.fsencode(name) for name in read(root, "/\udcff*")[0]] == [b"\xff\xfe"]


@given(st.lists(st.sampled_from(["..", ".", "", "etc", "app", "up", "abs", "out", "secret"]), max_size=12))
def test_no_path_leads_out(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    base = tmp_path_factory.mktemp("base")
    (base / "secret").write_text("outside")
    root = base / "root"
    (root / "etc/app").mkdir(parents=True)
    (root / "secret").write_text("inside")
    (root / "etc/up").symlink_to("../../..")
    (root / "etc/app/abs").symlink_to("/etc")
    (root / "out").symlink_to(str(base))
    inside = {path.stat().st_ino for path in [root, *root.rglob("*")]}
    foreign = Root(str(root))
    try:
        with foreign.found("/".join(parts)) as fd:
            assert os.fstat(fd).st_ino in inside
    except OSError:
        pass
    finally:
        foreign.close()


def test_the_command(root: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    arguments = ["files", "--root", str(root), "--max-bytes", "10", "--max-files", "1", "--", "/secret"]
    assert main(arguments) == 0
    with tarfile.open(fileobj=io.BytesIO(capfdbinary.readouterr().out)) as archive:
        assert archive.getnames() == ["secret"]


def test_idling_ends_by_itself() -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main(["idle", "--seconds", "0"]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
