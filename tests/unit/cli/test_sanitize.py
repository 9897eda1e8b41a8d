"""`supportbundle sanitize`: files, folders, archives and streams; nothing half done, nothing raw left behind."""

from __future__ import annotations

import gzip
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.packing import tar, untar, unzipped, zipped
from supportbundle.cli.single import from_file
from supportbundle.sanitize import ArchiveLimits, Archives, Sanitizer

Run = Callable[..., Any]
SECRET, CLEANED = b"login password=hunter2 user=bob\n", b"login password=<redacted:password> user=bob\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    source = tmp_path / "in"
    (source / "pods").mkdir(parents=True)
    (source / "pods/a.log").write_bytes(SECRET)
    (source / "pods/b.tgz").write_bytes(gzip.compress(tar({"c.log": SECRET})))
    (source / "run.sh").write_bytes(b"#!/bin/sh\necho hello\n")
    (source / "run.sh").chmod(0o750)
    os.utime(source / "run.sh", (1_234_567_890, 1_234_567_890))
    (source / "link").symlink_to("pods/a.log")
    return source


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder_is_mirrored(jobs: int, run: Run, tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("sanitize", tree, out, "--jobs", jobs, "--report", tmp_path / "r.json").code == 0
    assert (out / "pods/a.log").read_bytes() == CLEANED
    assert untar(gzip.decompress((out / "pods/b.tgz").read_bytes())) == {"c.log": CLEANED}
    status = (out / "run.sh").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (0o750, 1_234_567_890)
    assert (out / "link").readlink() == Path("pods/a.log")
    report = json.loads((tmp_path / "r.json").read_bytes())
    assert report["files"]["pods/a.log"] == {"rules": {"password": 1}, "lines": {"password": [1]}}
    assert report["files"]["pods/b.tgz/c.log"]["rules"] == {"password": 1}
    assert report["totals"] == {"redactions": 2, "files": 2, "rules": {"password": 2}}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out", "r.json"]


def test_what_cannot_be_sanitized_is_left_out_and_told(run: Run, tree: Path, tmp_path: Path) -> None:
    (tree / "x.7z").write_bytes(b"7z\xbc\xaf\x27\x1c")
    (tree / "away").symlink_to("/etc/passwd")
    (tree / "up").symlink_to("../in2")
    os.mkfifo(tree / "pipe")
    (tree / "token=abcdef1234").write_bytes(b"x\n")
    result = run("sanitize", tree, tmp_path / "out", "--report", tmp_path / "r.json")
    assert result.code == 3
    lost = {each["path"] for each in json.loads((tmp_path / "r.json").read_bytes())["leftOut"]}
    assert lost == {"x.7z", "away", "up", "pipe"}
    assert "left out: x.7z: a file packed in a way that is not opened (7z)" in result.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["link", "pods", "redacted-name-1", "run.sh"]


def test_a_zip_keeps_going_without_a_member(run: Run, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(zipped({"a.log": SECRET, "x.7z": b"7z\xbc\xaf\x27\x1c"}))
    result = run("sanitize", tmp_path / "b.zip", tmp_path / "c.zip", "--report", tmp_path / "r.json")
    assert result.code == 3
    assert unzipped((tmp_path / "c.zip").read_bytes()) == {"a.log": CLEANED}
    assert "b.zip/x.7z" in result.err
    assert "b.zip/a.log" in json.loads((tmp_path / "r.json").read_bytes())["files"]


def test_a_stream(run: Run, tmp_path: Path) -> None:
    assert run("sanitize", "-", tmp_path / "out", stdin=SECRET).code == 0
    assert (tmp_path / "out").read_bytes() == CLEANED
    result = run("sanitize", "-", "-", stdin=SECRET)
    assert (result.code, result.out, result.err) == (0, CLEANED, "")


def test_nothing_is_written_if_nothing_can_be(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(gzip.compress(SECRET)[:-9])
    (tmp_path / "out").write_bytes(b"from before")
    assert run("sanitize", tmp_path / "x", tmp_path / "out").code == 1
    assert run("sanitize", "-", "-", stdin=b"7z\xbc\xaf\x27\x1c").code == 1
    assert (tmp_path / "out").read_bytes() == b"from before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "x"]


def test_places_that_would_mix_input_and_output_are_refused(run: Run, tree: Path, tmp_path: Path) -> None:
    file = tree / "pods/a.log"
    for source, target, word in (
        (file, file, "same"), (tree, tree, "same"), (tree, tree / "out", "inside IN"),
        (tree / "pods", tree, "inside OUT"),
        (tree / "none", "x", "does not exist"), (tree, "-", "standard output"),
        (file, tree / "pods/../pods/a.log", "same"),
        (tree, tmp_path / "no/out", "does not exist"), (file, tmp_path, "inside OUT"),
    ):  # fmt: skip
        result = run("sanitize", source, target)
        assert (result.code, word in result.err) == (1, True), (source, target, result.err)
    assert file.read_bytes() == SECRET


def test_own_rules_known_values_and_shape(run: Run, tmp_path: Path) -> None:
    rules = "- {name: ticket, type: Regex, pattern: 'TICKET-[0-9]+', reason: internal numbers}\n"
    (tmp_path / "rules.yaml").write_text(rules, encoding="utf-8")
    (tmp_path / "known").mkdir()
    (tmp_path / "known/value").write_bytes(b"Tr0ub4dor&3/x\n")
    (tmp_path / "x").write_bytes(b"see TICKET-4711 and Tr0ub4dor&3/x there\n")
    options = ("--rules", tmp_path / "rules.yaml", "--known", tmp_path / "known", "--report", tmp_path / "r.json")
    assert run("sanitize", tmp_path / "x", tmp_path / "y", *options).code == 0
    assert (tmp_path / "y").read_bytes() == b"see <redacted:ticket> and <redacted:known-secret> there\n"
    assert json.loads((tmp_path / "r.json").read_bytes())["reasons"] == {"ticket": "internal numbers"}
    (tmp_path / "x").write_bytes(SECRET)
    assert run("sanitize", tmp_path / "x", tmp_path / "y", "--keep-shape").code == 0
    assert b"hunter2" not in (tmp_path / "y").read_bytes()
    assert run("sanitize", tmp_path / "x", tmp_path / "y", "--rules", tmp_path / "none").code == 1


def test_pseudonyms_are_stable_under_a_key_that_is_made_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"from 192.0.2.17 by bob@example.org\n")
    assert run("sanitize", tmp_path / "x", tmp_path / "y", "--pseudonymize", "ip").code == 1
    options = ("--pseudonymize", "ip,email", "--key-file", tmp_path / "key")
    for name in ("y", "z"):
        assert run("sanitize", tmp_path / "x", tmp_path / name, *options).code == 0
    assert (tmp_path / "y").read_bytes() == (tmp_path / "z").read_bytes()
    assert b"192.0.2.17" not in (tmp_path / "y").read_bytes()
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_names_are_pseudonyms_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in/10.0.0.7").mkdir(parents=True)
    (tmp_path / "in/10.0.0.7/db1.log").write_bytes(b"db1 and carol at 10.0.0.7\n")
    (tmp_path / "in/a.tgz").write_bytes(gzip.compress(tar({"home/carol/10.0.0.7.log": b"x\n"})))
    (tmp_path / "in/b.zip").write_bytes(zipped({"10.0.0.7/db1.log": b"x\n"}))
    kinds = ("--pseudonymize", "ip,hostname,user", "--hostnames", "db1", "--users", "carol,bob")
    assert run("sanitize", tmp_path / "in", tmp_path / "out", *kinds, "--key-file", tmp_path / "key").code == 0
    (address,) = (path.name for path in (tmp_path / "out").iterdir() if path.is_dir())
    (log,) = (tmp_path / "out" / address).iterdir()
    host = log.name.removesuffix(".log")
    assert log.read_text().startswith(f"{host} and user-")
    assert log.read_text().endswith(f" at {address}\n")
    assert list(unzipped((tmp_path / "out/b.zip").read_bytes())) == [f"{address}/{log.name}"]
    packed = gzip.decompress((tmp_path / "out/a.tgz").read_bytes())
    user = log.read_text().split()[2]
    assert list(untar(packed)) == [f"home/{user}/{address}.log"]
    assert b"bob" not in packed
    revealed = run("reveal", "--key-file", tmp_path / "key", f"{user} {host} {address}")
    assert revealed.out == b"carol db1 10.0.0.7\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--users", "bob"], "--pseudonymize"),
        (["--pseudonymize", "ip", "--users", "bob"], "--users needs the kind user"),
        (["--pseudonymize", "hostname"], "--hostnames"),
        (["--pseudonymize", "ip,cat"], "'cat' is no kind"),
        (["--pseudonymize", "user", "--users", "b" * 300], "characters"),
        (["--pseudonymize", "ip"], "--key-file"),
        (["--pseudonymize", "ip", "--key-file", "/none/key"], "/none/key cannot be made"),
        (["--pseudonymize", "ip", "--key-file", "/dev/null"], "32 bytes"),
    ],
)
def test_pseudonyms_that_cannot_be_are_refused(options: list[str], said: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x\n")
    result = run("sanitize", tmp_path / "x", tmp_path / "y", *options)
    assert (result.code, said in result.err, result.err.count("\n")) == (1, True, 1)
    assert not (tmp_path / "y").exists()


def _mixed() -> dict[str, bytes]:
    """Members for other processes and for this one, some that cannot be kept, some with names that must go."""
    big = {f"pods/web-{number}/a.log": (SECRET + b"an ordinary line %d\n" % number) * 700 for number in range(12)}
    small = {"pods/token=abcd1234ef": SECRET, "x.7z": b"7z\xbc\xaf\x27\x1c", "clean.txt": b"nothing\n", "empty": b""}
    inner = {"inner.zip": zipped(big | small), "big.7z": b"7z\xbc\xaf\x27\x1c" + bytes(100_000)}
    return big | small | inner | {f"pods/password=hunter{number}secret/b.log": SECRET * 1200 for number in range(3)}


@pytest.mark.parametrize("packed", [zipped(_mixed()), tar(_mixed()), gzip.compress(tar(_mixed()))])
def test_the_output_does_not_depend_on_the_number_of_processes(packed: bytes, run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(packed)
    outputs, reports = set(), set()
    for jobs in (1, 3):
        out, report = tmp_path / f"out{jobs}", tmp_path / f"r{jobs}"
        assert run("sanitize", tmp_path / "in", out, "--jobs", jobs, "--report", report).code == 3
        outputs.add(out.read_bytes())
        reports.add(report.read_bytes())
    assert (len(outputs), len(reports)) == (1, 1)
    assert json.loads(reports.pop())["totals"]["redactions"] > 10_000
    assert run("leaks", tmp_path / "out3").code == 0


def test_the_bounds_of_an_archive_hold_for_all_processes_together(tmp_path: Path) -> None:
    packed = zipped({str(number): bytes(1 << 20) for number in range(40)})
    for jobs in (1, 3):
        archives = Archives(ArchiveLimits(total=32 << 20), jobs=jobs)
        (tmp_path / "x").write_bytes(packed)
        outcome = from_file(Sanitizer.build((), archives=archives), tmp_path / "x", tmp_path / "y", "x")
        assert "unfolds to more than 32 MiB" in outcome.left_out[0][1]
