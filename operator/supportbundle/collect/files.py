"""Files inside containers, by path or glob: through the container's own programs, or from a debugging container.

Whatever way, what comes back was written by a program that we do not control. Its names become ours, its lengths are
only claims, and what is no plain file is left out and said.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from typing import ClassVar

from supportbundle.collect.archives import Folder, Unpacking
from supportbundle.collect.base import Channel, Collector, Member, Output, PodCommand, RunContext
from supportbundle.collect.commands import NEEDS, NonZeroExit, Tail, containers, explained, not_there, running, shown
from supportbundle.collect.containerpaths import archive_path
from supportbundle.collect.ephemeral import START_SECONDS, DebugProgram, DebugTarget, Time, debugging_container
from supportbundle.collect.fileprograms import NO_TAR, ProgramSaid, program, script
from supportbundle.errors import Corrupt, Forbidden, NotFound, SupportBundleError
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import FilesOptions
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import ContainerFacts, PodFacts, secret_names
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

USUAL_FILE = 16 << 10
_SETUP_SECONDS = 15
_LIST_BYTES = 256 << 10
"""Of the list of files in a container that has a shell but no `tar`."""

_GLOB = re.compile(r"[*?\[]")
_VIRTUAL = re.compile(r"/(?:proc|sys)/")
"""Their files lie about their lengths, and `tar` believes them; `cat` does not ask."""


class PermissionDenied(Forbidden):
    """The program may not read it; not ours to repeat."""

    reason = "PermissionDenied"


class OtherUser(PermissionDenied):
    """A debugging container may not look into a process of another user."""

    def __init__(self, user: int, group: int, said: bytes) -> None:
        super().__init__(
            f"{shown(said)}.",
            f"The target runs as user {user} and group {group}. A debugging container must be of the same and hold as "
            "many capabilities; set `runAsUser` and `runAsGroup` in the pod, or drop its capabilities.",
        )
        self.user = user
        self.group = group


class FileMissing(NotFound):
    """No such file."""

    reason = "FileNotFound"


class FilesParams(Value):
    """What to read in one container, and the folder of the bundle that it goes to."""

    options: FilesOptions
    target: DebugTarget
    paths: tuple[str, ...]
    folder: str


class FilesCollector:
    """`pods/<pod>/files/<container>/<path>`, one task for each container."""

    type: ClassVar[CollectorType] = CollectorType.FILES
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]] = NEEDS
    outputs: ClassVar[tuple[Output, ...]] = (
        Output(
            "pods/<pod>/files/<container>/<path>",
            "A file of the container. Characters of its path that are not plain are escaped as `%XX`.",
            "maxBytes, maxFiles",
        ),
    )

    def __init__(self, time: Time | None = None) -> None:
        self._time = time or Time()

    def requires(self, spec: CollectorSpec) -> frozenset[Capability]:
        """Debug besides, where a debugging container is wanted."""
        debug = {Capability.DEBUG} if spec.files and spec.files.ephemeral else set()
        return frozenset({Capability.EXEC, *debug})

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """One task for each container that runs, a gap for each other one and for each path that is refused."""
        if spec.files is None:
            yield Gap.say("Invalid", "A Files collector needs `files.paths`.", collector=spec.name)
            return
        refused = [path for path in spec.files.paths if ".." in path.split("/")]
        for path in refused:
            message = f"{path} holds `..`. Write the path that is meant."
            yield Gap.say("Invalid", message, collector=spec.name)
        paths = tuple(dict.fromkeys(path for path in spec.files.paths if path not in refused))
        if paths:
            for place in containers(context.pods, spec.files.pods, spec.files.container, spec.name):
                if isinstance(place, Gap):
                    yield place
                elif spec.files.ephemeral and place[0].share_process_namespace:
                    yield _not_its_root(spec.name, *place)
                else:
                    yield _task(spec.name, spec.files, paths, *place)

    async def run(self, task: Task, context: RunContext) -> None:
        """Read by the first way that the container offers. What cannot be read costs only itself."""
        params = FilesParams.model_validate(task.params)
        try:
            if params.options.ephemeral:
                await self._from_outside(task, params, context, params.target)
            else:
                await _Reading(task, params, context, params.target.container).from_inside()
        except SupportBundleError as error:
            program = "supportbundle" if params.options.ephemeral else "cat"
            context.sink.gap(explained(error, task, program, ephemeral=params.options.ephemeral))

    async def _from_outside(self, task: Task, params: FilesParams, context: RunContext, target: DebugTarget) -> None:
        """Once more as the target's user, where only the first try could find out who that is."""
        seconds = params.options.timeout.total_seconds() + _SETUP_SECONDS
        ours = DebugProgram.files(context.debug)
        name = await debugging_container(target, task.id, context, ours, seconds=seconds, time=self._time)
        try:
            await _Reading(task, params, context, name).from_outside()
        except OtherUser as error:
            if target.user is not None:
                raise
            known = target.model_copy(update={"user": error.user, "group": error.group})
            await self._from_outside(task, params, context, known)


