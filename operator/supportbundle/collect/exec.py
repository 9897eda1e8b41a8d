"""A command in the containers of target pods, or a tool that stands for several; both streams are kept as they come."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import ClassVar

from supportbundle.collect.base import Channel, Collector, Member, Output, PodCommand, RunContext
from supportbundle.collect.commands import NEEDS, NonZeroExit, Program, Tail, containers, explained, running, shown
from supportbundle.collect.ephemeral import START_SECONDS, DebugProgram, DebugTarget, Time, debugging_container
from supportbundle.collect.ports import Clock, secret_value
from supportbundle.collect.tools import FLUSH_SECONDS, TOOLS, Step, Tool, filled
from supportbundle.collect.unwrap import unwrap
from supportbundle.errors import Corrupt, NotFound, SupportBundleError, TooLarge
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import ExecOptions
from supportbundle.model.gap import Gap
from supportbundle.model.placing import FILE
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import ContainerFacts, PodFacts, secret_names
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

USUAL_OUTPUT = 64 << 10
_SETUP_SECONDS = 15
_CLEAR_SECONDS = 10
"""What a tool may take to clear up after its time is over."""


class UnexpectedOutput(Corrupt):
    """A tool wrote something else than its kind of file."""

    reason = "UnexpectedOutput"


class ExecParams(Value):
    """One command or tool in one container, and its files: a folder for the members of a zip, none if empty."""

    options: ExecOptions
    target: DebugTarget
    stdout: str
    stderr: str = ""


class ExecCollector:
    """`pods/<pod>/exec/<output>.txt`, or `pods/<pod>/profiles/<tool's file>`; one task for each pod."""

    type: ClassVar[CollectorType] = CollectorType.EXEC
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]] = NEEDS
    outputs: ClassVar[tuple[Output, ...]] = (
        Output("pods/<pod>/exec/<output>.txt", "What the command wrote to standard output.", "maxBytes"),
        Output("pods/<pod>/exec/<output>.stderr.txt", "What it wrote to standard error, if anything.", "maxBytes"),
        Output("pods/<pod>/exec/<output>/<name>", "With `unwrap`: a file of the zip that it wrote.", "maxBytes"),
        Output("pods/<pod>/profiles/<tool>", "The file of a tool: a dump, a histogram, a recording.", "maxBytes"),
    )

    def __init__(
        self,
        clock: Clock = time.monotonic,
        wall: Time | None = None,
        token: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        self._clock = clock
        self._wall = wall or Time()
        self._token = token

    def requires(self, spec: CollectorSpec) -> frozenset[Capability]:
        """Debug besides, where a debugging container is wanted."""
        debug = {Capability.DEBUG} if spec.exec and spec.exec.ephemeral else set()
        return frozenset({Capability.EXEC, *debug})

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """One task for each container that runs, a gap for each other one."""
        options = spec.exec
        if options is None or bool(options.command) == bool(options.tool):
            yield Gap.say(
                "Invalid", "An Exec collector needs either `exec.command` or `exec.tool`.", collector=spec.name
            )
            return
        for place in containers(context.pods, options.pods, options.container, spec.name):
            if isinstance(place, Gap):
                yield place
            elif options.tool and options.process == 1 and place[0].share_process_namespace:
                yield _not_its_process(spec.name, *place)
            else:
                yield _task(spec, options, *place)

    async def run(self, task: Task, context: RunContext) -> None:
        """Run the command or the tool's steps."""
        params = ExecParams.model_validate(task.params)
        options = params.options
        program = options.command[0] if options.tool is None else TOOLS[options.tool].program
        seconds = _seconds(options)
        try:
            container = params.target.container
            if options.ephemeral:
                tools = DebugProgram.tools(context.debug)
                container = await debugging_container(
                    params.target, task.id, context, tools, seconds=seconds + _SETUP_SECONDS, time=self._wall
                )
            place = _Place(task, params, context, container, self._clock)
            if options.unwrap:
                await place.unwrapped(options.command, seconds)
            elif options.tool is None:
                await place.command(options.command, seconds)
            else:
                await self._tool(place, TOOLS[options.tool], seconds)
        except SupportBundleError as error:
            context.sink.gap(explained(error, task, program, ephemeral=options.ephemeral))

    async def _tool(self, place: _Place, tool: Tool, seconds: float) -> None:
        """The steps within their common time; those that clear up run in any case."""
        options, token = place.params.options, self._token()
        deadline = self._clock() + seconds
        steps = tool.wanted(ephemeral=options.ephemeral)
        argv = {
            step: filled(
                step, process=options.process, seconds=options.seconds, token=token, ephemeral=options.ephemeral
            )
            for step in steps
        }
        said = b""
        try:
            for step in steps:
                if step.always:
                    continue
                said = await place.step(step, argv[step], tool, deadline - self._clock(), said)
                if step.waits:
                    await self._wall.pause(options.seconds + FLUSH_SECONDS)
        finally:
            for step in steps:
                if step.always:
                    await place.clear(argv[step], tool)


