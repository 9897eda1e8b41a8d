"""The way of every byte inside the Job: sanitize, leak check, deflate, spool; then into the fragment, or nowhere.

CPU work runs in a small thread pool whose libraries release the GIL; awaiting each block is the back pressure.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from supportbundle.archive.index import NOTE_CHARS, MemberMeta, first_lines
from supportbundle.archive.spool import ClosedMember, MemberSpool
from supportbundle.collect.base import Member
from supportbundle.collector.budget import Budget
from supportbundle.collector.quoting import Quoting
from supportbundle.collector.slots import Slots
from supportbundle.errors import Conflict, SupportBundleError, Unsanitizable
from supportbundle.model.archive import USUAL_NAMES, PlannedArchive
from supportbundle.model.gap import Gap, printable
from supportbundle.model.plan import Task
from supportbundle.sanitize import LeakCheck, Report, Stream

log = logging.getLogger(__name__)
BLOCK = 256 << 10
QUOTED = 500
"""Bytes of a product's own warnings that are quoted; with all around it a gap's message has room for them."""
T = TypeVar("T")


class PathTaken(Conflict):
    """Another file of the bundle stands there."""

    reason = "PathTaken"


class Pipeline:
    """Sanitize, check, deflate one member. Synchronous; one thread at a time."""

    def __init__(self, stream: Stream, leaks: LeakCheck, spool: MemberSpool) -> None:
        self.stream = stream
        self._leaks = leaks
        self.spool = spool
        self.beginning = b""  # of what is clean, so that no secret is cut

    def feed(self, block: bytes) -> None:
        """Take raw bytes."""
        self._pass_on(self.stream.feed(block))

    def finish(self) -> ClosedMember:
        """End of the member.

        Raises:
            Unsanitizable: the member must not leave.
        """
        for piece in self.stream.ending():
            self._pass_on(piece)
        self._leaks.finish()
        return self.spool.finish()

    def _pass_on(self, clean: bytes) -> None:
        if clean:
            self._leaks.feed(clean)
            self.beginning += clean[: QUOTED - len(self.beginning)]
            self.spool.write(clean)


class OpenMember:
    """One file of the bundle while it is written; implements `collect.base.Member`."""

    def __init__(self, pipeline: Pipeline, task: Task, limit: int, budget: Budget, pool: Executor) -> None:
        self.pipeline = pipeline
        self._task = task
        self.read = 0
        self.truncated = False
        self.notes: dict[str, str | int] = {}
        self._limit = limit
        self._budget = budget
        self._pool = pool
        self._buffer = bytearray()
        self._running: asyncio.Future[Any] | None = None
        self.failure: Unsanitizable | None = None

    async def write(self, data: bytes) -> bool:
        """Take more bytes; False once the member's or the shard's limit is reached."""
        granted = self._budget.take(self._task, min(len(data), self._limit - self.read))
        self.read += granted
        self._buffer += data[:granted]
        self.truncated = self.truncated or granted < len(data)
        if len(self._buffer) >= BLOCK:
            await self.flush()
        return not self.truncated

    def note(self, key: str, value: str | int) -> None:
        """A fact for the manifest."""
        self.notes[key] = value

    async def flush(self) -> None:
        """Hand what is buffered to the pipeline."""
        if self._buffer:
            block, self._buffer = bytes(self._buffer), bytearray()
            await self.run(lambda: self.pipeline.feed(block))

    async def run(self, work: Callable[[], T]) -> T:
        """Run CPU work beside the loop, one piece after the other.

        A task that is cancelled stops waiting, not the thread: the next piece must not overtake it.
        """
        try:
            if self._running is not None:
                await asyncio.wait((self._running,))
                self._running.result()
            future = asyncio.get_running_loop().run_in_executor(self._pool, work)
            self._running = future
            return await asyncio.shield(future)
        except Unsanitizable as error:
            self.failure = error
            raise

    def discard(self) -> None:
        """Drop everything, as soon as no thread works on it."""
        if self._running is None or self._running.done():
            self.pipeline.spool.discard()
        else:
            self._running.add_done_callback(lambda _: self.pipeline.spool.discard())


class _Spare:
    """What a fallback writes where the file is there already: read and dropped."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    async def write(self, data: bytes) -> bool:
        """See `OpenMember`."""
        self._left -= len(data)
        return self._left >= 0

    def note(self, key: str, value: str | int) -> None:
        """See `OpenMember`."""