class _Reading:
    """The files of one task, through one container. `taken` are the files that it has by now."""

    def __init__(self, task: Task, params: FilesParams, context: RunContext, container: str) -> None:
        self._task = task
        self._params = params
        self._context = context
        self._container = container
        self._missing: set[str] = set()
        self._taken: set[str] = set()
        self._deadline = asyncio.get_running_loop().time() + params.options.timeout.total_seconds()

    async def from_outside(self) -> None:
        """From a debugging container, whose image holds our own program."""
        options, paths = self._params.options, self._params.paths
        await self._stream(program(paths, max_bytes=options.max_bytes, max_files=options.max_files), paths)

    async def from_inside(self) -> None:
        """With the container's shell and `tar`; else with its shell and `cat`; else with `cat` alone."""
        virtual = tuple(path for path in self._params.paths if _VIRTUAL.match(path))
        real = tuple(path for path in self._params.paths if path not in virtual)
        failed: SupportBundleError | None = None
        try:
            if real and not await self._stream(script("tar", real), real):
                virtual = self._params.paths
        except SupportBundleError as error:
            if not_there(error):
                await self._each(self._literals())
                return
            failed = error
        await self._listed(virtual)
        if failed:
            raise failed

    async def _listed(self, paths: tuple[str, ...]) -> None:
        try:
            if paths:
                await self._each(await self._list(paths))
        except SupportBundleError as error:
            if not not_there(error):
                raise
            await self._each(self._literals())

    async def _stream(self, argv: tuple[str, ...], paths: tuple[str, ...]) -> bool:
        """One tar stream into the bundle; False if the container has no `tar`. `paths` are those that it is asked for.

        Raises:
            SupportBundleError: it broke off; files that were whole by then are kept.
        """
        options, said = self._params.options, ProgramSaid()
        mirrors = any("/.." in path for path in paths)
        folder = Folder(self._params.folder, options.max_bytes, options.max_files, self._taken, mirrors)
        code = 0
        async with Unpacking(folder, self._task, self._context) as unpacking:
            try:
                async with running(self._context, self._command(argv), self._left()) as program:
                    async for channel, data in program:
                        if channel == Channel.STDERR:
                            said.add(data)
                        elif not await unpacking.feed(data):
                            break
                    if not unpacking.full:
                        code = program.exit_code
            finally:
                unpacking.report()
                self._say_missing(said.missing, paths)
            if code == NO_TAR and not unpacking.started:
                return False
            if code and (trouble := said.trouble):
                raise self._failed(code, trouble) if said.owner is None else OtherUser(*said.owner, trouble)
            if unpacking.started and not unpacking.full:
                unpacking.close()
            elif not code and not unpacking.started and len(said.missing) < len(paths):
                raise Corrupt("The container's tar ended well and sent nothing.", "Set `ephemeral: true`.")
        return True

    async def _list(self, paths: tuple[str, ...]) -> list[str]:
        """What the patterns match, where a shell can tell but `tar` cannot read it."""
        listed, said = bytearray(), ProgramSaid()
        async with running(self._context, self._command(script("list", paths)), self._left()) as program:
            async for channel, data in program:
                if channel == Channel.STDERR:
                    said.add(data)
                else:
                    listed += data[: _LIST_BYTES - len(listed)]
        self._say_missing(said.missing, paths)
        if said.trouble:
            self._gap("NotAFile", f"Only plain files can be read where there is no `tar`: {shown(said.trouble)}")
        names = [name.decode("utf-8", "replace") for name in bytes(listed).split(b"\0")[:-1]]
        return [name for name in dict.fromkeys(names) if name.startswith("/")]

    def _literals(self) -> list[str]:
        for path in self._params.paths:
            if _GLOB.search(path):
                message = f"{path}: the container has no shell to expand it. Name the file, or set `ephemeral: true`."
                self._gap("GlobNeedsShell", message)
        return [path for path in self._params.paths if not _GLOB.search(path)]

    async def _each(self, paths: list[str]) -> None:
        """One `cat` for each path."""
        most = self._params.options.max_files
        for path in paths:
            if len(self._taken) >= most:
                self._gap("TooManyFiles", f"There are more than maxFiles ({most}) files. Raise it, or name fewer.")
                return
            try:
                await self._cat(path)
            except (FileMissing, PermissionDenied, NonZeroExit) as error:
                self._gap(error.reason, f"{path}: {error}")

    async def _cat(self, path: str) -> None:
        said, member = Tail(), None
        if archive_path(path.encode("utf-8", "replace")) in self._taken:
            return
        async with (
            AsyncExitStack() as files,
            running(self._context, self._command(("cat", path)), self._left()) as program,
        ):
            async for channel, data in program:
                if channel == Channel.STDERR:
                    said.add(data)
                    continue
                member = member or await self._open(path, files)
                if not await member.write(data):
                    return
            if code := program.exit_code:
                raise self._failed(code, said.data)
            if member is None:
                await self._open(path, files)

    async def _open(self, path: str, files: AsyncExitStack) -> Member:
        name = archive_path(path.encode("utf-8", "replace"))
        self._taken.add(name)
        opening = self._context.sink.member(
            self._params.folder + name, task=self._task, limit=self._params.options.max_bytes
        )
        return await files.enter_async_context(opening)

    def _failed(self, code: int, said: bytes) -> SupportBundleError:
        if b"o such file" in said and b"ermission denied" not in said:
            return FileMissing(f"{shown(said)}.", "Check the path: kubectl exec … -- ls.")
        if b"ermission denied" not in said:
            return NonZeroExit(code, said)
        return PermissionDenied(f"{shown(said)}.", "The container's user may not read it.")

    def _say_missing(self, indexes: frozenset[int], paths: tuple[str, ...]) -> None:
        for path in (paths[index] for index in sorted(indexes) if index < len(paths)):
            if path not in self._missing:
                self._gap("FileNotFound", f"Nothing matches {path}, or the container's user may not see it.")
            self._missing.add(path)

    def _command(self, argv: tuple[str, ...]) -> PodCommand:
        return PodCommand(self._context.namespace, self._params.target.pod, self._container, argv)

    def _left(self) -> float:
        return self._deadline - asyncio.get_running_loop().time()

    def _gap(self, reason: str, message: str) -> None:
        self._context.sink.gap(Gap.say(reason, message, target=self._task.target, collector=self._task.collector))