@dataclass(frozen=True, slots=True)
class _Place:
    """The container of one task, and what running something there means."""

    task: Task
    params: ExecParams
    context: RunContext
    container: str
    clock: Clock

    async def unwrapped(self, argv: tuple[str, ...], seconds: float) -> None:
        """Standard output is a zip, whose members become files.

        Raises:
            NonZeroExit: nothing was kept.
        """
        said = Tail()
        async with running(self.context, self._command(argv), seconds) as program:
            body = _zipped(program, said)
            await unwrap(body, self.params.stdout, self.task, self.context, limit=self.params.options.max_bytes)

    async def command(self, argv: tuple[str, ...], seconds: float) -> None:
        """Both streams into files; the exit code is a note, and a gap if it is not 0.

        Raises:
            NonZeroExit: after the output was kept; for a strict task it is not.
        """
        started = self.clock()
        code: int | None = None  # stays so where a file that may not leave ends the reading
        async with AsyncExitStack() as files:
            streams = _Streams(self.task, self.params, self.context, files)
            stdout = await streams.open(Channel.STDOUT)
            async with running(self.context, self._command(argv), seconds) as program:
                code = program.exit_code if await streams.copy(program) else None
            if code and self.task.strict:
                raise NonZeroExit(code, streams.stderr.data)
            if code is not None:
                stdout.note("exitCode", code)
            stdout.note("milliseconds", round((self.clock() - started) * 1000))
        if code:
            raise NonZeroExit(code, streams.stderr.data, f"Its output is kept in {self.params.stdout}.")

    async def step(self, step: Step, argv: tuple[str, ...], tool: Tool, seconds: float, before: bytes) -> bytes:
        """One step of a tool; returns the end of its output, or of what the step `before` it said if it is the file.

        Raises:
            NonZeroExit: it failed.
            UnexpectedOutput: the file does not begin as this kind does.
        """
        out, err = Tail(), Tail()
        async with AsyncExitStack() as files, running(self.context, self._command(argv), seconds) as program:
            sink = _File(tool, self, files, before) if step.kept else None
            fits = True
            async for channel, data in program:
                (err if channel == Channel.STDERR else out).add(data)
                if sink and channel == Channel.STDOUT:
                    fits = await sink.write(data)
                    if not fits and tool.fixed:
                        raise TooLarge("The tool's file is larger than maxBytes, or than the bundle has room for.")
                    if not fits:
                        break
            if fits and (code := program.exit_code):
                raise NonZeroExit(code, err.data or out.data or before, f"The tool needs {tool.needs}")
            if sink:
                await sink.close(err.data)
        return before if step.kept else out.data

    async def clear(self, argv: tuple[str, ...], tool: Tool) -> None:
        """Remove what a tool left; where that cannot be done, it stays in the target, and that is said.

        An exit code tells nothing: most often there is nothing left to clear up.
        """
        try:
            async with running(self.context, self._command(argv), _CLEAR_SECONDS) as program:
                async for _ in program:
                    pass
        except SupportBundleError as error:
            if isinstance(error, NotFound) and argv[0] == tool.program:
                return  # It never ran, so it left nothing.
            message = f"What the tool left may still be in the container; `{' '.join(argv)}` did not run: {error}"
            self.context.sink.gap(
                Gap.say("LeftBehind", message, target=self.task.target, collector=self.task.collector)
            )

    def _command(self, argv: tuple[str, ...]) -> PodCommand:
        wanted = self.params.options.stdin_from
        stdin = b"" if wanted is None else secret_value(wanted, self.context.secrets).removesuffix(b"\n") + b"\n"
        return PodCommand(self.context.namespace, self.params.target.pod, self.container, argv, stdin=stdin)


class _Streams:
    """The two streams of one program on their way into files, bounded together."""

    def __init__(self, task: Task, params: ExecParams, context: RunContext, files: AsyncExitStack) -> None:
        self._task = task
        self._paths = {Channel.STDOUT: params.stdout, Channel.STDERR: params.stderr}
        self._context = context
        self._files = files
        self._limit = self._room = params.options.max_bytes
        self._members: dict[Channel, Member] = {}
        self.stderr = Tail()

    async def open(self, channel: Channel) -> Member:
        """The file of a stream, made when it is first needed."""
        if channel not in self._members:
            opening = self._context.sink.member(
                self._paths[channel], task=self._task, limit=self._limit, keep_partial=True
            )
            self._members[channel] = await self._files.enter_async_context(opening)
        return self._members[channel]

    async def copy(self, program: Program) -> bool:
        """False if a limit ended the reading."""
        async for channel, data in program:
            if channel == Channel.STDERR:
                self.stderr.add(data)
            if not self._paths[channel]:
                continue
            member = await self.open(channel)
            fits, self._room = data[: self._room], self._room - len(data)
            if fits and not await member.write(fits):
                return False
            if self._room < 0:
                member.note("truncated", value=True)
                message = (
                    f"The command wrote more than maxBytes ({self._limit} bytes, both streams together): the first "
                    "ones were kept. Raise maxBytes."
                )
                gap = Gap.say("TooLarge", message, target=self._task.target, collector=self._task.collector)
                self._context.sink.gap(gap)
                return False
        return True


