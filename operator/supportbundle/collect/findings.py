"""A check list of what is wrong with the targets, computed on the objects as they are, before anything is sanitized.

It takes no rights beyond those of Config and Events: objects are read by name, as pods, their owners and Events tell
them. The checks are pure and stand in `supportbundle.findings`; what they quote is sanitized like any other file.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import orjson

from supportbundle.collect.base import Collector, Output, RunContext
from supportbundle.collect.events import EventFilter, EventParams, about_targets
from supportbundle.collect.lists import Json, Kind, each
from supportbundle.collect.metrics import POD_METRICS
from supportbundle.collect.workloads import OWNERS, POD, Wanted
from supportbundle.errors import NotFound, SupportBundleError, TooLarge, Unavailable
from supportbundle.findings.events import EventBook, Told, age
from supportbundle.findings.registry import CHECKS
from supportbundle.findings.report import MAX_FINDINGS, Report, examine
from supportbundle.findings.seen import Seen, Source, Usage
from supportbundle.findings.view import View
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import EventScope, FindingsOptions
from supportbundle.model.gap import Gap
from supportbundle.model.names import run_name
from supportbundle.model.paths import collection, one
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import OBJECT_NAME, OwnerRef, secret_names
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

FILE = "findings.json"
LIMIT = 8 << 20
MAX_PODS = 2000
"""Pods that are looked at, each by a request; what checks need of one takes some 10 KiB of memory."""

MAX_EVENTS = 5000
"""Events that are kept, the newest ones."""

MAX_OTHERS = 1000
"""Claims, and workloads of each kind, that are looked at."""

_ESTIMATE = 64 << 10
_SECONDS = 600
_CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
_KINDS = {kind.kind: kind for kind in OWNERS}
_POINTING = ("FailedCreate", "BackoffLimitExceeded", "DeadlineExceeded")
"""Reasons of Events about workloads that may have no pod."""

_OURS = re.compile(re.escape(run_name("")) + r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-.*)?")
"""Collector pods and their Jobs, which are nobody's workload."""

_CONTAINER_FIELDS = ("name", "image", "resources", "readinessProbe", "startupProbe")
_USAGE = "set findings.usage, which needs the capability Resources and metrics.k8s.io"


class FindingsParams(Value):
    """Target pods by name; `about` are their Events, or all; `usage` whether to ask metrics.k8s.io."""

    pods: tuple[str, ...]
    about: EventParams
    usage: bool


class FindingsCollector:
    """`findings.json`, in one task for all targets."""

    type: ClassVar[CollectorType] = CollectorType.FINDINGS
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]] = {
        Capability.CONFIG: (
            PolicyRule(api_groups=("",), resources=("persistentvolumeclaims", "pods"), verbs=("get",)),
            PolicyRule(
                api_groups=("apps",),
                resources=("daemonsets", "deployments", "replicasets", "statefulsets"),
                verbs=("get",),
            ),
            PolicyRule(api_groups=("batch",), resources=("cronjobs", "jobs"), verbs=("get",)),
        ),
        Capability.EVENTS: (PolicyRule(api_groups=("",), resources=("events",), verbs=("list",)),),
        Capability.RESOURCES: (),
    }
    outputs: ClassVar[tuple[Output, ...]] = (
        Output(FILE, "What is wrong with the targets, each with its evidence, and what was checked.", "8Mi"),
    )

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    def requires(self, spec: CollectorSpec) -> frozenset[Capability]:
        """Both that it reads with; usage is read with what may be viewed."""
        options = spec.findings or FindingsOptions()
        return frozenset({Capability.CONFIG, Capability.EVENTS, *({Capability.RESOURCES} if options.usage else ())})

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """One task; nothing without targets."""
        if not context.pods:
            return
        options = spec.findings or FindingsOptions()
        if len(context.pods) > MAX_PODS:
            message = f"Of {len(context.pods)} pods the first {MAX_PODS} are looked at. Narrow the target."
            yield Gap.say("TooLarge", message, target="findings", collector=spec.name)
        pods = context.pods[:MAX_PODS]
        whole = options.scope == EventScope.NAMESPACE
        params = FindingsParams(
            pods=tuple(pod.name for pod in pods),
            about=EventParams(about=False) if whole else about_targets(pods),
            usage=options.usage,
        )
        yield Task(
            id=f"{spec.name}/findings",
            collector=spec.name,
            type=CollectorType.FINDINGS,
            target="findings",
            params=dump(params),
            secrets=secret_names(*context.pods),
            claims=(FILE,),
            timeout_seconds=_SECONDS,
            estimate=_ESTIMATE,
        )

    async def run(self, task: Task, context: RunContext) -> None:
        """Read, check, write. What cannot be read is a gap, and the checks that need it are marked as incomplete."""
        params = FindingsParams.model_validate(task.params)
        seen = await _Reading(task, context).seen(params, self._clock())
        skipped = {} if params.usage else {check.name: _USAGE for check in CHECKS if Source.USAGE in check.needs}
        report = await asyncio.to_thread(examine, seen, CHECKS, skipped)
        await _write(report, task, context)


