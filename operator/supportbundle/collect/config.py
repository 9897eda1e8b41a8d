"""Configuration as the cluster holds it: which concern is asked for, and who sees to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar

from supportbundle.collect import environment, related, shapes, workloads
from supportbundle.collect.base import Collector, Output, RunContext
from supportbundle.collect.lists import LISTS, Kind, named, write_list
from supportbundle.collect.workloads import PodNames
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import ConfigMapOptions, ConfigOptions
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import PodFacts, secret_names
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

CONFIG_MAP_ESTIMATE = 16 << 10
OBJECT_ESTIMATE = 12 << 10
ENVIRONMENT_ESTIMATE = 2 << 10
SHAPE_ESTIMATE = 1 << 10
_SECONDS = 300
_CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
_BY_NAME = ("configmaps", "persistentvolumeclaims", "pods")


class ConfigMapParams(Value):
    """ConfigMaps of the namespace by name."""

    config_maps: tuple[str, ...]


class ConfigCollector:
    """Lists in `cluster-resources/<folder>/<namespace>.json`, as `sbctl` reads them, and what is derived from them."""

    type: ClassVar[CollectorType] = CollectorType.CONFIG
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]] = {
        Capability.CONFIG: (
            PolicyRule(api_groups=("",), resources=_BY_NAME, verbs=("get",)),
            PolicyRule(
                api_groups=("apps",),
                resources=("daemonsets", "deployments", "replicasets", "statefulsets"),
                verbs=("get",),
            ),
            PolicyRule(api_groups=("batch",), resources=("cronjobs", "jobs"), verbs=("get",)),
            *related.NEEDS,
        )
    }
    outputs: ClassVar[tuple[Output, ...]] = (
        Output("cluster-resources/configmaps/<namespace>.json", "ConfigMaps.", "64Mi"),
        Output(
            "cluster-resources/<kind>/<namespace>.json",
            "Target pods and the workloads that made them; with `related` also what points at them.",
            "64Mi",
        ),
        Output(environment.FILE.format(pod="<pod>", container="<container>"), "The container's environment.", "4Mi"),
        Output(shapes.FILE, "Keys, lengths and forms of the targets' Secrets; no values.", "8Mi"),
    )

    def requires(self, _: CollectorSpec) -> frozenset[Capability]:
        """One capability, whatever the options."""
        return frozenset({Capability.CONFIG})

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """One task for each concern; environments in one for all pods that use the same Secrets."""
        options = spec.config or ConfigOptions()
        if options == ConfigOptions():
            message = "Set `configMaps`, `workloads`, `environment`, `related` or `secretShapes`."
            yield Gap.say("NothingToCollect", message, target=context.namespace, collector=spec.name)
        if options.config_maps is not None:
            yield _config_maps(spec, context, options.config_maps)
        if options.workloads:
            yield _of_pods(spec, context, "workloads", workloads.claims(context.namespace))
        if options.environment:
            yield from _environments(spec, context)
        if options.related:
            yield _of_pods(spec, context, "related", related.claims(context.namespace))
        if options.secret_shapes:
            yield from _shapes(spec, context)

    async def run(self, task: Task, context: RunContext) -> None:
        """See the modules; each object that is missing is a gap of its own."""
        await _CONCERNS[task.target](task, context)


def _config_maps(spec: CollectorSpec, context: PlanContext, options: ConfigMapOptions) -> Task:
    used = {name for pod in context.pods for name in pod.config_maps}
    names = tuple(sorted(set(options.names) or used))
    return _task(spec, "configmaps", context.pods, ConfigMapParams(config_maps=names)).model_copy(
        update={"estimate": max(1, CONFIG_MAP_ESTIMATE * len(names)), "claims": (_CONFIG_MAP.file(context.namespace),)}
    )


def _of_pods(spec: CollectorSpec, context: PlanContext, concern: str, claims: tuple[str, ...]) -> Task:
    return _task(spec, concern, context.pods, _names(context.pods)).model_copy(
        update={"estimate": max(1, OBJECT_ESTIMATE * len(context.pods)), "claims": claims}
    )


def _environments(spec: CollectorSpec, context: PlanContext) -> Iterator[Task]:
    """A pod whose Secret does not exist must stay unread; apart from the others it costs only those that share it."""
    groups: defaultdict[tuple[str, ...], list[PodFacts]] = defaultdict(list)
    for pod in context.pods:
        groups[secret_names(pod)].append(pod)
    for number, (_, pods) in enumerate(sorted(groups.items()), start=1):
        task = _task(spec, "environment", tuple(pods), _names(pods))
        paths = tuple(environment.FILE.format(pod=pod.name, container=c.name) for pod in pods for c in pod.containers)
        yield task.model_copy(
            update={
                "id": f"{task.id}/{number}",
                "estimate": max(1, ENVIRONMENT_ESTIMATE * len(paths)),
                "claims": paths,
                "folder": environment.FOLDER,
            }
        )


def _shapes(spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
    """No byte of a pod is written here, so a Secret that does not exist is told instead of failing the task."""
    names = secret_names(*context.pods)
    if not names:
        message = "None of the target pods uses a Secret."
        yield Gap.say("NothingToCollect", message, target=context.namespace, collector=spec.name)
        return
    yield _task(spec, "secretshapes", (), shapes.ShapeParams(secrets=names)).model_copy(
        update={"credentials": names, "estimate": SHAPE_ESTIMATE * len(names), "claims": (shapes.FILE,)}
    )


def _names(pods: tuple[PodFacts, ...] | list[PodFacts]) -> PodNames:
    return PodNames(pods=tuple(sorted(pod.name for pod in pods)))


def _task(spec: CollectorSpec, concern: str, pods: tuple[PodFacts, ...], params: Value) -> Task:
    return Task(
        id=f"{spec.name}/{concern}",
        collector=spec.name,
        type=CollectorType.CONFIG,
        target=concern,
        params=dump(params),
        secrets=secret_names(*pods),
        folder=LISTS,
        timeout_seconds=_SECONDS,
    )


async def _collect_config_maps(task: Task, context: RunContext) -> None:
    names = ConfigMapParams.model_validate(task.params).config_maps
    await write_list(named(_CONFIG_MAP, names, task, context), _CONFIG_MAP, task, context, empty=True)


_CONCERNS: Mapping[str, Callable[[Task, RunContext], Awaitable[None]]] = MappingProxyType(
    {
        "configmaps": _collect_config_maps,
        "workloads": workloads.collect_workloads,
        "environment": environment.collect_environment,
        "related": related.collect_related,
        "secretshapes": shapes.collect_shapes,
    }
)

COLLECTOR: Collector = ConfigCollector()
