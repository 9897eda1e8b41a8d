"""Events of the namespace: as a Kubernetes List for viewers, and as a table for people."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from supportbundle.collect.base import Collector, Output, RunContext
from supportbundle.collect.lists import LISTS, SINK_LIMIT, ListWriter, presentable
from supportbundle.errors import TooLarge
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import EventScope, EventsOptions
from supportbundle.model.gap import Gap, printable
from supportbundle.model.paths import collection
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import PodFacts, secret_names
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

MAX_ROWS = 20_000
"""Rows of the table, the newest ones; they are held in memory to be sorted (some 10 MB)."""

TABLE_LIMIT = 32 << 20
_HEAD = ("LAST SEEN", "COUNT", "TYPE", "REASON", "OBJECT", "MESSAGE")
_WIDTHS = (20, 5, 7, 24, 48)
_MESSAGE_CHARS = 1024

Row = tuple[str, str, str, str, str, str]


class ObjectName(Value):
    """An object that an Event may be about."""

    kind: str
    name: str


class EventParams(Value):
    """Whose Events; without `about` all of the namespace. `uids` and `names` are alternatives."""

    about: bool
    uids: tuple[str, ...] = ()
    names: tuple[ObjectName, ...] = ()


class EventsCollector:
    """`cluster-resources/events/<namespace>.json` and `events.txt`."""

    type: ClassVar[CollectorType] = CollectorType.EVENTS
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]] = {
        Capability.EVENTS: (PolicyRule(api_groups=("",), resources=("events",), verbs=("list",)),)
    }
    outputs: ClassVar[tuple[Output, ...]] = (
        Output("cluster-resources/events/<namespace>.json", "Events as a Kubernetes List.", "64Mi"),
        Output("events.txt", "The newest 20,000 Events as a table.", "32Mi"),
    )

    def requires(self, _: CollectorSpec) -> frozenset[Capability]:
        """One capability, whatever the options."""
        return frozenset({Capability.EVENTS})

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """One task, whatever the scope: a selector for hundreds of objects does not fit into one request."""
        options = spec.events or EventsOptions()
        params = about_targets(context.pods) if options.scope == EventScope.TARGETS else EventParams(about=False)
        yield Task(
            id=f"{spec.name}/events",
            collector=spec.name,
            type=CollectorType.EVENTS,
            target="events",
            params=dump(params),
            secrets=secret_names(*context.pods),
            claims=(f"cluster-resources/events/{context.namespace}.json", "events.txt"),
            folder=LISTS,
            timeout_seconds=120,
            estimate=4 << 20,
        )

    async def run(self, task: Task, context: RunContext) -> None:
        """Read all pages once; the List is written as they come, the table afterwards."""
        params = EventParams.model_validate(task.params)
        wanted = EventFilter(params)
        newest: list[Row] = []
        path = f"cluster-resources/events/{context.namespace}.json"
        async with context.sink.member(path, task=task, limit=SINK_LIMIT) as member:
            writer = ListWriter(member, "v1", "Event")
            async for event in context.cluster.items(collection("v1", "events", context.namespace)):
                if not wanted.passes(event):
                    continue
                await writer.add(presentable(event, "v1", "Event"))
                keep = heapq.heappush if len(newest) < MAX_ROWS else heapq.heappushpop
                keep(newest, _row(event))
            await writer.close()
        await _write_table(newest, task, context)
        if writer.omitted:
            message = f"{writer.omitted} of {writer.kept + writer.omitted} Events did not fit into {path}."
            context.sink.gap(Gap.say("TooLarge", message, target=task.target, collector=task.collector))


class EventFilter:
    """Whether an Event is about one of the objects."""

    def __init__(self, params: EventParams) -> None:
        self._all = not params.about
        self._uids = frozenset(params.uids)
        self._names = frozenset((o.kind, o.name) for o in params.names)

    def passes(self, event: Mapping[str, Any]) -> bool:
        """Whether it is."""
        about = event.get("involvedObject") or {}
        return self._all or about.get("uid") in self._uids or (about.get("kind"), about.get("name")) in self._names


def about_targets(pods: Iterable[PodFacts]) -> EventParams:
    """Pods, their owners, and the owners' owners as far as names tell.

    A Deployment's ReplicaSets and a CronJob's Jobs are named `<owner>-<suffix>` by their controllers; asking the API
    would need rights that the Events capability does not hold.
    """
    uids, names = set(), set()
    for pod in pods:
        uids.add(pod.uid)
        names.add(("Pod", pod.name))
        if (owner := pod.owner) is not None:
            uids.add(owner.uid)
            names.add((owner.kind, owner.name))
            grandparent = {"ReplicaSet": "Deployment", "Job": "CronJob"}.get(owner.kind)
            stem = owner.name.rpartition("-")[0]
            if grandparent and stem:
                names.add((grandparent, stem))
    return EventParams(
        about=True,
        uids=tuple(sorted(uids)),
        names=tuple(ObjectName(kind=kind, name=name) for kind, name in sorted(names)),
    )


def _row(event: Mapping[str, Any]) -> Row:
    """Every cell is text from a controller or a pod, so it is made printable; the time comes first, for sorting."""
    about = event.get("involvedObject") or {}
    series = event.get("series") or {}
    count = event.get("count") or series.get("count") or 1
    cells = (
        last_seen(event),
        count,
        event.get("type") or "",
        event.get("reason") or "",
        f"{str(about.get('kind') or '').lower()}/{about.get('name') or ''}",
        str(event.get("message") or "").strip(),
    )
    seen, number, kind, reason, what, message = (printable(str(cell), _MESSAGE_CHARS) for cell in cells)
    return seen, number, kind, reason, what, message


def last_seen(event: Mapping[str, Any]) -> str:
    """RFC 3339 to the second. The old and the new Event API keep it in different fields, any of which may be null."""
    series = event.get("series") or {}
    metadata = event.get("metadata") or {}
    times = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event.get("firstTimestamp"),
        metadata.get("creationTimestamp"),
    )
    found = next((str(time) for time in times if time), "")
    return f"{found[:19]}Z" if found else ""


async def _write_table(newest: list[Row], task: Task, context: RunContext) -> None:
    async with context.sink.member("events.txt", task=task, limit=TABLE_LIMIT) as member:
        await member.write(_line(_HEAD))
        for row in sorted(newest):
            if not await member.write(_line(row)):
                raise TooLarge("The bundle's limit was reached within events.txt.", "Raise limits.maxBytes.")
        if len(newest) >= MAX_ROWS:
            member.note("newestRows", MAX_ROWS)


def _line(row: Row) -> bytes:
    padded = (cell.ljust(width) for cell, width in zip(row, _WIDTHS, strict=False))
    return ("  ".join((*padded, row[-1])).rstrip() + "\n").encode("utf-8", "replace")


COLLECTOR: Collector = EventsCollector()
