"""One step of one schedule: gather, decide, make bundles, write the status, say when to come back.

A bundle is made before anything is written about it, under a name that a repeat meets. So a process that dies at any
instant leaves either no bundle and a signal or a time that is still due, or the bundle, from which the next step learns
the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from supportbundle.decide.admission import SPREAD, admission
from supportbundle.decide.occasions import Child, Course, Occasion, Start, Trouble, Verdict
from supportbundle.decide.schedule import decide_schedule
from supportbundle.decide.schedule_status import ReadyNow, condition, status_after
from supportbundle.decide.triggers import FRESH
from supportbundle.errors import Conflict, Forbidden, Invalid, NotFound, SupportBundleError
from supportbundle.model import names
from supportbundle.model.bundle import Metadata, parse_metadata
from supportbundle.model.conditions import ConditionStatus
from supportbundle.model.plan import dump
from supportbundle.model.schedule import Admission, Schedule, ScheduleStatus, parse_schedule, parse_schedule_status
from supportbundle.reconcile import paths, refusals
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.events import Told, post
from supportbundle.reconcile.guard import Checks
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.schedules.children import make, read_children, remove, try_out
from supportbundle.reconcile.schedules.inbox import Inbox, Letter

log = logging.getLogger(__name__)
CONFLICT_SECONDS: Final = 0.5
REFUSED: Final = timedelta(seconds=60)
"""A right may be granted at any time, and nothing tells us."""
BUNDLE_REFUSED: Final = "BundleRefused"


@dataclass(slots=True)
class Made:
    """What came of a course: bundles that are there, and starts that were refused."""

    children: list[Child] = field(default_factory=list)
    refused: list[Start] = field(default_factory=list)
    trouble: Trouble | None = None


class ScheduleReconciler:
    """Stateless but for the inbox. `blind` says why a schedule's triggers are not seen; empty if they are."""

    def __init__(self, deps: Deps, inbox: Inbox, blind: Callable[[Key], str]) -> None:
        self._deps = deps
        self._inbox = inbox
        self._blind = blind

    async def run(self, key: Key) -> float | None:
        """One step. Returns in how many seconds the key wants to be seen again; None for a schedule that is gone.

        Raises:
            SupportBundleError: the step failed and is to be retried with backoff; it has been logged.
        """
        letters = self._inbox.take(key)
        try:
            return await self._step(key, letters)
        except Conflict:
            self._inbox.fail(key, letters, Conflict("The schedule was changed meanwhile."))
            return CONFLICT_SECONDS
        except SupportBundleError as error:
            self._inbox.fail(key, letters, error)
            log.warning("schedule %s/%s: %s", key.namespace, key.name, error)
            raise
        except Exception as error:
            self._inbox.fail(key, letters, error)
            log.exception("schedule %s/%s: unexpected failure", key.namespace, key.name)
            raise

    async def _step(self, key: Key, letters: tuple[Letter, ...]) -> float | None:
        raw = await self._read(key)
        if raw is None:
            self._inbox.answer(letters, {})
            self._inbox.forget(key)
            return None
        try:
            schedule = parse_schedule(raw)
        except Invalid as error:
            self._inbox.answer(letters, {letter.signal: Verdict.SUPPRESSED for letter in letters})
            await self._say_unreadable(raw, error)
            return REFUSED.total_seconds()
        seen, again = await self._admission(schedule)
        occasion = Occasion(
            schedule=schedule,
            now=self._deps.clock(),
            children=await read_children(schedule, self._deps),
            signals=tuple(dict.fromkeys(letter.signal for letter in letters)),
            refusal=refusals.unchecked_schedule(schedule.metadata) if seen and not seen.checked else None,
        )
        course = decide_schedule(occasion)
        made = await self._carry_out(schedule, course)
        self._inbox.count_suppressed(key, course.verdicts)
        count = sum(verdict == Verdict.SUPPRESSED for _, verdict in course.verdicts)
        self._deps.metrics.suppressed.inc(count)
        refused = {start.signal for start in made.refused if start.signal}
        self._inbox.keep(key, refused)
        verdicts = {s: Verdict.REFUSED if s in refused else verdict for s, verdict in course.verdicts}
        self._inbox.answer(letters, verdicts)
        trouble = made.trouble or await self._trial(schedule, course)
        if not (trouble or course.trouble) and self._inbox.recall(key, occasion.now - FRESH):
            return 0.0  # only what becomes of these shows how the schedule is
        if trouble is None and (message := self._blind(key)):
            trouble = Trouble("TriggersNotWatched", message)
        suppressed = self._inbox.suppressed(key)
        status = status_after(occasion, course, tuple(made.children), trouble, suppressed)
        status = status.model_copy(update={"admission": seen or schedule.status.admission})
        await self._write(schedule.metadata, schedule.status, raw, status)
        self._inbox.written(key)
        return min(course.again, again, REFUSED if trouble else again).total_seconds()

    async def _read(self, key: Key) -> Mapping[str, Any] | None:
        try:
            raw = await self._deps.client.get(paths.schedule(key.namespace, key.name))
        except NotFound:
            return None
        # One that is being deleted with its children in the foreground makes no more of them.
        return raw if raw["metadata"]["uid"] == key.uid and "deletionTimestamp" not in raw["metadata"] else None

    async def _admission(self, schedule: Schedule) -> tuple[Admission | None, timedelta]:
        """Whether its author was checked, and when to look again at the latest.

        None while the policy is not in force: then each bundle is checked instead.
        """
        meta, before, now = schedule.metadata, schedule.status.admission, self._deps.clock()
        known = before is not None and before.generation == meta.generation and before.checked
        # What is called checked is so for good: that is never said by what was heard of the policy a moment ago.
        since = await self._deps.guard.since(Checks.SCHEDULES, now=not known)
        if since is None:
            return None, timedelta.max
        return admission(meta, before, since, now), SPREAD if now < since + SPREAD else timedelta.max

    async def _carry_out(self, schedule: Schedule, course: Course) -> Made:
        made = Made()
        self._deps.fence()
        await remove(schedule, course.removals, self._deps)
        for start in course.starts:
            try:
                child = await make(schedule, start, self._deps)
            except (Forbidden, Invalid) as error:
                made.refused.append(start)
                made.trouble = Trouble(BUNDLE_REFUSED, f"No bundle could be made: {error}")
                continue
            if child is None:
                made.refused.append(start)
                message = f"SupportBundle {start.name} exists and is none of this schedule's. Delete it."
                made.trouble = Trouble("NameTaken", message)
                continue
            made.children.append(child)
            self._deps.metrics.scheduled.labels(start.cause.type).inc()
            await self._tell(schedule, start, child)
        return made

    async def _trial(self, schedule: Schedule, course: Course) -> Trouble | None:
        """Whether the API server would take a bundle: asked when the schedule is new, and while it would not."""
        before = schedule.status.ready
        known = schedule.status.observed_generation == schedule.metadata.generation
        if course.trouble or course.starts or (known and before is not None and before.reason != BUNDLE_REFUSED):
            return None
        try:
            await try_out(schedule, self._deps)
        except (Forbidden, Invalid) as error:
            return Trouble(BUNDLE_REFUSED, f"The API server would not take a bundle of this schedule: {error}")
        except Conflict:  # one of that very name is there, so one was taken
            return None
        return None

    async def _write(self, meta: Metadata, old: ScheduleStatus, raw: Mapping[str, Any], status: ScheduleStatus) -> None:
        """Write what is new; the resourceVersion keeps a slower process from overwriting."""
        if status == old:
            return
        before = old.ready
        patch = {"metadata": {"resourceVersion": raw["metadata"]["resourceVersion"]}, "status": full(status)}
        try:
            await self._deps.client.patch(f"{paths.schedule(meta.namespace, meta.name)}/status", patch)
        except NotFound:  # deleted meanwhile
            return
        now = status.ready
        if now and (before is None or before.reason != now.reason):
            log.info("%s: %s", now.reason, now.message, extra={"namespace": meta.namespace, "schedule": meta.name})
            if now.status == ConditionStatus.FALSE:
                name = f"sb-{meta.uid}.{now.reason.lower()}-{meta.generation}"
                told = Told(names.SCHEDULE_KIND, meta, name, now.reason, now.message, warning=True)
                await post(told, self._deps)

    async def _say_unreadable(self, raw: Mapping[str, Any], error: Invalid) -> None:
        meta, status = parse_metadata(raw), parse_schedule_status(raw)
        ready = ReadyNow(ConditionStatus.FALSE, "InvalidSchedule", str(error))
        said = condition(status.ready, ready, meta.generation, self._deps.clock())
        changed = status.model_copy(update={"conditions": (said,), "observed_generation": meta.generation})
        await self._write(meta, status, raw, changed)

    async def _tell(self, schedule: Schedule, start: Start, child: Child) -> None:
        """An Event on both: on the bundle why it is there, on the schedule what it made."""
        cause, meta = start.cause, schedule.metadata
        why = f"{cause.type}{f' ({cause.trigger})' if cause.trigger else ''}: {cause.message}"
        about = Metadata(namespace=meta.namespace, name=child.name, uid=child.uid, creation_timestamp=child.created_at)
        run = names.run_name(child.uid)
        made = f"Made SupportBundle {child.name}. {why}"
        await post(Told(names.KIND, about, f"{run}.triggered", "Triggered", why), self._deps)
        await post(Told(names.SCHEDULE_KIND, meta, f"{run}.made", "BundleMade", made), self._deps)


def full(status: ScheduleStatus) -> dict[str, Any]:
    """For a merge patch: what is empty now is taken away."""
    absent: dict[str, Any] = dict.fromkeys(("lastScheduleTime", "nextScheduleTime", "lastSuccessfulTime"))
    return absent | dump(status)
