"""The sink: only clean, complete members reach the fragment; everything else is a gap."""

from __future__ import annotations

import pytest

from support.build import task
from support.sink import SECRET, Bench
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


async def test_what_cannot_be_sanitized_is_left_out_and_listed(bench: Bench) -> None:
    async with bench.sink.member("core.bin", task=task(), limit=1000) as member:
        await member.write(b"\x00\x01binary " + SECRET + b"\x00")
    index = bench.index()
    assert index.members == ()
    assert [gap.reason for gap in index.gaps] == ["Unsanitizable"]


async def test_a_gap_that_quotes_a_secret_is_sanitized(bench: Bench) -> None:
    bench.sink.gap(Gap.say("Timeout", f"the server said password={SECRET.decode()}", target="a", collector="c"))
    assert SECRET.decode() not in bench.index().gaps[0].message