class _Reading:
    """What one task reads, and what of it could not be had."""

    def __init__(self, task: Task, context: RunContext) -> None:
        self._task = task
        self._context = context
        self._unread: set[Source] = set()

    async def seen(self, params: FindingsParams, now: datetime) -> Seen:
        """Everything, in the order in which one leads to the other."""
        wanted, claims = Wanted(), dict[str, None]()
        pods: list[View] = []
        async for pod in self._named(POD, params.pods, Source.PODS):
            wanted.note(pod)
            claims |= dict.fromkeys(_claims(View(pod)))
            pods.append(View(_slim(pod)))
        events = await self._events(params.about, frozenset(claims))
        for told in events.told(*_POINTING):
            if (kind := _KINDS.get(told.kind)) is not None and OBJECT_NAME.fullmatch(told.name):
                uid = f"{told.kind}/{told.name}"
                wanted.add(OwnerRef(api_version=kind.api_version, kind=kind.kind, name=told.name, uid=uid))
        workloads: list[View] = []
        for kind in OWNERS:
            async for owner in self._named(kind, wanted.take(kind), Source.WORKLOADS):
                wanted.note(owner)
                workloads.append(View({"kind": kind.kind, **_kept(owner)}))
        absent: list[str] = []
        asked = self._named(_CLAIM, tuple(claims), Source.CLAIMS, absent)
        found = [View(_kept(claim)) async for claim in asked]
        return Seen(
            now=now,
            pods=tuple(pods),
            workloads=tuple(workloads),
            claims=tuple(found),
            absent=tuple(absent),
            events=events,
            usage=await self._usage() if params.usage else {},
            unread=frozenset(self._unread),
        )

    async def _named(
        self, kind: Kind, names: tuple[str, ...], source: Source, absent: list[str] | None = None
    ) -> AsyncIterator[Json]:
        """The objects with these names. What is gone is told in `absent`, or by nobody: it has nothing wrong any more.

        Any other failure is one gap for all objects of the kind, and its source has not been read whole.
        """
        if source != Source.PODS and len(names) > MAX_OTHERS:
            self._missing(source, "TooLarge", f"Of {len(names)} {kind.plural} the first {MAX_OTHERS} are looked at.")
            names = names[:MAX_OTHERS]
        failed: list[SupportBundleError] = []
        paths = (one(kind.api_version, kind.plural, name, self._context.namespace) for name in names)
        rest = iter(names)
        async for answer in each(self._context.cluster, paths):
            name = next(rest)
            if isinstance(answer, NotFound):
                if absent is not None:
                    absent.append(name)
            elif isinstance(answer, SupportBundleError):
                failed.append(answer)
            else:
                yield answer
        if failed:
            self._missing(source, failed[0].reason, f"{len(failed)} of {len(names)} {kind.plural}: {failed[0]}")

    async def _events(self, about: EventParams, claims: frozenset[str]) -> EventBook:
        """Those that checks look at, the newest of them."""
        wanted = EventFilter(about)
        newest: list[tuple[float, int, Told]] = []
        numbers = itertools.count()
        path = collection("v1", "events", self._context.namespace)
        try:
            async for event in self._context.cluster.items(path):
                told = Told.of(event)
                if told is None or _OURS.fullmatch(told.name):
                    continue
                if not (wanted.passes(event) or (told.kind == _CLAIM.kind and told.name in claims)):
                    continue
                number = next(numbers)
                keep = heapq.heappush if len(newest) < MAX_EVENTS else heapq.heappushpop
                keep(newest, (-age(told)[0], -number, told))
        except SupportBundleError as error:
            self._missing(Source.EVENTS, error.reason, f"Events: {error}")
        if (all_of_them := next(numbers)) > MAX_EVENTS:
            message = f"Of {all_of_them} Events about trouble the newest {MAX_EVENTS} are looked at."
            self._missing(Source.EVENTS, "TooLarge", message)
        return EventBook(told for _, _, told in newest)

    async def _usage(self) -> dict[tuple[str, str], Usage]:
        used: dict[tuple[str, str], Usage] = {}
        try:
            # Anybody may ask what is served; where nothing is, the list itself would be refused as forbidden.
            await self._context.cluster.get(f"/apis/{POD_METRICS.api_version}")
            path = collection(POD_METRICS.api_version, POD_METRICS.plural, self._context.namespace)
            async for item in self._context.cluster.items(path):
                used |= _usages(View(item))
        except (NotFound, Unavailable) as error:
            message = f"metrics.k8s.io is not served; is metrics-server installed? {error}"
            self._missing(Source.USAGE, "MetricsNotServed", message)
        except SupportBundleError as error:
            self._missing(Source.USAGE, error.reason, f"metrics.k8s.io: {error}")
        return used

    def _missing(self, source: Source, reason: str, message: str) -> None:
        self._unread.add(source)
        message = f"Not all checks could be made. {message}"
        self._context.sink.gap(Gap.say(reason, message, target=source, collector=self._task.collector))


