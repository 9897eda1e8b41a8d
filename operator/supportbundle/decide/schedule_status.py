"""The status of a schedule that follows from a step: pure, like the step itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from supportbundle.decide.budget import settled
from supportbundle.decide.occasions import Child, Course, Occasion, Trouble
from supportbundle.decide.schedule import last_time, recent_owners
from supportbundle.model.conditions import MESSAGE_LIMIT, ConditionStatus
from supportbundle.model.gap import printable
from supportbundle.model.schedule import (
    MAX_ACTIVE_SHOWN,
    MAX_RECENT,
    ActiveBundle,
    Pruned,
    RecentOwner,
    Schedule,
    ScheduleCondition,
    ScheduleStatus,
    TriggerStatus,
)


def status_after(
    occasion: Occasion, course: Course, made: tuple[Child, ...], trouble: Trouble | None, suppressed: Mapping[str, int]
) -> ScheduleStatus:
    """The status once `made` are there and `course.removals` are gone.

    `trouble` is why a bundle could not be made; `suppressed` are counts by trigger that no status has yet.
    """
    gone = {child.uid for child in course.removals}
    children = tuple({c.uid: c for c in (*occasion.children, *made) if c.uid not in gone}.values())
    after = Occasion(occasion.schedule, occasion.now, (*occasion.children, *made))
    base, spec, generation = settled(occasion), occasion.schedule.spec, occasion.schedule.metadata.generation
    recent = _newest(recent_owners(occasion.schedule, after.children).values())
    ends = [child.ended_at for child in occasion.children if child.succeeded and child.ended_at]
    running = sorted((c for c in children if c.ended_at is None), key=lambda c: (c.created_at, c.name))
    return base.model_copy(
        update={
            "observed_generation": generation,
            "conditions": (condition(base.ready, _ready(occasion, course, trouble), generation, occasion.now),),
            "last_schedule_time": last_time(after),
            "next_schedule_time": course.next_time if spec.schedule and not spec.suspend else None,
            "last_successful_time": max(filter(None, (base.last_successful_time, *ends)), default=None),
            "active": tuple(ActiveBundle(name=c.name, uid=c.uid) for c in running[:MAX_ACTIVE_SHOWN]),
            "triggers": _triggers(occasion.schedule, recent, suppressed),
            "recent": recent,
            "pruning": _pruning(base.pruning, course.pruning),
        }
    )


def _newest(entries: Iterable[RecentOwner]) -> tuple[RecentOwner, ...]:
    return tuple(sorted(entries, key=lambda e: (e.fired_at, e.owner), reverse=True)[:MAX_RECENT])


def _pruning(old: tuple[Pruned, ...], new: tuple[Pruned, ...]) -> tuple[Pruned, ...]:
    return tuple({entry.uid: entry for entry in (*old, *new)}.values())


def _triggers(
    schedule: Schedule, recent: tuple[RecentOwner, ...], suppressed: Mapping[str, int]
) -> tuple[TriggerStatus, ...]:
    old = {entry.name: entry for entry in schedule.status.triggers}
    counts = Counter(dict(suppressed))
    found = []
    for trigger in schedule.spec.triggers:
        entry = old.get(trigger.name, TriggerStatus(name=trigger.name))
        last = next((one for one in recent if one.trigger == trigger.name), None)
        if last and (entry.last_fired is None or last.fired_at > entry.last_fired):
            entry = entry.model_copy(update={"last_fired": last.fired_at, "owner": last.owner})
        found.append(entry.model_copy(update={"suppressed": entry.suppressed + counts[trigger.name]}))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class ReadyNow:
    """The condition Ready without its times."""

    status: ConditionStatus
    reason: str
    message: str


def _ready(occasion: Occasion, course: Course, trouble: Trouble | None) -> ReadyNow:
    spec, wrong = occasion.schedule.spec, course.trouble or trouble
    if wrong:
        return ReadyNow(ConditionStatus.FALSE, wrong.reason, wrong.message)
    if spec.suspend:
        message = "spec.suspend is true: no bundles are made. Set it to false to go on."
        return ReadyNow(ConditionStatus.TRUE, "Suspended", message)
    ways = [f"at the times of {spec.schedule} ({spec.time_zone})"] if spec.schedule else []
    ways += [f"by {len(spec.triggers)} trigger(s)"] if spec.triggers else []
    return ReadyNow(ConditionStatus.TRUE, "Scheduled", f"Bundles are made {' and '.join(ways)}.{course.note}")


def condition(before: ScheduleCondition | None, ready: ReadyNow, generation: int, now: datetime) -> ScheduleCondition:
    """Ready, whose transition time moves only when its status does."""
    kept = before is not None and before.status == ready.status
    return ScheduleCondition(
        type="Ready",
        status=ready.status,
        reason=ready.reason,
        message=printable(ready.message, MESSAGE_LIMIT),
        observed_generation=generation,
        last_transition_time=before.last_transition_time if kept and before else now,
    )
