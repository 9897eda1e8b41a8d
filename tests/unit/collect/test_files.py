"""Files: by shell and tar, by cat, by a debugging container; and whatever comes instead of files."""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.collecting import NOW, FakeOutput, FakeSink, container, plan, pod, run
from support.filing import ERR, FOLDER, IMAGES, OUT, CommandNotFound, Piece, Scripted, output, spec, tar, target, task
from supportbundle.collect.base import Channel
from supportbundle.collect.ephemeral import Time
from supportbundle.collect.files import COLLECTOR, FilesCollector
from supportbundle.errors import Unavailable
from supportbundle.model.capability import Capability
from supportbundle.model.plan import DebugImages
from supportbundle.model.spec import CollectorSpec


class TestPlanning:
    """Which containers, which paths."""

    def test_one_task_for_each_container(self) -> None:
        tasks, gaps = plan(COLLECTOR, spec(), target(), pod("b", container(waiting="ImagePullBackOff")))
        assert [(t.target, t.claims, t.secrets, t.node) for t in tasks] == [("web-0/app", (FOLDER,), ("db",), "n1")]
        assert [(g.target, g.reason) for g in gaps] == [("b/app", "ContainerNotStarted")]

    def test_paths_upwards_are_refused_and_cost_no_others(self) -> None:
        (planned,), gaps = plan(COLLECTOR, spec("/etc/../root", "/etc/a", "/etc/a"), target())
        assert planned.params["paths"] == ["/etc/a"]
        assert [g.reason for g in gaps] == ["Invalid"]

    def test_options_are_required(self) -> None:
        assert [g.reason for g in plan(COLLECTOR, {"type": "Files"}, target())[1]] == ["Invalid"]

    def test_from_outside_a_shared_process_namespace_hides_the_containers_root(self) -> None:
        shared = pod("web-0", container(running=True), share_process_namespace=True)
        tasks, gaps = plan(COLLECTOR, spec(ephemeral=True), shared)
        assert ([(g.target, g.reason) for g in gaps], tasks) == ([("web-0/app", "NotAllowed")], [])
        assert "`ephemeral: false`" in gaps[0].message
        assert plan(COLLECTOR, spec(), shared)[1] == []

    def test_debugging_containers_need_a_capability(self) -> None:
        specs = [CollectorSpec.model_validate({"name": "c", **spec(ephemeral=e)}) for e in (False, True)]
        assert [COLLECTOR.requires(s) for s in specs] == [{Capability.EXEC}, {Capability.EXEC, Capability.DEBUG}]


