"""What the targets use, from metrics.k8s.io, and what they say about themselves on a Prometheus port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import ClassVar

from supportbundle.collect.base import Collector, Output, PodRequest, RunContext
from supportbundle.collect.lists import Json, Kind, write_list
from supportbundle.collect.ports import NEEDS, PodPort, download, not_running, pod_url, unreachable
from supportbundle.errors import NotFound, Unavailable
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import MetricsOptions
from supportbundle.model.gap import Gap
from supportbundle.model.paths import collection
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import PodFacts, secret_names
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

POD_METRICS = Kind("metrics.k8s.io/v1beta1", "PodMetrics", "pods")
USAGE_FILE = "metrics/pods.json"
TEXT_FILE = "pods/{pod}/metrics.txt"
TEXT_LIMIT = 10 << 20
TEXT_SECONDS = 30
_USAGE_ESTIMATE = 1 << 10
_TEXT_ESTIMATE = 256 << 10
_USAGE_SECONDS = 60


class UsageParams(Value):
    """Target pods by name."""

    pods: tuple[str, ...]


class TextParams(Value):
    """The Prometheus port of one pod."""

    port: PodPort
    path: str


class MetricsCollector:
    """One task for metrics.k8s.io, and one for each pod if a port is named."""

    type: ClassVar[CollectorType] = CollectorType.METRICS
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]] = {
        Capability.RESOURCES: (),
        Capability.HTTP: NEEDS,
    }
    outputs: ClassVar[tuple[Output, ...]] = (
        Output(USAGE_FILE, "CPU and memory of the target pods, as metrics.k8s.io tells them.", "64Mi"),
        Output(TEXT_FILE.format(pod="<pod>"), "What the pod's Prometheus port says.", "10Mi"),
    )

    def requires(self, spec: CollectorSpec) -> frozenset[Capability]:
        """Asking a port is HTTP."""
        options = spec.metrics or MetricsOptions()
        return frozenset({Capability.RESOURCES, *({Capability.HTTP} if options.port else ())})

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """Nothing without targets."""
        options = spec.metrics or MetricsOptions()
        if context.pods:
            yield _usage_task(spec, context)
        if options.port is None:
            return
        for pod in context.pods:
            gap = unreachable(pod, options.via, spec.name) if pod.running else not_running(pod, spec.name)
            yield gap or _text_task(spec, options, options.port, pod)

    async def run(self, task: Task, context: RunContext) -> None:
        """One of the two."""
        if task.target == "metrics":
            await _usage(task, context)
        else:
            await _text(task, context)


async def _usage(task: Task, context: RunContext) -> None:
    wanted = frozenset(UsageParams.model_validate(task.params).pods)
    found: set[str] = set()

    async def theirs() -> AsyncIterator[Json]:
        async for item in context.cluster.items(collection(POD_METRICS.api_version, "pods", context.namespace)):
            if (name := item["metadata"].get("name")) in wanted:
                found.add(name)
                yield item

    try:
        # Anybody may ask what is served; where nothing is, the list itself would be refused as forbidden.
        await context.cluster.get(f"/apis/{POD_METRICS.api_version}")
        await write_list(theirs(), POD_METRICS, task, context, path=USAGE_FILE)
    except (NotFound, Unavailable) as error:
        message = f"metrics.k8s.io is not served; is metrics-server installed? {error}"
        context.sink.gap(Gap.say("MetricsNotServed", message, target=task.target, collector=task.collector))
        return
    if missing := sorted(wanted - found):
        message = f"There are no metrics yet of {len(missing)} pods: {', '.join(missing)}"
        context.sink.gap(Gap.say("NotFound", message, target=task.target, collector=task.collector))


async def _text(task: Task, context: RunContext) -> None:
    params = TextParams.model_validate(task.params)
    async with pod_url(params.port, context) as base:
        request = PodRequest(f"{base}{params.path}", timeout_seconds=TEXT_SECONDS)
        await download(request, TEXT_FILE.format(pod=params.port.pod), task, context, limit=TEXT_LIMIT)


def _usage_task(spec: CollectorSpec, context: PlanContext) -> Task:
    names = tuple(pod.name for pod in context.pods)
    return Task(
        id=f"{spec.name}/metrics",
        collector=spec.name,
        type=CollectorType.METRICS,
        target="metrics",
        params=dump(UsageParams(pods=names)),
        secrets=secret_names(*context.pods),
        claims=(USAGE_FILE,),
        timeout_seconds=_USAGE_SECONDS,
        estimate=_USAGE_ESTIMATE * len(names),
    )


def _text_task(spec: CollectorSpec, options: MetricsOptions, port: int, pod: PodFacts) -> Task:
    return Task(
        id=f"{spec.name}/{pod.name}/text",
        collector=spec.name,
        type=CollectorType.METRICS,
        target=f"{pod.name}/metrics",
        params=dump(TextParams(port=PodPort.of(pod, port, options.via), path=options.path)),
        secrets=secret_names(pod),
        claims=(TEXT_FILE.format(pod=pod.name),),
        node=pod.node,
        timeout_seconds=TEXT_SECONDS * 2,
        estimate=_TEXT_ESTIMATE,
    )


COLLECTOR: Collector = MetricsCollector()
