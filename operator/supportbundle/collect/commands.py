"""Programs in containers: where one may run, how long, and what its end means in plain words.

Shared by the collectors that execute something, so that deadlines and failures read the same everywhere.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from supportbundle.collect.base import Channel, CommandOutput, PodCommand, RunContext
from supportbundle.collect.ports import choose
from supportbundle.errors import DeadlineExceeded, NotFound, SupportBundleError
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import PodChoice
from supportbundle.model.gap import Gap, printable
from supportbundle.model.plan import Task
from supportbundle.model.pod import ContainerFacts, PodFacts

NEEDS: Mapping[Capability, tuple[PolicyRule, ...]] = {
    Capability.EXEC: (PolicyRule(api_groups=("",), resources=("pods/exec",), verbs=("create", "get")),),
    Capability.DEBUG: (
        PolicyRule(api_groups=("",), resources=("pods/ephemeralcontainers",), verbs=("patch",)),
        PolicyRule(api_groups=("",), resources=("pods",), verbs=("get",)),
    ),
}
"""What it takes to run something in a container, and in a debugging container beside it."""

TAIL = 2 << 10
"""Bytes of a stream's end that are kept for a message."""

_TAIL_CHARS = 300
_FRAME = re.compile(rb"^[ \t]+at .*\n?", re.MULTILINE)
"""A line of Java's and Node's stack traces; the reason stands above them."""


class NonZeroExit(SupportBundleError):
    """A program ended, but not with success."""

    reason = "NonZeroExit"

    def __init__(self, code: int, said: bytes, next_step: str = "") -> None:
        super().__init__(f"It ended with exit code {code}: {shown(said) or 'it wrote no reason'}.", next_step)
        self.code = code


@dataclass(slots=True)
class Tail:
    """The end of a stream in bounded memory."""

    data: bytes = b""

    def add(self, piece: bytes) -> None:
        """Take more; only the last bytes stay."""
        self.data = (self.data + piece[-TAIL:])[-TAIL:]


def shown(said: bytes) -> str:
    """The last characters of what a program said, safe to print, without stack traces."""
    return printable(_FRAME.sub(b"", said).decode("utf-8", "replace").strip()[-_TAIL_CHARS:].strip(), _TAIL_CHARS * 2)


def containers(
    pods: tuple[PodFacts, ...], choice: PodChoice, name: str | None, collector: str
) -> Iterator[tuple[PodFacts, ContainerFacts] | Gap]:
    """Where a collector's program runs, and a gap for each pod or container where it cannot."""
    for pod in choose(pods, choice, collector):
        if isinstance(pod, Gap):
            yield pod
            continue
        found = pod.container(name)
        if found is None:
            message = f"The pod has no container {name or pod.default_container}. Name one of its containers."
            yield Gap.say("ContainerNotFound", message, target=pod.name, collector=collector)
        elif not found.running:
            message = f"The container does not run: {found.waiting or 'it has ended, or has not started'}."
            yield Gap.say("ContainerNotStarted", message, target=f"{pod.name}/{found.name}", collector=collector)
        else:
            yield pod, found


class Program:
    """A running program. Its pieces come before the deadline or not at all."""

    def __init__(self, output: CommandOutput, deadline: float, seconds: float) -> None:
        self._output = output
        self._deadline = deadline
        self._seconds = seconds

    async def __aiter__(self) -> AsyncIterator[tuple[Channel, bytes]]:
        """As `CommandOutput`; raises DeadlineExceeded besides."""
        pieces = aiter(self._output)
        while True:
            # Only the wait is cancelled, never the reader's own work between two pieces.
            try:
                async with asyncio.timeout_at(self._deadline):
                    piece = await anext(pieces, None)
            except TimeoutError as error:
                raise _late(self._seconds) from error
            if piece is None:
                return
            yield piece

    @property
    def exit_code(self) -> int:
        """As `CommandOutput`."""
        return self._output.exit_code


@asynccontextmanager
async def running(context: RunContext, command: PodCommand, seconds: float) -> AsyncIterator[Program]:
    """A program that has `seconds` from now on.

    Raises:
        DeadlineExceeded: it could not even be started in that time.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    opening = context.cluster.execute(command)
    try:
        async with asyncio.timeout_at(deadline):
            output = await opening.__aenter__()
    except TimeoutError as error:
        raise _late(seconds) from error
    try:
        yield Program(output, deadline, seconds)
    except BaseException as error:
        if not await opening.__aexit__(type(error), error, error.__traceback__):
            raise
    else:
        await opening.__aexit__(None, None, None)


def _late(seconds: float) -> DeadlineExceeded:
    return DeadlineExceeded(f"Not finished in {seconds:.0f} s.", "Raise `timeout`.")


def not_there(error: SupportBundleError) -> bool:
    """Whether the container has no such program."""
    return error.reason == "CommandNotFound"


def explained(error: SupportBundleError, task: Task, program: str, *, ephemeral: bool) -> Gap:
    """The gap of a program that could not be run, or did not end well."""
    if not_there(error):
        where = "debugging image" if ephemeral else "container's image"
        advice = "" if ephemeral else " Set `ephemeral: true` to run it in a debugging container that has it."
        message = f"The {where} has no program {program!r}.{advice}"
        return Gap.say("CommandNotFound", message, target=task.target, collector=task.collector)
    if isinstance(error, NotFound) and error.reason == NotFound.reason:
        message = f"The pod or its container was deleted meanwhile. {error}"
        return Gap.say("PodGone", message, target=task.target, collector=task.collector)
    return Gap.of(error, target=task.target, collector=task.collector)
