"""The steps of one task, one after the other: what each asks and makes, who stands in for whom, and what is missing.

A step that fails is a gap that begins with its name, and costs only those that need its result. It is told only when
nothing stands in for it. The assembly writes constants for files that could not be had, which the task promises.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, TypeVar

from pydantic import JsonValue

from supportbundle.collect.base import Member, RunContext
from supportbundle.collect.ports import PodGone
from supportbundle.collect.steps.answers import Room, memory, whole
from supportbundle.collect.steps.compose import Document
from supportbundle.collect.steps.making import ABSENT, make
from supportbundle.collect.unwrap import unwrap
from supportbundle.collect.zipreader import NotAZip
from supportbundle.errors import DeadlineExceeded, NotFound, SupportBundleError, TooLarge, Unavailable
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Task
from supportbundle.plan.expressions import Meter, NothingThere, PathTemplate, is_true
from supportbundle.plan.steps import ReadStep

log = logging.getLogger(__name__)
T = TypeVar("T")
GIVE_UP = 3
"""Requests in a row without the beginning of an answer, after which the port is asked for nothing more."""


class State(Enum):
    """How a step ended; the words complete 'step x …'."""

    WORKED = "worked"
    FAILED = "failed"
    SKIPPED = "was skipped"
    UNNEEDED = "was not needed"


class StepFailed(SupportBundleError):
    """A step needs the result of one that has none."""

    reason = "StepFailed"


class NotAsked(SupportBundleError):
    """A request that was not sent, because earlier ones show that it is of no use."""

    reason = "NotAsked"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is None where the step takes the status for null; `notes` are for the manifest."""

    body: AsyncIterator[bytes] | None
    notes: Mapping[str, str | int]


class Ask(Protocol):
    """Sends the request of a step.

    Raises:
        HTTPStatus: another status than 2xx and those that the step accepts.
        SupportBundleError: no answer.
    """

    def __call__(self, step: ReadStep, path: str) -> AbstractAsyncContextManager[Answer]:
        """For this path, which is filled in."""


