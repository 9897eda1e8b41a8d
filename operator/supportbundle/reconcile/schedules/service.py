"""All of scheduling as the operator's process holds it: a queue of its own, the inbox, the watches, alerts."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from supportbundle.decide.occasions import Verdict
from supportbundle.errors import Invalid
from supportbundle.model import names
from supportbundle.model.alert import AlertGroup
from supportbundle.model.pod import controller_of
from supportbundle.model.schedule import TriggerType, parse_schedule
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.key import Key, key_of
from supportbundle.reconcile.schedules.alerts import fire
from supportbundle.reconcile.schedules.inbox import Inbox
from supportbundle.reconcile.schedules.step import ScheduleReconciler
from supportbundle.reconcile.schedules.watching import Watched, Watching
from supportbundle.workqueue import WorkQueue

WORKERS: Final = 2


class Scheduling:
    """Told of schedules and bundles by whoever watches them."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._queue: WorkQueue[Key] = WorkQueue(time.monotonic)
        self._inbox = Inbox(self._queue.add)
        self._watching = Watching(deps.client, self._inbox, deps.clock)
        self._reconciler = ScheduleReconciler(deps, self._inbox, self._watching.trouble)

    def schedule_seen(self, event: str | None, obj: Mapping[str, Any]) -> None:
        """A schedule was listed, created, changed or deleted."""
        key = key_of(obj)
        self._watching.update(key, None if event == "DELETED" else _watched(obj))
        self._queue.add(key)

    def bundle_seen(self, obj: Mapping[str, Any]) -> None:
        """A bundle has changed; if a schedule has made it, that one looks again."""
        ref = controller_of(obj)
        if ref is not None and ref.kind == names.SCHEDULE_KIND:
            self._queue.add(Key(obj["metadata"]["namespace"], ref.name, ref.uid))

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._queue.work(self._reconciler.run))
            group.create_task(self._watching.run())

    async def fire(self, group: AlertGroup) -> Counter[Verdict]:
        """Alertmanager has called; see `alerts.fire`."""
        return await fire(group, self._deps, self._inbox)


def _watched(obj: Mapping[str, Any]) -> Watched | None:
    """What is to be watched for this schedule; nothing for one that is suspended or cannot be read."""
    try:
        schedule = parse_schedule(obj)
    except Invalid:
        return None
    spec = schedule.spec
    triggers = tuple(trigger for trigger in spec.triggers if trigger.type != TriggerType.ALERT)
    if spec.suspend or not triggers:
        return None
    return Watched(schedule.metadata.creation_timestamp, triggers)