def _claims(pod: View) -> Iterator[str]:
    """PersistentVolumeClaims that the pod uses; those of `ephemeral` volumes are named after pod and volume."""
    for _, volume in pod["spec"]["volumes"].each():
        name = volume["persistentVolumeClaim"]["claimName"].text()
        if volume["ephemeral"]:
            name = f"{pod['metadata']['name'].text()}-{volume['name'].text()}"
        if OBJECT_NAME.fullmatch(name):
            yield name


def _slim(pod: Mapping[str, Any]) -> Json:
    """What checks look at; environment, annotations and the like would take most of the memory."""
    spec = View(pod)["spec"]
    lists = ("initContainers", "containers", "ephemeralContainers")
    kept = {name: [_only(item, _CONTAINER_FIELDS) for _, item in spec[name].each()] for name in lists}
    return {
        "metadata": _only(View(pod)["metadata"], ("name", "deletionTimestamp")),
        "spec": kept,
        "status": View(pod)["status"].value,
    }


def _only(view: View, fields: Iterable[str]) -> Json:
    return {field: view[field].value for field in fields if view[field]}


def _kept(obj: Mapping[str, Any]) -> Json:
    """A workload or a claim without its template, and without what only its history needs."""
    return {
        "metadata": _only(View(obj)["metadata"], ("name", "creationTimestamp")),
        "spec": _only(View(obj)["spec"], ("replicas", "storageClassName")),
        "status": View(obj)["status"].value,
    }


def _usages(item: View) -> Iterator[tuple[tuple[str, str], Usage]]:
    pod, time = item["metadata"]["name"].name(), item["timestamp"].moment()
    for _, container in item["containers"].each():
        usage = container["usage"]
        found = Usage(cpu=usage["cpu"].quantity(), memory=usage["memory"].quantity(), time=time)
        yield (pod, container["name"].name()[:63]), found


async def _write(report: Report, task: Task, context: RunContext) -> None:
    text = orjson.dumps(report.document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    async with context.sink.member(FILE, task=task, limit=LIMIT) as member:
        if not await member.write(text):
            raise TooLarge(f"{FILE} does not fit into what the bundle may hold.", "Raise limits.maxBytes.")
        for key, value in report.problems.notes().items():
            member.note(key, value)
    if report.omitted:
        message = f"{FILE} holds the worst {MAX_FINDINGS} findings; {report.omitted} more are only counted."
        context.sink.gap(Gap.say("TooLarge", message, target=task.target, collector=task.collector))


COLLECTOR: Collector = FindingsCollector()