class Think(Protocol):
    """Runs work of the processor beside the event loop."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]:
        """Its result."""


@dataclass(slots=True)
class Sequence:
    """One run of the steps. `facts` are what expressions know besides results, `limit` is for one answer in bytes.

    Files stand below `folder`, which ends in a slash.
    """

    steps: tuple[ReadStep, ...]
    facts: Mapping[str, JsonValue]
    think: Think
    task: Task
    context: RunContext
    folder: str
    limit: int
    _ask: Ask | SupportBundleError = field(init=False)
    _data: dict[str, object] = field(init=False)
    _states: dict[str, State] = field(default_factory=dict)
    _held: dict[str, Gap] = field(default_factory=dict)
    _why: dict[str, str] = field(default_factory=dict)
    _unasked: list[str] = field(default_factory=list)
    _silent: int = 0
    _room: Room = field(default_factory=Room)

    def __post_init__(self) -> None:
        self._data = dict(self.facts)

    async def run(self, ask: Ask | SupportBundleError) -> None:
        """All steps. With a failure in place of somebody to ask it is told, and no request is sent."""
        self._ask = ask
        if isinstance(ask, SupportBundleError):
            self._gap(ask.reason, str(ask))
        try:
            for step in self.steps:
                self._states[step.name] = await self._one(step)
                self._settle(step)
        finally:
            # Whoever is told to end has no time for fallbacks any more.
            for gap in self._held.values():
                self.context.sink.gap(gap)
        if self._unasked:
            self._gap(NotAsked.reason, f"{self._ask} Therefore these steps were not asked: {', '.join(self._unasked)}.")

    async def _one(self, step: ReadStep) -> State:
        rival = step.options.fallback_for
        if rival is not None and self._states[rival] in {State.WORKED, State.UNNEEDED}:
            return State.UNNEEDED
        meter = Meter()
        try:
            if not await self._wanted(step, meter):
                return State.SKIPPED
            if step.path is None:
                await self._finish(step, None, {}, meter)
            else:
                await self._request(step, step.path, meter)
        except SupportBundleError as error:
            self._failed(step, error)
            return State.FAILED
        return State.WORKED

    async def _wanted(self, step: ReadStep, meter: Meter) -> bool:
        """What `when` says. Its answer is no answer if it would need a step that failed."""
        when = step.when
        if when is None or is_true(await self.think(lambda: when.on(self._data, meter))):
            return True
        if failed := [name for name in sorted(when.names or ()) if self._states.get(name) == State.FAILED]:
            raise StepFailed(f"Whether it is wanted is told by step {failed[0]}, which failed.")
        return False

    async def _request(self, step: ReadStep, path: PathTemplate, meter: Meter) -> None:
        try:
            filled = await self.think(lambda: path.filled(self._data, meter))
        except NothingThere as error:
            names = (name for found in path.expressions for name in found.names or ())
            raise self._because(error, names) from error
        ask = self._ask
        if isinstance(ask, SupportBundleError):
            raise NotAsked(str(ask))
        self._silent += 1
        try:
            await self._exchange(ask, step, filled, meter)
        except NotFound as error:
            self._ask = PodGone(f"The pod was deleted meanwhile. {error}")
            raise self._ask from error
        except (DeadlineExceeded, Unavailable) as error:
            self._ask = error if self._silent >= GIVE_UP else ask
            raise
        except SupportBundleError:
            self._silent = 0
            raise

    async def _exchange(self, ask: Ask, step: ReadStep, path: str, meter: Meter) -> None:
        async with ask(step, path) as answer:
            self._silent = 0
            if answer.body is not None and step.options.unwrap:
                await self._unwrap(step, answer.body, answer.notes)
                return
            if answer.body is not None and not step.kept and not step.options.rewritten:
                await self._stream(step, answer.body, answer.notes)
                return
            raw = ABSENT if answer.body is None else await whole(answer.body, min(self.limit, self._room.left))
        await self._finish(step, raw, answer.notes, meter)

    async def _finish(self, step: ReadStep, raw: bytes | None, notes: Mapping[str, str | int], meter: Meter) -> None:
        """Make what the step makes, write its file, keep its result. `raw` is its answer, if it asked for one."""
        verbatim = None if raw is ABSENT or step.options.rewritten else raw
        if raw is not None:
            self._room.require(memory(raw))
        if verbatim is not None and step.fallback is None:
            # What is no JSON is worth having all the same.
            await self._write(step, verbatim, notes)
        try:
            made = await self.think(lambda: make(step, self._data, raw, meter))
        except NothingThere as error:
            raise self._because(error, step.needs) from error
        if step.kept:
            self._room.take(meter.made + (memory(raw) if raw is not None else 0))
            self._data[step.name] = made.result
        if verbatim is not None and step.fallback is not None:
            await self._write(step, verbatim, notes)
        elif made.file is not None:
            left_out = made.document.left_out if made.document else []
            await self._write(step, made.file, {**notes, **({"leftOut": ", ".join(left_out)} if left_out else {})})
        if made.document is not None:
            self._incomplete(step, made.document)

    def _incomplete(self, step: ReadStep, made: Document) -> None:
        """Fields that do not fit what the pod answers are told; those without a source only if that is asked for."""
        failed = dict(made.failed)
        if failed:
            told = "; ".join(f"{key}: {error}" for key, error in failed.items())
            self._gap(next(iter(failed.values())).reason, f"{_called(step)}: left out: {told}")
        missing = [key for key in made.left_out if key not in failed]
        if step.options.report_missing and missing:
            self._gap(NothingThere.reason, f"{_called(step)}: there is no source for {', '.join(missing)}.")

    async def _stream(self, step: ReadStep, body: AsyncIterator[bytes], notes: Mapping[str, str | int]) -> None:
        """The bytes as they came. Half an answer is kept only where nothing else may take its place."""
        output = step.options.output
        assert output is not None, "whatever is asked is written or kept"  # noqa: S101 - `plan/steps.py` sees to it
        alone = step.fallback is None and step.options.missing is None
        async with self.context.sink.member(
            f"{self.folder}{output}", task=self.task, limit=self.limit, keep_partial=alone
        ) as member:
            self._note(step, member, notes)
            async for chunk in body:
                if not await member.write(chunk):
                    break

    async def _unwrap(self, step: ReadStep, body: AsyncIterator[bytes], notes: Mapping[str, str | int]) -> None:
        """The members of a product's zip.

        Raises:
            NotAZip: it is none, or nothing in it can be read.
        """
        folder = f"{self.folder}{step.options.output}/" if step.options.output else self.folder
        noted = self._notes(step, notes)
        read = await unwrap(body, folder, self.task, self.context, limit=self.limit, notes=noted, about=_called(step))
        if not read:
            raise NotAZip("The zip holds no file that can be read.")

    async def _write(self, step: ReadStep, data: bytes, notes: Mapping[str, str | int]) -> None:
        """A whole file, if the step has one.

        Raises:
            TooLarge: the bundle has no room for it.
        """
        if (output := step.options.output) is None:
            return
        async with self.context.sink.member(
            f"{self.folder}{output}", task=self.task, limit=max(len(data), 1)
        ) as member:
            self._note(step, member, notes)
            if not await member.write(data):
                raise TooLarge("The bundle has no room for it.", "Raise limits.maxBytes.")

    def _note(self, step: ReadStep, member: Member, notes: Mapping[str, str | int]) -> None:
        for key, value in self._notes(step, notes).items():
            member.note(key, value)

    def _notes(self, step: ReadStep, notes: Mapping[str, str | int]) -> dict[str, str | int]:
        failures = "; ".join(f"{name}: {self._why[name]}" for name in self._rivals(step) if name in self._why)
        remark = {"note": step.options.note} if step.options.note else {}
        return {"step": step.name, **notes, **remark, **({"fallbackFor": failures} if failures else {})}

    def _failed(self, step: ReadStep, error: SupportBundleError) -> None:
        self._why[step.name] = error.reason
        if isinstance(error, NotAsked):
            self._unasked.append(step.name)
        else:
            self._held[step.name] = Gap.say(
                error.reason, f"{_called(step)}: {error}", target=self.task.target, collector=self.task.collector
            )

    def _settle(self, step: ReadStep) -> None:
        """Tell the failures of a step, and of those that it stands in for, once nothing else can take their place."""
        if step.fallback is not None and self._states[step.name] in {State.FAILED, State.SKIPPED}:
            return
        worked = self._states[step.name] in {State.WORKED, State.UNNEEDED}
        for name in (*self._rivals(step), step.name):
            if (gap := self._held.pop(name, None)) is None:
                continue
            if worked:
                log.info("%s %s: %s stands in: %s", gap.collector, gap.target, step.name, gap.reason)
            else:
                self.context.sink.gap(gap)

    def _rivals(self, step: ReadStep) -> list[str]:
        """The steps that it stands in for, the first one first."""
        by_name = {found.name: found for found in self.steps}
        found: list[str] = []
        while (name := step.options.fallback_for) is not None:
            found.insert(0, name)
            step = by_name[name]
        return found

    def _because(self, error: NothingThere, names: Iterable[str]) -> SupportBundleError:
        """The same, or that it comes of a step without a result."""
        for name in sorted(set(names)):
            if (state := self._states.get(name)) not in {None, State.WORKED}:
                return StepFailed(f"It needs step {name}, which {state.value}. {error}")
        return error

    def _gap(self, reason: str, message: str) -> None:
        self.context.sink.gap(Gap.say(reason, message, target=self.task.target, collector=self.task.collector))


def _called(step: ReadStep) -> str:
    return f"{step.name} ({step.options.output})" if step.options.output else step.name
