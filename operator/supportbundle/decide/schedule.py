"""What a schedule does next: runs that are due, triggers that were met, children that are too many. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from supportbundle.decide.budget import spent, to_prune
from supportbundle.decide.cron import Cron, read_cron
from supportbundle.decide.occasions import Child, Course, Occasion, Signal, Start, Trouble, Verdict
from supportbundle.errors import Invalid
from supportbundle.model import names
from supportbundle.model.cause import Cause, CauseType
from supportbundle.model.quantity import format_bytes
from supportbundle.model.schedule import MAX_RECENT, ConcurrencyPolicy, RecentOwner, Schedule

LOOK_AGAIN: Final = timedelta(minutes=5)
"""The longest time between two looks, so that a clock that was set, or a missed event, is noticed."""
WAIT: Final = timedelta(seconds=60)
MAX_ACTIVE: Final = 10
"""Triggered bundles of one schedule that may collect at once."""
MAX_UNFINISHED: Final = 100
"""Bundles of one schedule that may collect, or wait for approval or delivery, at once: their zips lie staged."""


def decide_schedule(occasion: Occasion) -> Course:
    """One step; the same occasion always gets the same answer."""
    schedule = occasion.schedule
    removals, pruning = to_prune(occasion)
    removals += _overtaken(occasion)
    settled = Course(removals=removals, pruning=pruning, again=timedelta(seconds=1) if pruning else LOOK_AGAIN)
    if occasion.refusal:
        return _idle(settled, occasion, trouble=Trouble(occasion.refusal.reason, occasion.refusal.message))
    try:
        cron = read_cron(schedule.spec, schedule.metadata.uid, occasion.now)
    except Invalid as error:
        return _idle(settled, occasion, trouble=Trouble("InvalidSchedule", str(error)))
    if schedule.spec.suspend:
        return _idle(settled, occasion, trouble=None)
    over = _over_budget(occasion) or _too_many(occasion)
    timed = _timed(occasion, cron, over) if cron else Course()
    fired = tuple(_fired(occasion, over))
    starts = (*timed.starts, *(start for _, _, start in fired if start))
    return Course(
        starts=starts,
        removals=removals,
        pruning=pruning,
        verdicts=tuple((signal, verdict) for signal, verdict, _ in fired),
        trouble=over,
        note=timed.note,
        next_time=timed.next_time,
        again=min(settled.again, timed.again, WAIT if over else LOOK_AGAIN),
    )


def _idle(settled: Course, occasion: Occasion, trouble: Trouble | None) -> Course:
    verdicts = tuple((signal, Verdict.SUPPRESSED) for signal in occasion.signals)
    return Course(
        removals=settled.removals, pruning=settled.pruning, verdicts=verdicts, trouble=trouble, again=settled.again
    )


def _timed(occasion: Occasion, cron: Cron, over: Trouble | None) -> Course:
    """The run that is due, if there is one: of several missed ones the latest, once."""
    spec, now = occasion.schedule.spec, occasion.now
    following = cron.following(now)
    next_time = following + cron.delay if following else None
    again = max(timedelta(seconds=1), min(LOOK_AGAIN, next_time - now)) if next_time else LOOK_AGAIN
    rest = Course(next_time=next_time, again=again)
    nominal = cron.latest(now)
    last = last_time(occasion) or occasion.schedule.metadata.creation_timestamp
    if nominal is None or nominal <= last or over:
        return rest
    late = now - (nominal + cron.delay)
    if spec.starting_deadline_seconds is not None and late.total_seconds() > spec.starting_deadline_seconds:
        note = f" The run of {_moment(nominal)} was missed by more than startingDeadlineSeconds and is left out."
        return Course(next_time=next_time, again=again, note=note)
    running = _running(occasion)
    if running and spec.concurrency_policy == ConcurrencyPolicy.FORBID:
        note = f" The run of {_moment(nominal)} waits for the end of {running[0].name}."
        return Course(next_time=next_time, again=again, note=note)
    meta = occasion.schedule.metadata
    cause = Cause(type=CauseType.CRON, schedule=meta.name, at=nominal, message=f"Scheduled by {spec.schedule}.")
    start = Start(names.scheduled_bundle(meta.name, meta.uid, nominal), cause)
    if running and spec.concurrency_policy == ConcurrencyPolicy.REPLACE:
        again = timedelta(seconds=1)
    return Course(starts=(start,), next_time=next_time, again=again)


def _running(occasion: Occasion) -> tuple[Child, ...]:
    """Runs by time that still collect. One that waits for its approval or delivery holds nothing up."""
    return tuple(child for child in occasion.children if child.collecting and _by_time(child))


def _overtaken(occasion: Occasion) -> tuple[Child, ...]:
    """What `Replace` deletes: runs that still collect while a later one is there, so never before that was accepted."""
    if occasion.schedule.spec.concurrency_policy != ConcurrencyPolicy.REPLACE:
        return ()
    newest = max((child.cause.at for child in occasion.children if child.cause and _by_time(child)), default=None)
    return tuple(child for child in _running(occasion) if child.cause and newest and child.cause.at < newest)


def last_time(occasion: Occasion) -> datetime | None:
    """The last nominal time for which a bundle was made, also by a process that died before it could write so."""
    made = [child.cause.at for child in occasion.children if child.cause and _by_time(child)]
    told = occasion.schedule.status.last_schedule_time
    return max([*made, told] if told else made, default=None)


def _by_time(child: Child) -> bool:
    return child.cause is not None and child.cause.type == CauseType.CRON


def recent_owners(schedule: Schedule, children: Sequence[Child]) -> dict[str, RecentOwner]:
    """The last triggered bundle about each owner, from status and from the bundles themselves."""
    found = {entry.owner: entry for entry in schedule.status.recent}
    for child in children:
        if (cause := child.cause) is None or not cause.owner:
            continue
        if cause.owner not in found or found[cause.owner].fired_at < child.created_at:
            found[cause.owner] = RecentOwner(owner=cause.owner, trigger=cause.trigger, fired_at=child.created_at)
    return found


def _fired(occasion: Occasion, over: Trouble | None) -> Iterator[tuple[Signal, Verdict, Start | None]]:
    """Each signal with what becomes of it; signals of one owner make one bundle."""
    schedule, now = occasion.schedule, occasion.now
    recent = {owner: entry.fired_at for owner, entry in recent_owners(schedule, occasion.children).items()}
    fired: set[str] = set()
    active = sum(child.collecting and not _by_time(child) for child in occasion.children)
    for signal in sorted(occasion.signals, key=lambda s: (s.at, s.owner, s.trigger)):
        previous = recent.get(signal.owner)
        if (trigger := schedule.spec.trigger(signal.trigger)) is None:
            yield signal, Verdict.UNKNOWN, None
        elif previous is not None and signal.at <= previous and signal.owner not in fired:
            yield signal, Verdict.REPEATED, None
        elif over or active >= MAX_ACTIVE or _cools_down(schedule, previous, recent, now):
            yield signal, Verdict.SUPPRESSED, None
        else:
            meta = schedule.metadata
            cause = Cause(
                type=CauseType(trigger.type.value),
                schedule=meta.name,
                at=signal.at,
                trigger=trigger.name,
                owner=signal.owner,
                pod=signal.pods[0] if signal.pods else "",
                message=signal.message,
            )
            name = names.triggered_bundle(meta.name, meta.uid, signal.owner, previous)
            recent[signal.owner], active = now, active + 1
            fired.add(signal.owner)
            yield signal, Verdict.FIRED, Start(name, cause, signal)


def _cools_down(schedule: Schedule, previous: datetime | None, recent: dict[str, datetime], now: datetime) -> bool:
    """Whether this owner had its bundle, or so many had that one more could not be remembered."""
    cooldown = schedule.spec.cooldown
    if previous is not None:
        return now - previous < cooldown
    return sum(now - fired < cooldown for fired in recent.values()) >= MAX_RECENT


def _over_budget(occasion: Occasion) -> Trouble | None:
    limit = occasion.schedule.spec.daily_bytes
    if limit is None or (used := spent(occasion)) < limit:
        return None
    message = (
        f"The zips of the last 24 hours come to {format_bytes(used)}; spec.dailyBytes allows {format_bytes(limit)}. "
        "No bundle is made until the oldest is older than a day; raise spec.dailyBytes or narrow what is collected."
    )
    return Trouble("BudgetExceeded", message)


def _too_many(occasion: Occasion) -> Trouble | None:
    if (unfinished := sum(child.ended_at is None for child in occasion.children)) < MAX_UNFINISHED:
        return None
    message = (
        f"{unfinished} bundles of this schedule are not finished; at most {MAX_UNFINISHED} may be. Approve, deny or "
        "delete those that wait for an approval, and see in the others' conditions why they are not delivered."
    )
    return Trouble("TooManyUnfinished", message)


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
