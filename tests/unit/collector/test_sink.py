"""The sink: only clean, complete members reach the fragment; everything else is a gap."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.build import task
from support.packing import zipped
from support.sink import SECRET, Bench
from supportbundle.collector.budget import Budget
from supportbundle.collector.sink import BLOCK, OpenMember, Pipeline
from supportbundle.errors import Unavailable
from supportbundle.model.gap import Gap


async def test_a_member_is_sanitized_counted_and_kept(bench: Bench) -> None:
    async with bench.sink.member("a.log", task=task(), limit=1000) as member:
        assert await member.write(b"password is " + SECRET + b"\n")
    index = bench.index()
    (entry,) = index.members
    assert entry.path == "a.log"
    assert sum(entry.meta.redactions.values()) == 1
    assert SECRET not in bench.file.read_bytes()


async def test_a_secret_split_over_two_writes_is_found(bench: Bench) -> None:
    async with bench.sink.member("a.log", task=task(), limit=1000) as member:
        await member.write(SECRET[:9])
        await member.write(SECRET[9:] + b"\n")
    assert sum(bench.index().members[0].meta.redactions.values()) == 1


async def test_a_limit_cuts_the_member_and_says_so(bench: Bench) -> None:
    async with bench.sink.member("a.log", task=task(), limit=10) as member:
        assert not await member.write(b"x" * 11)
    index = bench.index()
    assert (index.members[0].size, index.members[0].meta.truncated) == (10, True)
    assert [gap.reason for gap in index.gaps] == ["TooLarge"]


async def test_a_failed_member_leaves_nothing_and_gives_its_bytes_back(bench: Bench) -> None:
    with pytest.raises(Unavailable):
        async with bench.sink.member("a.json", task=task(), limit=1000) as member:
            await member.write(b"{")
            raise Unavailable("broken off")
    assert bench.index().members == ()
    assert bench.budget.left == 1 << 20


async def test_a_broken_off_log_is_kept_and_the_failure_still_told(bench: Bench) -> None:
    with pytest.raises(Unavailable):
        async with bench.sink.member("a.log", task=task(), limit=1000, keep_partial=True) as member:
            await member.write(b"first line\n")
            raise Unavailable("broken off")
    (entry,) = bench.index().members
    assert entry.meta.notes == {"incomplete": "Unavailable"}


class Open:
    """A sanitizer that changes nothing."""

    def feed(self, block: bytes) -> bytes:
        return block


class Unchecked:
    """A leak check that finds nothing."""

    def feed(self, block: bytes) -> None:
        del block


class SlowSpool:
    """Takes each block only when it is let go on; notes how many are inside at once."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.begun = threading.Event()
        self.inside = self.most = 0
        self.blocks: list[bytes] = []
        self.discarded = False

    def write(self, block: bytes) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.begun.set()
        assert self.go_on.wait(10)
        self.blocks.append(block)
        self.inside -= 1

    def discard(self) -> None:
        assert not self.inside
        self.discarded = True


async def test_a_cancelled_write_is_not_overtaken_by_the_next() -> None:
    spool = SlowSpool()
    with ThreadPoolExecutor(2) as pool:
        member = OpenMember(Pipeline(Open(), Unchecked(), spool), task(), 1 << 30, Budget(1 << 30), pool)  # type: ignore[arg-type]
        writing = asyncio.create_task(member.write(b"a" * BLOCK))
        await asyncio.to_thread(spool.begun.wait, 10)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        rest = asyncio.create_task(member.write(b"b" * BLOCK))
        await asyncio.sleep(0)
        member.discard()
        assert not spool.discarded
        spool.go_on.set()
        await rest
    assert [block[:1] for block in spool.blocks] == [b"a", b"b"]
    assert spool.most == 1


async def test_what_cannot_be_sanitized_is_left_out_and_listed(bench: Bench) -> None:
    async with bench.sink.member("core.bin", task=task(), limit=1000) as member:
        await member.write(b"\x00\x01binary " + SECRET + b"\x00")
    index = bench.index()
    assert index.members == ()
    assert [gap.reason for gap in index.gaps] == ["Unsanitizable"]


async def test_a_gap_that_quotes_a_secret_is_sanitized(bench: Bench) -> None:
    bench.sink.gap(Gap.say("Timeout", f"the server said password={SECRET.decode()}", target="a", collector="c"))
    assert SECRET.decode() not in bench.index().gaps[0].message


async def test_members_of_an_archive_that_cannot_be_sanitized_are_gaps_and_the_rest_is_kept(bench: Bench) -> None:
    content = zipped({"a.log": b"user " + SECRET + b"\n", "core.bin": b"\x00\x01binary " + SECRET + b"\x00"})
    async with bench.sink.member("logs.zip", task=task(), limit=1000) as member:
        await member.write(content)
    index = bench.index()
    assert [(entry.path, dict(entry.meta.redactions)) for entry in index.members] == [("logs.zip", {"known-secret": 1})]
    (gap,) = index.gaps
    assert (gap.reason, "logs.zip: core.bin: left out" in gap.message) == ("Unsanitizable", True)


async def test_a_products_own_warnings_are_a_gap_that_quotes_them_clean(bench: Bench) -> None:
    own = task(collector="packet", path="{file}", folder="zip/")
    async with bench.sink.member("zip/Warning.txt", task=own, limit=10_000) as member:
        await member.write(
            b"2 errors:\n\t* a.log: refused with " + SECRET + b"\n" + b"x" * 490 + b"\n" + SECRET + b"\n"
        )
    (entry,) = bench.index().members
    assert entry.path == "collectors/packet/Warning.txt"
    (gap,) = bench.sink.gaps
    assert (gap.reason, gap.collector) == ("ProductWarnings", "packet")
    assert "stand in collectors/packet/Warning.txt. They begin: 2 errors: * a.log: refused" in gap.message
    assert SECRET[:6].decode() not in gap.message


@pytest.mark.parametrize(("path", "said"), [("zip/warning.txt", b" \n"), ("zip/cli/warning.txt", b"errors")])
async def test_a_file_that_warns_of_nothing_or_elsewhere_is_no_gap(bench: Bench, path: str, said: bytes) -> None:
    async with bench.sink.member(path, task=task(path="{file}", folder="zip/"), limit=100) as member:
        await member.write(said)
    assert bench.sink.gaps == []
