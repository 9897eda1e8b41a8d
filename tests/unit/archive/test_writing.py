"""What a collector does: members spooled in any blocks, fragments that stay whole whatever fails."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import signal
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fragments import META, MOMENT, REPORT, FakeStore, reader, write_fragment
from supportbundle.archive.footer import read_index
from supportbundle.archive.fragment import FragmentWriter
from supportbundle.archive.headers import verify_headers
from supportbundle.archive.index import LOG_LIMIT, MAX_LINES, FragmentIndex, IndexLimits, bounded_log, first_lines
from supportbundle.archive.spool import ClosedMember, MemberSpool, disk
from supportbundle.errors import Invalid, TooLarge
from supportbundle.model.gap import Gap


def spooled(path: str, content: bytes, directory: Path, *, memory_limit: int = 1 << 20) -> ClosedMember:
    with MemberSpool(path, spool_dir=directory, memory_limit=memory_limit) as spool:
        spool.write(content)
        return spool.finish()


@given(blocks=st.lists(st.binary(max_size=3000), max_size=8), limit=st.integers(0, 4000), level=st.integers(1, 3))
@settings(deadline=None)
def test_a_member_knows_its_facts_however_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[bytes], limit: int, level: int
) -> None:
    directory = tmp_path_factory.getbasetemp()
    spool = MemberSpool("a", spool_dir=directory, memory_limit=limit, level=level)
    for block in blocks:
        spool.write(memoryview(block))
    member, content = spool.finish(), b"".join(blocks)
    deflated = member.data.read()
    member.discard()
    assert zlib.decompress(deflated, -15) == content
    assert (member.size, member.compressed_size) == (len(content), len(deflated))
    assert (member.crc32, member.sha256) == (zlib.crc32(content), hashlib.sha256(content).hexdigest())


def test_small_members_never_touch_the_disk(tmp_path: Path) -> None:
    member = spooled("a", os.urandom(1000), tmp_path / "missing")
    with pytest.raises(OSError, match="fileno"):
        member.data.fileno()
    with pytest.raises(FileNotFoundError):
        spooled("a", os.urandom(1000), tmp_path / "missing", memory_limit=10)


def test_a_spool_leaves_no_file(tmp_path: Path) -> None:
    spooled("a", os.urandom(10_000), tmp_path, memory_limit=10).discard()
    with pytest.raises(ZeroDivisionError), MemberSpool("a", spool_dir=tmp_path, memory_limit=10) as spool:
        spool.write(os.urandom(100_000))
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["../a", "manifest.json", "/a"])
def test_an_unlawful_path_is_refused_at_once(tmp_path: Path, path: str) -> None:
    with pytest.raises(Invalid):
        MemberSpool(path, spool_dir=tmp_path)


@pytest.mark.parametrize("level", [0, 4, -1])
def test_levels_that_readers_would_refuse_are_refused(tmp_path: Path, level: int) -> None:
    with pytest.raises(ValueError, match="level"):
        MemberSpool("a", spool_dir=tmp_path, level=level)


def test_threads_append_whole_records(tmp_path: Path) -> None:
    file = tmp_path / "fragment"
    start = threading.Barrier(8)
    with FragmentWriter(file, shard=0, modified=MOMENT) as writer, ThreadPoolExecutor(8) as pool:

        def work(worker: int) -> None:
            start.wait()
            for i in range(20):
                member = spooled(f"{worker}/{i}", os.urandom(i * 100), tmp_path, memory_limit=900)
                writer.append(member, META)

        list(pool.map(work, range(8)))
        writer.close(REPORT)
    data = file.read_bytes()
    index = read_index(reader(data), len(data), shard=0)
    assert len(index.members) == 160
    verify_headers(reader(data), index, modified=MOMENT)


def test_a_second_member_of_one_name_is_refused_and_the_fragment_stays_whole(tmp_path: Path) -> None:
    with FragmentWriter(tmp_path / "f", shard=0, modified=MOMENT) as writer:
        writer.append(spooled("a", b"1", tmp_path), META)
        twin = spooled("a", b"2", tmp_path)
        with pytest.raises(Invalid):
            writer.append(twin, META)
        assert twin.data.closed
        writer.close(REPORT)
    fragment = FakeStore().add((tmp_path / "f").read_bytes(), shard=0)
    assert [entry.size for entry in fragment.index.members] == [1]


@pytest.mark.parametrize("limits", [IndexLimits(members=1), IndexLimits(fragment=1100), IndexLimits(json=400)])
def test_what_does_not_fit_in_a_fragment_is_too_large(tmp_path: Path, limits: IndexLimits) -> None:
    with FragmentWriter(tmp_path / "f", shard=0, modified=MOMENT, limits=limits) as writer:
        writer.append(spooled("a", os.urandom(1000), tmp_path), META) if limits.json > 600 else None
        with pytest.raises(TooLarge):
            writer.append(spooled("b", os.urandom(1000), tmp_path), META)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """The kernel refuses to let any file grow beyond `size`: as close to a full volume as a test gets."""
    before, action = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, action)


def test_a_failed_append_leaves_the_fragment_as_it_was(tmp_path: Path) -> None:
    with FragmentWriter(tmp_path / "f", shard=0, modified=MOMENT) as writer:
        writer.append(spooled("a", os.urandom(100_000), tmp_path), META)
        for memory_limit in (1 << 20, 10):
            member = spooled("b", os.urandom(200_000), tmp_path, memory_limit=memory_limit)
            with file_size_limit(250_000), pytest.raises(OSError, match="large"):
                writer.append(member, META)
        writer.append(spooled("b", b"small", tmp_path), META)
        writer.close(REPORT)
    fragment = FakeStore().add((tmp_path / "f").read_bytes(), shard=0)
    assert [entry.path for entry in fragment.index.members] == ["a", "b"]


def test_a_full_volume_is_a_limit_and_other_errors_are_not() -> None:
    with pytest.raises(TooLarge), disk():
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(PermissionError), disk():
        raise PermissionError(errno.EACCES, "no")


def test_gaps_over_the_limit_become_one_that_counts_them() -> None:
    gaps = [Gap.say("Timeout", str(i)) for i in range(10)]
    data = write_fragment({}, gaps=gaps, limits=IndexLimits(gaps=4))
    index = read_index(reader(data), len(data), shard=0, limits=IndexLimits(gaps=4))
    assert index.gaps[:3] == tuple(gaps[:3])
    assert index.gaps[3].reason == "TooManyGaps"
    assert "7 more" in index.gaps[3].message


@given(lines=st.lists(st.text(max_size=50), max_size=20), padding=st.sampled_from([0, LOG_LIMIT // 4096]))
@settings(deadline=None, max_examples=50)
def test_a_log_is_printable_and_bounded(lines: list[str], padding: int) -> None:
    text = bounded_log(["é" * 4096] * padding + lines)
    assert len(text.encode()) <= LOG_LIMIT
    assert all(line.isprintable() for line in text.splitlines())


def test_a_long_log_keeps_its_end() -> None:
    text = bounded_log(f"line {i}" for i in range(100_000))
    assert text.startswith("[earlier lines are cut]\n")
    assert text.endswith("\nline 99999\n")


def test_a_member_with_too_many_rules_keeps_those_with_most_hits() -> None:
    counts = {f"rule-{i}": i for i in range(1, 201)}
    meta = replace(META, redactions=counts, lines=dict.fromkeys(counts, tuple(range(1, 100))))
    data = write_fragment({"a": b""}, meta=meta)
    kept = read_index(reader(data), len(data), shard=0).members[0].meta
    assert set(kept.redactions) == {f"rule-{i}" for i in range(101, 201)}
    assert (len(kept.lines), kept.lines["rule-200"]) == (20, tuple(range(1, MAX_LINES + 1)))


def test_gaps_never_make_an_index_that_readers_refuse() -> None:
    gaps = [Gap.say("Timeout", "ü" * 900)] * 9_900
    data = write_fragment({}, gaps=gaps)
    assert read_index(reader(data), len(data), shard=0).gaps[-1].reason == "TooManyGaps"


def test_line_numbers_are_few_and_in_order() -> None:
    assert first_lines([3, 1, 3]) == (1, 3)
    assert len(first_lines(range(1, 1000))) == MAX_LINES


def stuffed(tmp_path: Path, limits: IndexLimits, gaps: int) -> tuple[FragmentIndex, int]:
    """The index of a shard that wants far more than it may have, and how many members it was refused."""
    refused = 0
    heavy = replace(META, redactions={f"r{i}": 10**6 for i in range(30)}, notes={"k": "v" * 200})
    with FragmentWriter(tmp_path / "f", shard=0, modified=MOMENT, limits=limits) as writer:
        for i in range(2000):
            try:
                writer.append(spooled(f"{i}", b"x", tmp_path), heavy if i % 2 else META)
            except TooLarge:
                refused += 1
        log = bounded_log(['"' * 4000] * 20)
        asked = [f"GET /{i} ü" * 20 for i in range(20_000)]
        writer.close(replace(REPORT, log=log), [Gap.say("Timeout", f"{i} ü" * 50) for i in range(gaps)], asked)
    data = (tmp_path / "f").read_bytes()
    return read_index(reader(data), len(data), shard=0, limits=limits), refused


@pytest.mark.parametrize("shards", [1, 64, 240])
def test_whatever_a_shard_wants_its_own_allowance_holds_and_every_reader_grants_it(tmp_path: Path, shards: int) -> None:
    index, refused = stuffed(tmp_path, IndexLimits.for_shards(shards), gaps=5000)
    assert len(index.members) + refused == 2000
    assert (refused > 0) == (shards > 1)
    assert len(index.members) >= 128
    assert index.report.log.startswith("[earlier lines are cut]")
    assert index.requests[-1].endswith("more requests are not listed)")
    if refused:
        assert index.gaps[-1].reason == "TooManyGaps"
        assert len(index.gaps) > 20, "room for gaps is kept however many members there are"


def test_line_numbers_give_way_before_files_do(tmp_path: Path) -> None:
    limits = IndexLimits.for_shards(240)
    meta = replace(META, redactions={f"r{i}": 1000 for i in range(5)}, lines={f"r{i}": (300,) * 20 for i in range(5)})
    with FragmentWriter(tmp_path / "f", shard=0, modified=MOMENT, limits=limits) as writer:
        for i in range(200):
            writer.append(spooled(f"pods/web-{i}/app/current.log", b"x", tmp_path), meta)
        writer.close(REPORT)
    data = (tmp_path / "f").read_bytes()
    members = read_index(reader(data), len(data), shard=0, limits=limits).members
    assert len(members) == 200
    assert members[0].meta.lines
    assert not members[-1].meta.lines
    assert members[-1].meta.redactions == meta.redactions
