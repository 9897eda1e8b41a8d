"""History limits and the daily budget: which children go, and how their bytes still count. Pure.

A removed bundle takes its size along, so it is first listed in `status.pruning`, then removed, and once it is gone its
bytes move to `status.spent`, by the hour. A process that dies between any two of these counts no byte twice and loses
none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from supportbundle.decide.occasions import Child, Occasion
from supportbundle.model.schedule import MAX_PRUNING, Pruned, ScheduleSpec, ScheduleStatus, SpentHour

DAY: Final = timedelta(hours=24)


def spent(occasion: Occasion) -> int:
    """Bytes of all zips of the last 24 hours, also of removed bundles, whose hour counts until all of it is older.

    Zips that wait for approval or delivery count as long as they wait.
    """
    status, since = settled(occasion), occasion.now - DAY
    listed = {entry.uid for entry in status.pruning}
    recent = (c for c in occasion.children if c.ended_at is None or c.ended_at > since)
    present = sum(c.size for c in recent if c.uid not in listed)
    leaving = sum(entry.bytes for entry in status.pruning if entry.at > since)
    return present + leaving + sum(entry.bytes for entry in status.spent)


def settled(occasion: Occasion) -> ScheduleStatus:
    """The status in which bundles that are gone have moved from `pruning` to `spent`, and old hours are dropped."""
    status, since = occasion.schedule.status, occasion.now - DAY
    present = {child.uid for child in occasion.children}
    hours = {entry.hour: entry.bytes for entry in status.spent}
    for entry in status.pruning:
        if entry.uid not in present:
            hour = entry.at.replace(minute=0, second=0, microsecond=0)
            hours[hour] = hours.get(hour, 0) + entry.bytes
    kept = sorted((hour, size) for hour, size in hours.items() if hour + timedelta(hours=1) > since)
    return status.model_copy(
        update={
            "pruning": tuple(entry for entry in status.pruning if entry.uid in present),
            "spent": tuple(SpentHour(hour=hour, bytes=size) for hour, size in kept),
        }
    )


def excess(spec: ScheduleSpec, children: Iterable[Child]) -> tuple[Child, ...]:
    """Finished bundles beyond the history limits, the oldest first."""
    ended = sorted((c for c in children if c.ended_at), key=lambda c: (c.created_at, c.name))
    good = [child for child in ended if child.succeeded]
    bad = [child for child in ended if not child.succeeded]
    gone = good[: max(0, len(good) - spec.successful_bundles_history_limit)]
    gone += bad[: max(0, len(bad) - spec.failed_bundles_history_limit)]
    return tuple(sorted(gone, key=lambda c: (c.created_at, c.name)))


def to_prune(occasion: Occasion) -> tuple[tuple[Child, ...], tuple[Pruned, ...]]:
    """What may be removed now, and what is listed now to be removed by the next step."""
    status = settled(occasion)
    listed = {entry.uid for entry in status.pruning}
    chosen = excess(occasion.schedule.spec, occasion.children)
    counting = [child for child in chosen if _counts(child, occasion.now) and child.uid not in listed]
    now = tuple(c for c in occasion.children if c.uid in listed or (c in chosen and not _counts(c, occasion.now)))
    room = MAX_PRUNING - len(status.pruning)
    return now, tuple(_entry(child) for child in counting[:room])


def _counts(child: Child, now: datetime) -> bool:
    return child.size > 0 and child.ended_at is not None and child.ended_at > now - DAY


def _entry(child: Child) -> Pruned:
    assert child.ended_at is not None, "only finished bundles are chosen"  # noqa: S101 - states excess's contract
    return Pruned(uid=child.uid, at=child.ended_at, bytes=child.size)