class TestTar:
    """The container has a shell and tar."""

    async def read(self, sink: FakeSink, *pieces: Piece, code: int = 0, **options: Any) -> None:
        await run(COLLECTOR, task("/a", "/b*", **options), Scripted(programs={"tar": output(*pieces, code=code)}), sink)

    async def test_files_are_written_as_they_come(self, sink: FakeSink) -> None:
        stream = tar(("etc/a", b"A" * 700), ("etc/b", b""))
        await self.read(sink, *((OUT, stream[at : at + 100]) for at in range(0, len(stream), 100)))
        assert {path: member.data for path, member in sink.files.items()} == {
            f"{FOLDER}etc/a": b"A" * 700,
            f"{FOLDER}etc/b": b"",
        }
        assert not sink.gaps

    async def test_no_name_leaves_the_folder(self, sink: FakeSink) -> None:
        await self.read(sink, (OUT, tar(("../../manifest.json", b"x"), ("/abs\x1b[2J", b"y"))))
        assert set(sink.files) == {f"{FOLDER}.%2E/.%2E/manifest.json", f"{FOLDER}abs%1B%5B2J"}
        assert sink.files[f"{FOLDER}abs%1B%5B2J"].notes == {"name": "abs\\x1b[2J"}

    async def test_a_file_over_the_limit_is_cut_and_the_next_is_whole(self, sink: FakeSink) -> None:
        stream = tar(("big", b"x" * 9000), ("small", b"y"))
        await self.read(sink, *((OUT, stream[at : at + 700]) for at in range(0, len(stream), 700)), maxBytes="1Ki")
        assert {path: len(member.data) for path, member in sink.files.items()} == {
            f"{FOLDER}big": 1024,
            f"{FOLDER}small": 1,
        }

    async def test_the_bundles_own_limit_ends_it(self, sink: FakeSink) -> None:
        sink.budget = 10
        await self.read(sink, (OUT, tar(("a", b"x" * 600), ("b", b"y"))), (OUT, b""), Unavailable("must not be read"))
        assert list(sink.files) == [f"{FOLDER}a"]
        assert not sink.gaps

    async def test_more_files_than_allowed(self, sink: FakeSink) -> None:
        files = [(f"f{index}", b"x") for index in range(5)]
        await self.read(sink, (OUT, tar(*files)), Unavailable("must not be read"), maxFiles=3)
        assert len(sink.files) == 3
        assert sink.reasons == [("web-0/app", "TooManyFiles")]

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
    async def test_only_plain_files_are_kept(self, kind: bytes, sink: FakeSink) -> None:
        await self.read(sink, (OUT, tar(("x\x1b", b""), kind=kind)))
        assert not sink.files
        assert sink.reasons == [("web-0/app", "NotAFile")]
        assert "x\\x1b" in sink.gaps[0].message

    async def test_the_same_file_twice_is_one(self, sink: FakeSink) -> None:
        await self.read(sink, (OUT, tar(("a", b"1"), ("./a", b"2"))))
        assert sink.files[f"{FOLDER}a"].data == b"1"
        assert not sink.gaps

    @pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a")])
    async def test_a_name_that_is_file_and_folder(self, names: tuple[str, str], sink: FakeSink) -> None:
        await self.read(sink, (OUT, tar(*((name, b"1") for name in names))))
        assert list(sink.files) == [FOLDER + names[0]]
        assert sink.reasons == [("web-0/app", "NotAFile")]

    @pytest.mark.parametrize(("last", "reason"), [(Unavailable("reset"), "Unavailable"), ((OUT, b""), "Corrupt")])
    async def test_a_stream_that_breaks_off_keeps_whole_files(self, last: Piece, reason: str, sink: FakeSink) -> None:
        stream = tar(("a", b"1"), ("b", b"x" * 600))[: 1024 + 512 + 300]
        await self.read(sink, (OUT, stream), last)
        assert list(sink.files) == [f"{FOLDER}a"]
        assert sink.reasons == [("web-0/app", reason)]

    async def test_something_else_than_a_stream(self, sink: FakeSink) -> None:
        await self.read(sink, (OUT, b"welcome to bash\n" * 100))
        assert sink.reasons == [("web-0/app", "Corrupt")]
        assert not sink.files

    async def test_patterns_that_match_nothing_are_named(self, sink: FakeSink) -> None:
        said = b"supportbundle: nothing matches pattern 1\ntar: Removing leading `/' from member names\n"
        await self.read(sink, (ERR, said), (OUT, tar(("a", b"1"))))
        assert list(sink.files) == [f"{FOLDER}a"]
        assert sink.reasons == [("web-0/app", "FileNotFound")]
        assert "/b*" in sink.gaps[0].message

    @pytest.mark.parametrize(
        ("said", "reasons"),
        [
            (b"tar: /b: Cannot open: Permission denied\n", ["PermissionDenied"]),
            (b"tar: /b: I/O error\n", ["NonZeroExit"]),
            (b"tar: /b: file changed as we read it\n", []),
        ],
    )
    async def test_troubles_of_tar_cost_no_files(self, said: bytes, reasons: list[str], sink: FakeSink) -> None:
        await self.read(sink, (OUT, tar(("a", b"1"))), (ERR, said), code=2)
        assert list(sink.files) == [f"{FOLDER}a"]
        assert [reason for _, reason in sink.reasons] == reasons

    async def test_one_that_hangs(self, sink: FakeSink) -> None:
        class Hanging(FakeOutput):
            async def __aiter__(self) -> AsyncIterator[tuple[Channel, bytes]]:
                yield OUT, tar(("a", b"1"), ("b", b"x" * 600))[:1900]
                await asyncio.Event().wait()

        await run(COLLECTOR, task(timeout="1s"), Scripted(programs={"tar": Hanging()}), sink)
        assert list(sink.files) == [f"{FOLDER}a"]
        assert sink.reasons == [("web-0/app", "Timeout")]