class _File:
    """A tool's file: opened when it is known to begin as it must, so that an error text never takes its name."""

    def __init__(self, tool: Tool, place: _Place, files: AsyncExitStack, before: bytes) -> None:
        self._tool = tool
        self._place = place
        self._files = files
        self._before = before
        self._head = b""
        self._member: Member | None = None

    async def write(self, data: bytes) -> bool:
        """As `Member.write`."""
        if self._member is None:
            self._head += data
            if len(self._head) < self._tool.least:
                return True
            self._member = await self._open()
            data = self._head
        return await self._member.write(data)

    async def close(self, said: bytes) -> None:
        """The end of the output."""
        if self._member is None:
            raise self._unexpected(said or self._head)

    async def _open(self) -> Member:
        if not self._head.startswith(self._tool.magic or b""):
            raise self._unexpected(self._head)
        place = self._place
        member = place.context.sink.member(
            place.params.stdout,
            task=place.task,
            limit=place.params.options.max_bytes,
            # What has a fixed form must parse as a whole; text is worth having in part.
            keep_partial=not self._tool.fixed,
        )
        return await self._files.enter_async_context(member)

    def _unexpected(self, said: bytes) -> UnexpectedOutput:
        text = shown(said) or shown(self._before) or "nothing"
        return UnexpectedOutput(f"The tool wrote no such file but: {text}.", f"It needs {self._tool.needs}")


def _not_its_process(collector: str, pod: PodFacts, container: ContainerFacts) -> Gap:
    message = (
        "The pod shares one process namespace (`shareProcessNamespace`, `hostPID`), where process 1 is not the "
        "container's. Name the right one in `process`."
    )
    return Gap.say("WrongProcess", message, target=f"{pod.name}/{container.name}", collector=collector)


async def _zipped(program: Program, said: Tail) -> AsyncIterator[bytes]:
    """Standard output, if the program ends well."""
    async for channel, data in program:
        if channel == Channel.STDOUT:
            yield data
        else:
            said.add(data)
    if code := program.exit_code:
        raise NonZeroExit(code, said.data)


def _files(spec: CollectorSpec, options: ExecOptions, pod: str) -> tuple[str, str]:
    """Where the two streams go; empty where a stream has no file.

    A path that names one file is for standard output.
    """
    if options.tool is not None:
        tool = TOOLS[options.tool]
        return f"pods/{pod}/profiles/{options.output or tool.stem}{tool.suffix}", ""
    stem = f"pods/{pod}/exec/{options.output or spec.name}"
    if options.unwrap:
        return f"{stem}/", ""
    one_file = spec.path is not None and FILE not in spec.path
    return f"{stem}.txt", "" if one_file else f"{stem}.stderr.txt"


def _task(spec: CollectorSpec, options: ExecOptions, pod: PodFacts, container: ContainerFacts) -> Task:
    collector = spec.name
    stdout, stderr = _files(spec, options, pod.name)
    target = DebugTarget.of(pod, container)
    params = ExecParams(options=options, target=target, stdout=stdout, stderr=stderr)
    start = START_SECONDS if options.ephemeral else 0
    return Task(
        id=f"{collector}/{pod.name}",
        collector=collector,
        type=CollectorType.EXEC,
        target=f"{pod.name}/{container.name}",
        params=dump(params),
        secrets=secret_names(pod),
        credentials=() if options.stdin_from is None else (options.stdin_from.secret,),
        claims=tuple(filter(None, (stdout, stderr))),
        folder=stdout if options.unwrap else "",
        node=pod.node,
        timeout_seconds=_SETUP_SECONDS + _clearing(options) + start + int(_seconds(options)),
        estimate=options.max_bytes if options.unwrap else min(options.max_bytes, USUAL_OUTPUT),
    )


def _clearing(options: ExecOptions) -> int:
    """What the steps that clear up may take."""
    steps = () if options.tool is None else TOOLS[options.tool].wanted(ephemeral=options.ephemeral)
    return _CLEAR_SECONDS * sum(step.always for step in steps)


def _seconds(options: ExecOptions) -> float:
    """`timeout`, and the time of the recording besides."""
    waits = options.tool is not None and TOOLS[options.tool].waits
    return options.timeout.total_seconds() + (options.seconds + FLUSH_SECONDS if waits else 0)


COLLECTOR: Collector = ExecCollector()
