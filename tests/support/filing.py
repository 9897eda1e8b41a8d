"""Containers whose files are read, by programs that are prepared or by a debugging container."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from support.collecting import NOW, FakeCluster, FakeOutput, container, plan, pod
from supportbundle.collect.base import Channel, PodCommand
from supportbundle.collect.files import COLLECTOR
from supportbundle.errors import NotFound, SupportBundleError
from supportbundle.model.plan import DebugImages, Task

OUT, ERR = Channel.STDOUT, Channel.STDERR
FOLDER = "pods/web-0/files/app/"
IMAGES = DebugImages(files="sb:1", tools="tools:1")
Piece = tuple[Channel, bytes] | SupportBundleError


class CommandNotFound(NotFound):
    """As the client raises it."""

    reason = "CommandNotFound"


def spec(*paths: str, **options: Any) -> dict[str, Any]:
    return {"type": "Files", "files": {"paths": paths or ("/etc/app.yaml",), **options}}


def target() -> Any:
    return pod("web-0", container(running=True, user=1000))


def task(*paths: str, **options: Any) -> Task:
    (planned,), gaps = plan(COLLECTOR, spec(*paths, **options), target())
    assert not gaps
    return planned


@dataclass
class Scripted(FakeCluster):
    """Answers by what kind of program is run: `tar`, `list`, `cat <path>`, `supportbundle`."""

    programs: dict[str, FakeOutput | SupportBundleError] = field(default_factory=dict)

    @asynccontextmanager
    async def execute(self, command: PodCommand) -> AsyncIterator[FakeOutput]:
        argv = command.command
        kind = argv[4] if argv[0] == "sh" else argv[0] if argv[0] == "supportbundle" else " ".join(argv)
        self.outputs = {argv: [self.programs.get(kind, FakeOutput([CommandNotFound(f"no {argv[0]}")]))]}
        async with super().execute(command) as output:
            yield output

    async def get(self, path: str, params: Any = None) -> dict[str, Any]:
        """The pod, whose debugging containers all run."""
        assert (path, params) == ("/api/v1/namespaces/apps/pods/web-0", None)
        names = [spec["name"] for _, spec in self.ephemeral]
        state = {"running": {"startedAt": NOW.isoformat()}}
        return {
            "spec": {"ephemeralContainers": [{"name": name} for name in names]},
            "status": {"ephemeralContainerStatuses": [{"name": name, "state": state} for name in names]},
        }


def output(*pieces: Piece, code: int = 0) -> FakeOutput:
    return FakeOutput(list(pieces), code)


def tar(*files: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(data), kind
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()