def _not_its_root(collector: str, pod: PodFacts, container: ContainerFacts) -> Gap:
    message = (
        "The pod shares one process namespace (`shareProcessNamespace`, `hostPID`), where a debugging container cannot "
        "tell which process's files are meant. `ephemeral: false` works if the container's image has `tar` or `cat`."
    )
    return Gap.say("NotAllowed", message, target=f"{pod.name}/{container.name}", collector=collector)


def _task(
    collector: str, options: FilesOptions, paths: tuple[str, ...], pod: PodFacts, container: ContainerFacts
) -> Task:
    folder = f"pods/{pod.name}/files/{container.name}/"
    target = DebugTarget.of(pod, container)
    start = 2 * START_SECONDS if options.ephemeral else 0
    return Task(
        id=f"{collector}/{pod.name}",
        collector=collector,
        type=CollectorType.FILES,
        target=f"{pod.name}/{container.name}",
        params=dump(FilesParams(options=options, target=target, paths=paths, folder=folder)),
        secrets=secret_names(pod),
        claims=(folder,),
        folder=folder,
        node=pod.node,
        timeout_seconds=_SETUP_SECONDS + start + int(options.timeout.total_seconds()),
        estimate=min(options.max_bytes, USUAL_FILE) * len(paths),
    )


COLLECTOR: Collector = FilesCollector()
