"""API collectors: steps that are skipped or stand in for others, and answers that are a product's own zip."""

from __future__ import annotations

from typing import Any, ClassVar
from zipfile import ZIP_STORED

import pytest

from support.collecting import FakeSink
from support.packing import zipped
from support.stepping import HERE, URL, Steps, asked, collected, refusing, serving, task, told
from supportbundle.errors import Unavailable

CHAIN: Steps = [
    asked("a"),
    asked("b", output="a.json", fallbackFor="a"),
    asked("c", output="a.json", fallbackFor="b", missing="Null"),
]


class TestConditions:
    """Steps that are skipped, and steps that stand in for others."""

    @pytest.mark.parametrize(("value", "wanted"), [(True, True), (0, True), (False, False), ("", False), (None, False)])
    async def test_when_decides(self, value: object, wanted: bool, sink: FakeSink) -> None:  # noqa: FBT001 - a row
        steps = [asked("x"), asked("y", when="x.on", missing="Empty")]
        found = await collected(serving(x={"on": value}, y={"n": 1}), sink, *steps)
        assert found["y.json"] == (b'{"n": 1}' if wanted else b"")
        assert not sink.gaps

    @pytest.mark.parametrize(
        ("statuses", "sent", "content", "gaps"),
        [
            ({}, "a", b'"a"', []),
            ({"a": 404}, "ab", b'"b"', []),
            ({"a": 404, "b": 500}, "abc", b'"c"', []),
            ({"a": 404, "b": 500, "c": 403}, "abc", b"null\n", ["HTTP404", "HTTP500", "HTTP403"]),
        ],
    )
    async def test_fallbacks_run_until_one_works(
        self, statuses: dict[str, int], sent: str, content: bytes, gaps: list[str], sink: FakeSink
    ) -> None:
        cluster = refusing(serving(a="a", b="b", c="c"), **statuses)
        assert await collected(cluster, sink, *CHAIN) == {"a.json": content}
        assert [request.url for request in cluster.sent] == [f"{URL}/{name}" for name in sent]
        assert [gap.reason for gap in sink.gaps] == gaps

    async def test_a_file_tells_what_it_stands_in_for(self, sink: FakeSink) -> None:
        cluster = refusing(serving(a="a", b="b", c="c"), a=404, b=500)
        await collected(cluster, sink, *CHAIN)
        assert sink.files[f"{HERE}a.json"].notes["fallbackFor"] == "a: HTTP404; b: HTTP500"

    async def test_half_an_answer_gives_way_to_a_fallback(self, sink: FakeSink) -> None:
        cluster = serving(a=[b"half", Unavailable("reset")], b="b")
        assert await collected(cluster, sink, *CHAIN) == {"a.json": b'"b"'}

    async def test_so_does_what_is_no_json(self, sink: FakeSink) -> None:
        steps = [*CHAIN, {"name": "d", "value": "a || b", "output": "d.json"}]
        cluster = serving(a=b"<html>", b="b")
        assert await collected(cluster, sink, *steps) == {"a.json": b'"b"', "d.json": b'"b"\n'}
        assert not sink.gaps

    async def test_a_fallback_stands_in_for_a_step_that_is_skipped(self, sink: FakeSink) -> None:
        steps = [asked("x"), asked("y", when="x.new"), asked("z", fallbackFor="y")]
        assert await collected(serving(x={}, z={}), sink, *steps) == {"x.json": b"{}", "z.json": b"{}"}
        assert not sink.gaps

    async def test_a_fallback_that_is_skipped_stands_in_for_nothing(self, sink: FakeSink) -> None:
        steps = [asked("x"), asked("y"), asked("z", fallbackFor="y", when="x.old")]
        await collected(refusing(serving(x={}, y=b""), y=500), sink, *steps)
        assert told(sink) == [("HTTP500", "y (y.json)")]

    async def test_who_needs_a_fallback_that_was_not_needed_says_so(self, sink: FakeSink) -> None:
        steps = [asked("a"), asked("b", fallbackFor="a"), asked("c", path="/{b.id}")]
        await collected(serving(a={}), sink, *steps)
        assert "It needs step b, which was not needed." in sink.gaps[0].message


class TestUnwrapping:
    """An answer that is a product's own zip."""

    PACKET: ClassVar[dict[str, Any]] = {"name": "packet", "path": "/packet", "unwrap": True}
    ZIP = zipped({"config.json": b"{}", "node/a.log": b"x"})

    def test_the_folder_of_its_files_is_claimed_and_all_of_its_bytes_are_reckoned_with(self) -> None:
        planned = task(asked("x"), self.PACKET, maxBytes="1Mi")
        assert planned.claims == (f"{HERE}x.json", HERE)
        assert planned.estimate > 1 << 20
        assert task(self.PACKET | {"output": "own"}).claims == (f"{HERE}own/",)

    @pytest.mark.parametrize(("output", "folder"), [({}, ""), ({"output": "own"}, "own/")])
    async def test_its_members_are_files_of_the_step(self, output: dict[str, str], folder: str, sink: FakeSink) -> None:
        found = await collected(serving(packet=self.ZIP, x=1), sink, self.PACKET | output, asked("x"))
        assert found == {f"{folder}config.json": b"{}", f"{folder}node/a.log": b"x", "x.json": b"1"}
        notes = sink.files[f"{HERE}{folder}config.json"].notes
        assert (notes["step"], notes["status"]) == ("packet", 200)
        assert not sink.gaps

    @pytest.mark.parametrize(
        ("body", "status", "reason"),
        [(b"no licence", 403, "HTTP403"), (b"<html>", 200, "NotAZip"), (zipped({"folder/": b""}), 200, "NotAZip")],
    )
    async def test_without_a_zip_another_step_stands_in_and_the_file_tells_it(
        self, body: bytes, status: int, reason: str, sink: FakeSink
    ) -> None:
        cluster = refusing(serving(packet=body, x=1), packet=status)
        assert await collected(cluster, sink, self.PACKET, asked("x", fallbackFor="packet")) == {"x.json": b"1"}
        assert sink.files[f"{HERE}x.json"].notes["fallbackFor"] == f"packet: {reason}"
        assert not sink.gaps

    async def test_and_with_one_it_is_not_asked(self, sink: FakeSink) -> None:
        found = await collected(serving(packet=self.ZIP), sink, self.PACKET, asked("x", fallbackFor="packet"))
        assert set(found) == {"config.json", "node/a.log"}

    async def test_a_damaged_member_is_told_with_the_name_of_the_step(self, sink: FakeSink) -> None:
        damaged = zipped({"a.txt": b"aaaa", "b.txt": b"bbbb"}, method=ZIP_STORED).replace(b"aaaa", b"aaab")
        assert await collected(serving(packet=damaged), sink, self.PACKET) == {"b.txt": b"bbbb"}
        assert told(sink) == [("NotAZip", "packet")]

    async def test_a_zip_over_the_limit_is_none(self, sink: FakeSink) -> None:
        assert await collected(serving(packet=bytes(2 << 10)), sink, self.PACKET, maxBytes="1Ki") == {}
        assert told(sink) == [("TooLarge", "packet")]