class FragmentSink:
    """The `collect.base.Sink` of one shard; `store` is given each finished member, one at a time."""

    def __init__(  # noqa: PLR0913 - what one shard has, each by its name
        self,
        store: Callable[[ClosedMember, MemberMeta], None],
        quoting: Quoting,
        *,
        scratch: Path,
        pool: Executor,
        budget: Budget,
        slots: Slots,
        clock: Callable[[], datetime],
        archive: PlannedArchive = USUAL_NAMES,
    ) -> None:
        self.bytes = 0
        self.gaps: list[Gap] = []
        self._store = store
        self._sanitizer = quoting.sanitizer
        self._quoting = quoting
        self._slots = slots
        self._numbers = count(1)
        self._scratch = scratch
        self._pool = pool
        self._budget = budget
        self._clock = clock
        self._archive = archive
        self._appending = asyncio.Lock()
        self._paths: set[str] = set()
        self._meant: set[str] = set()
        self._written: dict[str, set[str]] = {}

    def wrote(self, task: str, step: str = "") -> bool:
        """Whether the task of this id has a file in the bundle; with `step` one of that step, as its notes tell."""
        steps = self._written.get(task, set())
        return step in steps if step else bool(steps)

    def holds(self, path: str) -> bool:
        """Whether there is the file for which `Task.place` names this path, or it is on its way.

        It may stand elsewhere, if its name held a secret or is the assembly's.
        """
        return path in self._meant

    def gap(self, gap: Gap) -> None:
        """Note what is missing. All of it may quote a server or a pod, so it is sanitized like any other text."""
        clean = self._quoting.clean
        gap = Gap.say(gap.reason, clean(gap.message), target=clean(gap.target), collector=gap.collector)
        log.warning("%s %s: %s: %s", gap.collector, gap.target, gap.reason, gap.message)
        self.gaps.append(gap)

    def expect(self, tasks: Iterable[Task]) -> None:
        """See `Budget.expect`."""
        self._budget.expect(tasks)

    def ended(self, task: Task) -> None:
        """See `Budget.ended`."""
        self._budget.ended(task)

    def allowance(self, task: Task, limit: int) -> int:
        """See `collect.base.Sink`."""
        return self._budget.allowance(task, limit)

    def clean(self, text: str) -> str:
        """`text` sanitized; a fixed phrase if that is not possible."""
        return self._quoting.clean(text)

    @asynccontextmanager
    async def member(self, path: str, *, task: Task, limit: int, keep_partial: bool = False) -> AsyncIterator[Member]:
        """See `collect.base.Sink`. A member that cannot be sanitized becomes a gap, and its task goes on.

        What breaks off is no file of a strict task; what time ends is, for nothing better will come.
        """
        await self._slots.hold(task)
        meant = task.place(path)
        if task.stands_in_for and meant in task.stands_in_for.files and self.holds(meant):
            yield _Spare(limit)
            return
        warns = self._archive.is_warnings(meant)
        path = self._free(self._quoting.path(self._place(task, path), next(self._numbers)))
        self._meant.add(meant)
        started = self._clock()
        pipeline = Pipeline(
            self._sanitizer.open(path),
            self._sanitizer.leak_check(),
            MemberSpool(path, spool_dir=self._scratch),
        )
        member = OpenMember(pipeline, task, limit, self._budget, self._pool)
        kept = False
        try:
            try:
                yield member
            except Unsanitizable as error:
                if error is not member.failure:
                    raise
                self._unsanitizable(path, task, error)
            except (asyncio.CancelledError, SupportBundleError) as error:
                cut = isinstance(error, asyncio.CancelledError) or not task.strict
                if keep_partial and cut and member.read:
                    member.note("incomplete", str(getattr(error, "reason", "Timeout")))
                    kept = await self._kept(path, member, task, started)
                raise
            else:
                kept = await self._kept(path, member, task, started)
        finally:
            if kept and warns:
                self._warned(path, task, pipeline.beginning)
            if not kept:
                self._paths.discard(path)
                self._meant.discard(meant)
                member.discard()
                self._budget.give_back(task, member.read)

    def _place(self, task: Task, path: str) -> str:
        """Where it stands. A name that is the assembly's, as in a product's zip, goes to a folder of the collector."""
        placed = task.place(path)
        return f"{task.apart}{placed}" if self._archive.owns(placed) else placed

    def _free(self, path: str) -> str:
        if path in self._paths:
            raise PathTaken(
                f"There is a file {path} already.", "Write {pod/}, {container/} or {file} in the collector's path."
            )
        self._paths.add(path)
        return path

    async def _kept(self, path: str, member: OpenMember, task: Task, started: datetime) -> bool:
        """Finish a member and store it; False, and a gap, if it must not leave."""
        try:
            await self._keep(path, member, task, started)
        except Unsanitizable as error:
            self._unsanitizable(path, task, error)
            return False
        return True

    def _noted(self, value: str | int) -> str | int:
        return value if isinstance(value, int) else printable(self._quoting.clean(value), NOTE_CHARS)

    def _unsanitizable(self, path: str, task: Task, error: Unsanitizable) -> None:
        self.gap(Gap.say(error.reason, f"{path}: {error}", target=task.target, collector=task.collector))

    def _left_out(self, path: str, task: Task, report: Report) -> None:
        """Members of an archive that could not be sanitized are gaps like whole files."""
        messages = [f"{path}: {part.name}: left out: {part.why}" for part in report.parts]
        if report.omitted > len(messages):
            messages.append(f"{path}: {report.omitted - len(messages)} more members are left out.")
        for message in messages:
            self.gap(Gap.say(Unsanitizable.reason, message, target=task.target, collector=task.collector))

    def _warned(self, path: str, task: Task, beginning: bytes) -> None:
        """What a product warns of in a file of its own, which nobody would look for in a folder."""
        if said := " ".join(beginning.decode("utf-8", "replace").split()):
            message = f"The product's own warnings stand in {path}. They begin: {said}"
            self.gap(Gap.say("ProductWarnings", message, target=task.target, collector=task.collector))

    async def _keep(self, path: str, member: OpenMember, task: Task, started: datetime) -> None:
        await member.flush()
        closed = await member.run(member.pipeline.finish)
        self.bytes += member.read
        report = member.pipeline.stream.report
        meta = MemberMeta(
            collector=task.collector,
            target=task.target,
            started_at=started,
            ended_at=self._clock(),
            source_bytes=member.read,
            redactions=dict(report.counts),
            lines={rule: first_lines(lines) for rule, lines in report.lines.items()},
            truncated=member.truncated,
            notes={key: self._noted(value) for key, value in member.notes.items()},
        )
        async with self._appending:
            await member.run(lambda: self._store(closed, meta))
        self._written.setdefault(task.id, set()).add(str(member.notes.get("step", "")))
        self._left_out(path, task, report)
        if member.truncated:
            message = f"{path}: kept the first {member.read} bytes; raise limits to get more."
            self.gap(Gap.say("TooLarge", message, target=task.target, collector=task.collector))
