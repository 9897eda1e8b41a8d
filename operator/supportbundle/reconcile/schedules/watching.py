"""Pods and Jobs of the namespaces whose schedules have triggers, watched line by line; nothing is kept of what is well.

One watch for each such namespace and kind, begun anew when its triggers change, because a Job that has failed does not
change any more. It is also begun anew after each failure, of the watch itself or in passing a signal on: what was
missed is in the objects, and only what was passed on counts as seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from supportbundle.decide.occasions import Signal
from supportbundle.decide.triggers import FRESH, JOB_KINDS, POD_KINDS, is_our_own, owner_of_job, signal_of
from supportbundle.errors import Expired, Forbidden, Invalid, NotFound, SupportBundleError, Unavailable
from supportbundle.kube.client import Client
from supportbundle.model.schedule import Trigger, TriggerType
from supportbundle.model.spec import LabelSelector
from supportbundle.plan.select import matches
from supportbundle.reconcile import paths
from supportbundle.reconcile.key import Key
from supportbundle.reconcile.schedules.inbox import Inbox

log = logging.getLogger(__name__)
MAX_WATCHES: Final = 100
MAX_SEEN: Final = 5000
"""Objects with a signal that are remembered, so that each of their changes is not a step."""
TROUBLED: Final = 3
"""Failures in a row after which a schedule says that it does not see its triggers."""
_LIFE: Final = {"timeoutSeconds": "290"}
_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0


class Place(NamedTuple):
    """What one watch looks at."""

    namespace: str
    kind: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A schedule's triggers, as far as they are about pods and Jobs."""

    created: datetime
    triggers: tuple[Trigger, ...]

    def of(self, kind: str) -> tuple[Trigger, ...]:
        """The triggers that look at this kind."""
        return tuple(trigger for trigger in self.triggers if trigger.type in _KINDS[kind][0])


_KINDS: Final[Mapping[str, tuple[frozenset[TriggerType], Callable[[bytes], bool]]]] = {
    "pods": (POD_KINDS, lambda line: b'"terminated":' in line),
    "jobs": (JOB_KINDS, lambda line: b'"Failed"' in line),
}
"""Which triggers look at a kind, and which of its changes can have something to say to them."""


