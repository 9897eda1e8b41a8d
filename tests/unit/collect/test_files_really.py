"""Files, read by real programs: our own, and a real shell with a script of ours."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.collecting import NOW, FakeCluster, FakeOutput, FakeSink, run
from support.filing import ERR, FOLDER, IMAGES, OUT, Scripted, output, task
from supportbundle.collect.base import PodCommand
from supportbundle.collect.ephemeral import Time
from supportbundle.collect.files import COLLECTOR, FilesCollector
from supportbundle.inside.files import Limits, write_files


class Outside(Scripted):
    """A debugging container: our program really runs, on the files below `root`."""

    root = ""

    @asynccontextmanager
    async def execute(self, command: PodCommand) -> AsyncIterator[FakeOutput]:
        _, _, _, _, _, most_bytes, _, most_files, _, *paths = command.command
        limits = Limits(max_bytes=int(most_bytes), max_files=int(most_files))
        out, err = io.BytesIO(), io.StringIO()
        code = write_files(self.root, paths, limits, out=out, err=err)
        yield FakeOutput([(OUT, out.getvalue()), (ERR, err.getvalue().encode())], code)


class TestOurProgram:
    """What it writes and says is understood."""

    async def read(self, sink: FakeSink, root: Path, *paths: str, **options: Any) -> list[str]:
        cluster = Outside()
        cluster.root = str(root)
        collector = FilesCollector(Time(clock=lambda: NOW))
        await run(collector, task(*paths, ephemeral=True, **options), cluster, sink, debug=IMAGES)
        return [reason for _, reason in sink.reasons]

    async def test_files(self, tree: Path, sink: FakeSink) -> None:
        assert await self.read(sink, tree, "/*", "/nope") == ["FileNotFound"]
        assert sink.files[f"{FOLDER}conf"].data == b"mounted"
        assert sink.files[f"{FOLDER}%24%28touch evil%29%3Bx"].data == b"shell"

    async def test_cuts_are_seen(self, tree: Path, sink: FakeSink) -> None:
        (tree / "long").write_bytes(b"x" * 5000)
        assert await self.read(sink, tree, "/long", "/*", maxBytes="1Ki", maxFiles=2) == ["TooManyFiles"]
        assert len(sink.files[f"{FOLDER}long"].data) == 1024
        assert len(sink.files) == 2

    async def test_a_root_that_may_not_be_entered(self, tree: Path, sink: FakeSink) -> None:
        assert await self.read(sink, tree / "none", "/x") == ["PermissionDenied"]


@dataclass
class Here(FakeCluster):
    """A container that is this machine: programs really run, found below `path`."""

    path: str = "/usr/bin:/bin"

    @asynccontextmanager
    async def execute(self, command: PodCommand) -> AsyncIterator[FakeOutput]:
        program = shutil.which(command.command[0])
        assert program
        process = await asyncio.create_subprocess_exec(
            program,
            *command.command[1:],
            env={"PATH": self.path},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        yield FakeOutput([(ERR, err), (OUT, out)], process.returncode or 0)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files with difficult names, and links as a mounted ConfigMap has them."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "conf").write_text("mounted")
    (tmp_path / "conf").symlink_to("..data/conf")
    (tmp_path / "a b").write_text("space")
    (tmp_path / "$(touch evil);x").write_text("shell")
    (tmp_path / "-rf").write_text("dash")
    (tmp_path / "empty dir").mkdir()
    return tmp_path


class TestTheScript:
    """Run by a real shell."""

    async def read(self, sink: FakeSink, *paths: str, cluster: FakeCluster | None = None) -> dict[str, bytes]:
        await run(COLLECTOR, task(*paths), cluster or Here(), sink)
        return {path.rpartition("/")[2]: member.data for path, member in sink.files.items()}

    async def test_globs_spaces_and_links(self, tree: Path, sink: FakeSink) -> None:
        assert await self.read(sink, f"{tree}/*") == {
            "conf": b"mounted",
            "a b": b"space",
            "%24%28touch evil%29%3Bx": b"shell",
            "-rf": b"dash",
        }
        assert not sink.gaps
        assert not (tree / "evil").exists()

    async def test_a_directory_is_taken_with_all_that_is_in_it(self, tree: Path, sink: FakeSink) -> None:
        found = await self.read(sink, str(tree))
        assert found["conf"] == b"mounted"
        assert len(sink.files) == 4
        assert not sink.gaps

    async def test_what_lies_behind_a_configmap_is_taken_only_by_name(self, tree: Path, sink: FakeSink) -> None:
        assert await self.read(sink, f"{tree}/..data/*") == {"conf": b"mounted"}

    async def test_files_of_the_kernel_are_whole(self, tree: Path, sink: FakeSink) -> None:
        found = await self.read(sink, "/proc/self/stat*", f"{tree}/a b", "/sys/kernel/mm/nope")
        assert found["status"].startswith(b"Name:\tcat")
        assert found["a b"] == b"space"
        assert [reason for _, reason in sink.reasons] == ["FileNotFound"]

    async def test_what_tar_cannot_read_costs_no_file_of_the_kernel(self, sink: FakeSink) -> None:
        programs = {
            "tar": output((ERR, b"tar: /x: I/O error"), code=2),
            "list": output((OUT, b"/proc/1/status\0")),
            "cat /proc/1/status": output((OUT, b"Name: x")),
        }
        cluster = Scripted(programs=programs)  # type: ignore[arg-type]
        assert await self.read(sink, "/x", "/proc/1/status", cluster=cluster) == {"status": b"Name: x"}
        assert [reason for _, reason in sink.reasons] == ["NonZeroExit"]

    async def test_patterns_are_never_commands(self, tree: Path, sink: FakeSink) -> None:
        evil = f"{tree}/$(touch {tree}/evil);`touch {tree}/evil`"
        assert await self.read(sink, evil, f"{tree}/a b", f"{tree}/nope*") == {"a b": b"space"}
        assert [reason for _, reason in sink.reasons] == ["FileNotFound", "FileNotFound"]
        assert not (tree / "evil").exists()

    async def test_without_tar_there_is_cat(self, tree: Path, tmp_path_factory: Any, sink: FakeSink) -> None:
        programs = tmp_path_factory.mktemp("bin")
        (programs / "cat").symlink_to("/bin/cat")
        cluster = Here(path=str(programs))
        found = await self.read(sink, f"{tree}/*", cluster=cluster)
        assert found["a b"] == b"space"
        assert found["conf"] == b"mounted"
        assert [reason for _, reason in sink.reasons] == ["NotAFile"]
        assert "empty dir" in sink.gaps[0].message