class TestCat:
    """The container has no tar, or not even a shell."""

    async def test_a_shell_without_tar_lists(self, sink: FakeSink) -> None:
        missing = (ERR, b"supportbundle: nothing matches pattern 2\n")
        programs = {
            "tar": output(missing, code=43),
            "list": output(missing, (OUT, b"/a\0/b 1"), (OUT, b"\0/a\0"), (ERR, b"/d: only tar could read it\n")),
            "cat /a": output((OUT, b"A"), (OUT, b"A")),
            "cat /b 1": output(),
        }
        cluster = Scripted(programs=programs)  # type: ignore[arg-type]
        await run(COLLECTOR, task("/a", "/b*", "/none"), cluster, sink)
        assert {path: member.data for path, member in sink.files.items()} == {
            f"{FOLDER}a": b"AA",
            f"{FOLDER}b 1": b"",
        }
        assert [reason for _, reason in sink.reasons] == ["FileNotFound", "NotAFile"]

    async def test_without_a_shell_only_literal_paths(self, sink: FakeSink) -> None:
        programs = {
            "cat /a": output((OUT, b"A")),
            "cat /b": output((ERR, b"cat: /b: No such file or directory\n"), code=1),
            "cat /c": output((OUT, b"half"), (ERR, b"cat: /c: Permission denied\n"), code=1),
            "cat /d": output((ERR, b"cat: /d: Is a directory\n"), code=1),
            "cat /e": output((OUT, b"x" * 2000), Unavailable("must not be read")),
        }
        planned = task("/a", "/b", "/c", "/d", "/e", "/f*", maxBytes="1Ki")
        await run(COLLECTOR, planned, Scripted(programs=programs), sink)  # type: ignore[arg-type]
        assert {path: len(member.data) for path, member in sink.files.items()} == {f"{FOLDER}a": 1, f"{FOLDER}e": 1024}
        assert [reason for _, reason in sink.reasons] == [
            "GlobNeedsShell",
            "FileNotFound",
            "PermissionDenied",
            "NonZeroExit",
        ]

    async def test_without_anything(self, sink: FakeSink) -> None:
        await run(COLLECTOR, task("/a", "/b"), Scripted(), sink)
        assert sink.reasons == [("web-0/app", "CommandNotFound")]
        assert "ephemeral: true" in sink.gaps[0].message


class TestFromOutside:
    """A debugging container with our own image."""

    async def read(self, sink: FakeSink, *pieces: Piece, code: int = 0, images: DebugImages = IMAGES) -> Scripted:
        cluster = Scripted(programs={"supportbundle": output(*pieces, code=code)})
        collector = FilesCollector(Time(clock=lambda: NOW))
        await run(collector, task("/etc/a*", ephemeral=True), cluster, sink, debug=images)
        return cluster

    async def test_our_program_reads_below_the_targets_root(self, sink: FakeSink) -> None:
        cluster = await self.read(sink, (OUT, tar(("etc/a", b"1"))))
        assert list(sink.files) == [f"{FOLDER}etc/a"]
        (command,) = cluster.commands
        assert command.container == cluster.ephemeral[0][1]["name"]
        assert cluster.ephemeral[0][1]["image"] == "sb:1"
        assert command.command == (
            *("supportbundle", "files", "--root", "/proc/1/root", "--max-bytes", "10485760"),
            *("--max-files", "200", "--", "/etc/a*"),
        )

    REFUSED = (
        b"supportbundle: /proc/1/root: Permission denied\n"
        b"supportbundle: the files are of a process of user 0 and group 0\n"
    )

    async def test_a_root_that_may_not_be_read_is_explained(self, sink: FakeSink) -> None:
        cluster = await self.read(sink, (ERR, self.REFUSED), code=1)
        assert sink.reasons == [("web-0/app", "PermissionDenied")]
        assert "runs as user 0" in sink.gaps[0].message
        assert len(cluster.ephemeral) == 1

    async def test_a_user_that_nobody_told_is_found_out(self, sink: FakeSink) -> None:
        cluster = Scripted(programs={"supportbundle": output((ERR, self.REFUSED), code=1)})
        (planned,), _ = plan(COLLECTOR, spec("/etc/a", ephemeral=True), pod("web-0", container(running=True)))
        await run(FilesCollector(Time(clock=lambda: NOW)), planned, cluster, sink, debug=IMAGES)
        security = [added["securityContext"].get("runAsUser") for _, added in cluster.ephemeral]
        assert security == [None, 0]
        assert sink.reasons == [("web-0/app", "PermissionDenied")]

    async def test_an_image_without_our_program(self, sink: FakeSink) -> None:
        await self.read(sink, CommandNotFound("no"))
        assert sink.reasons == [("web-0/app", "CommandNotFound")]
        assert "debugging image" in sink.gaps[0].message

    async def test_without_an_image(self, sink: FakeSink) -> None:
        await self.read(sink, images=DebugImages())
        assert sink.reasons == [("web-0/app", "NotAllowed")]