class Watching:
    """Runs the watches; `run` must be alive for `update` to have an effect."""

    def __init__(
        self,
        client: Client,
        inbox: Inbox,
        clock: Callable[[], datetime],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._clock = clock
        self._pause = pause
        self._schedules: dict[Key, Watched] = {}
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self._failures: dict[Place, tuple[int, str]] = {}
        self._seen: OrderedDict[tuple[str, str, str], datetime] = OrderedDict()
        self._changed = asyncio.Event()
        self._begin: set[Place] = set()

    def update(self, key: Key, watched: Watched | None) -> None:
        """The schedule's triggers now; None for one that is gone or suspended."""
        before = self._schedules.get(key)
        if before == watched:
            return
        if watched is None:
            del self._schedules[key]
        else:
            self._schedules[key] = watched
        self._begin |= {Place(key.namespace, kind) for kind in _KINDS}
        self._changed.set()

    def trouble(self, key: Key) -> str:
        """Why the triggers of this schedule are not seen; empty if they are."""
        watched = self._schedules.get(key)
        for kind in _KINDS if watched else ():
            place = Place(key.namespace, kind)
            if not watched or not watched.of(kind):
                continue
            if place not in self._tasks and place not in self._begin:
                return f"Triggers are watched in at most {MAX_WATCHES} places (a namespace's pods, or its Jobs)."
            count, message = self._failures.get(place, (0, ""))
            if count >= TROUBLED:
                return f"The {kind} of this namespace cannot be watched: {message}"
        return ""

    async def run(self) -> None:
        """Keep one watch for each place that needs one, for ever."""
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                begin, self._begin = self._begin, set()
                for place in sorted(begin):
                    self._restart(place)
        finally:
            for task in self._tasks.values():
                task.cancel()

    def _restart(self, place: Place) -> None:
        if task := self._tasks.pop(place, None):
            task.cancel()
        self._failures.pop(place, None)
        needed = any(key.namespace == place.namespace and w.of(place.kind) for key, w in self._schedules.items())
        if needed and len(self._tasks) < MAX_WATCHES:
            self._tasks[place] = asyncio.get_running_loop().create_task(self._follow(place))

    async def _follow(self, place: Place) -> None:
        version = ""
        while True:
            pause = _PAUSE
            try:
                async for newer, obj in self._changes(place, version):
                    version = newer  # also for an object that no repetition would let us read
                    await self._look(place, obj)
                    self._failures.pop(place, None)
            except Expired:
                version = ""
            except SupportBundleError as error:
                version, pause = "", self._failed(place, str(error))
            except Exception:
                log.exception("watching %s of %s failed", place.kind, place.namespace)
                pause = self._failed(place, "unexpected failure; see the operator's log.")
            await self._pause(pause)

    async def _changes(self, place: Place, version: str) -> AsyncIterator[tuple[str, Mapping[str, Any] | None]]:
        """(resourceVersion, object) of each change that is wanted; without a version all objects come first."""
        query = _LIFE | ({"resourceVersion": version} if version else {})
        path, wanted = paths.every(place.kind, place.namespace), _KINDS[place.kind][1]
        async for kind, obj in self._client.watch(path, query, wanted=wanted):
            yield obj["metadata"]["resourceVersion"], obj if kind in {"ADDED", "MODIFIED"} else None

    def _failed(self, place: Place, message: str) -> float:
        count = self._failures.get(place, (0, ""))[0] + 1
        self._failures[place] = (count, message)
        if count == TROUBLED:
            log.warning("the %s of %s cannot be watched for triggers: %s", place.kind, place.namespace, message)
        return min(_LONGEST_PAUSE, _PAUSE * 2.0 ** min(count, 10))

    async def _look(self, place: Place, obj: Mapping[str, Any] | None) -> None:
        if obj is None or is_our_own(obj):
            return
        labels = obj["metadata"].get("labels", {})
        for key, watched in list(self._schedules.items()):
            if key.namespace != place.namespace:
                continue
            for trigger in watched.of(place.kind):
                if not matches(trigger.selector or LabelSelector(), labels):
                    continue
                signal = signal_of(trigger, obj)
                if signal and self._is_news(key, watched, obj["metadata"]["uid"], signal):
                    await self._pass_on(key, obj["metadata"]["uid"], signal)

    def _is_news(self, key: Key, watched: Watched, uid: str, signal: Signal) -> bool:
        """Whether it happened lately, in the schedule's own time, and was not passed on before."""
        if signal.at < watched.created or self._clock() - signal.at > FRESH:
            return False
        return self._seen.get((key.uid, signal.trigger, uid)) != signal.at

    async def _pass_on(self, key: Key, uid: str, signal: Signal) -> None:
        """Into the inbox.

        Raises:
            SupportBundleError: it is not there; the object must be looked at again.
        """
        if not self._inbox.put(key, await with_cron_job(signal, key.namespace, self._client)):
            raise Unavailable("Too many signals wait for an answer.", "The operator tries again.")
        name = (key.uid, signal.trigger, uid)
        self._seen[name] = signal.at
        self._seen.move_to_end(name)
        if len(self._seen) > MAX_SEEN:
            self._seen.popitem(last=False)


async def with_cron_job(signal: Signal, namespace: str, client: Client) -> Signal:
    """The signal of a pod of a Job, in the name of the CronJob behind it.

    Raises:
        SupportBundleError: the Job cannot be read just now.
    """
    kind, _, name = signal.owner.partition("/")
    if kind != "Job":
        return signal
    try:
        job = await client.get(paths.named("jobs", namespace, name))
    except (NotFound, Forbidden, Invalid):  # a Job that nobody lets us see must not hide all others
        return signal
    return replace(signal, owner=owner_of_job(job), job=signal.owner)
