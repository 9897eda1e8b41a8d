"""Configuration as the cluster holds it: ConfigMaps, and the workloads that made the target pods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from supportbundle.collect.base import Collector, RunContext
from supportbundle.collect.lists import SINK_LIMIT, ListWriter, each, presentable
from supportbundle.errors import SupportBundleError
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import ConfigOptions
from supportbundle.model.gap import Gap
from supportbundle.model.paths import one
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import OwnerRef, PodFacts, controller_of
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

CONFIG_MAP_ESTIMATE = 16 << 10
OBJECT_ESTIMATE = 12 << 10
_SECONDS = 300


class ConfigMapParams(Value):
    """ConfigMaps of the namespace by name."""

    config_maps: tuple[str, ...]


class WorkloadParams(Value):
    """Target pods by name; their owners are found on the way."""

    pods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind whose objects are fetched one by one; `plural` is also the folder of troubleshoot's layout."""

    api_version: str
    kind: str
    plural: str


_CONFIG_MAP = _Kind("v1", "ConfigMap", "configmaps")
_POD = _Kind("v1", "Pod", "pods")
_OWNERS = (
    _Kind("apps/v1", "ReplicaSet", "replicasets"),
    _Kind("batch/v1", "Job", "jobs"),
    _Kind("apps/v1", "StatefulSet", "statefulsets"),
    _Kind("apps/v1", "DaemonSet", "daemonsets"),
    _Kind("apps/v1", "Deployment", "deployments"),
    _Kind("batch/v1", "CronJob", "cronjobs"),
)
"""In this order: what owns stands after what it owns, so that one pass finds the whole chain."""

Wanted = dict[str, OwnerRef]
"""Owners still to be fetched, by uid, so that a hundred pods ask for their ReplicaSet once."""


class ConfigCollector:
    """Lists in `cluster-resources/<plural>/<namespace>.json`, as `sbctl` reads them."""

    type: ClassVar[CollectorType] = CollectorType.CONFIG
    capability: ClassVar[Capability] = Capability.CONFIG
    needs: ClassVar[tuple[PolicyRule, ...]] = (
        PolicyRule(api_groups=("",), resources=("configmaps", "pods"), verbs=("get",)),
        PolicyRule(
            api_groups=("apps",), resources=("daemonsets", "deployments", "replicasets", "statefulsets"), verbs=("get",)
        ),
        PolicyRule(api_groups=("batch",), resources=("cronjobs", "jobs"), verbs=("get",)),
    )

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """One task for all ConfigMaps, one for all workloads."""
        options = spec.config or ConfigOptions()
        if options.config_maps is None and not options.workloads:
            yield Gap.say(
                "NothingToCollect", "Set `configMaps` or `workloads`.", target=context.namespace, collector=spec.name
            )
        if options.config_maps is not None:
            used = {name for pod in context.pods for name in pod.config_maps}
            names = tuple(sorted(set(options.config_maps.names) or used))
            params = ConfigMapParams(config_maps=names)
            yield _task(spec, "configmaps", context.pods, params, CONFIG_MAP_ESTIMATE * len(names))
        if options.workloads:
            pods = tuple(sorted(pod.name for pod in context.pods))
            yield _task(spec, "workloads", context.pods, WorkloadParams(pods=pods), OBJECT_ESTIMATE * len(pods))

    async def run(self, task: Task, context: RunContext) -> None:
        """Fetch and write the lists; each object that is missing is a gap of its own."""
        if task.target == "configmaps":
            names = ConfigMapParams.model_validate(task.params).config_maps
            await _Lists(task, context).write(_CONFIG_MAP, names)
        else:
            await _workloads(task, context, WorkloadParams.model_validate(task.params))


async def _workloads(task: Task, context: RunContext, params: WorkloadParams) -> None:
    lists = _Lists(task, context)
    await lists.write(_POD, params.pods)
    for kind in _OWNERS:
        if names := lists.take_owners(kind):
            await lists.write(kind, names)
    for owner in lists.wanted.values():
        lists.gap(
            f"{owner.kind}/{owner.name}",
            "UnsupportedOwner",
            f"Objects of kind {owner.kind} ({owner.api_version}) are not collected.",
        )


class _Lists:
    """The files of one task, written one after the other; owners seen on the way are kept in `wanted`."""

    def __init__(self, task: Task, context: RunContext) -> None:
        self._task = task
        self._context = context
        self.wanted: Wanted = {}

    def take_owners(self, kind: _Kind) -> tuple[str, ...]:
        """The names of the wanted owners of this kind, which are wanted no more."""
        taken = [o for o in self.wanted.values() if (o.api_version, o.kind) == (kind.api_version, kind.kind)]
        for owner in taken:
            del self.wanted[owner.uid]
        return tuple(sorted({owner.name for owner in taken}))

    async def write(self, kind: _Kind, names: tuple[str, ...]) -> None:
        """One List of the objects with these names."""
        namespace = self._context.namespace
        path = f"cluster-resources/{kind.plural}/{namespace}.json"
        objects = each(self._context.cluster, (one(kind.api_version, kind.plural, n, namespace) for n in names))
        async with self._context.sink.member(path, task=self._task, limit=SINK_LIMIT) as member:
            writer = ListWriter(member, kind.api_version, kind.kind)
            remaining = iter(names)
            async for found in objects:
                name = next(remaining)
                if isinstance(found, SupportBundleError):
                    self.gap(f"{kind.kind}/{name}", found.reason, str(found))
                    continue
                self._want(found)
                await writer.add(presentable(found, kind.api_version, kind.kind))
            await writer.close()
        if writer.omitted:
            self.gap(kind.plural, "TooLarge", f"{writer.omitted} of {len(names)} objects did not fit into {path}.")

    def gap(self, target: str, reason: str, message: str) -> None:
        """One missing object."""
        self._context.sink.gap(Gap.say(reason, message, target=target, collector=self._task.collector))

    def _want(self, obj: dict[str, Any]) -> None:
        owner = controller_of(obj)
        if owner is not None:
            self.wanted[owner.uid] = owner


def _task(spec: CollectorSpec, target: str, pods: tuple[PodFacts, ...], params: Value, estimate: int) -> Task:
    return Task(
        id=f"{spec.name}/{target}",
        collector=spec.name,
        type=CollectorType.CONFIG,
        target=target,
        params=dump(params),
        secrets=tuple(sorted({secret.name for pod in pods for secret in pod.secrets})),
        timeout_seconds=_SECONDS,
        estimate=max(1, estimate),
    )


COLLECTOR: Collector = ConfigCollector()
