"""Objects of the namespace, of all kinds that the API server offers or of those that are named; and the cluster itself.

Secrets are never listed, not even their names: `config.secretShapes` tells of them what a bundle may know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from supportbundle.collect.base import Collector, Output, RunContext
from supportbundle.collect.clusterinfo import (
    CLASSES_FILE,
    METRICS_FILE,
    NODES_FILE,
    VERSION_FILE,
    write_cluster_info,
    write_json,
    write_version,
)
from supportbundle.collect.discovery import ApiKind, Discovery, discover
from supportbundle.collect.lists import LISTS, attempt, write_list
from supportbundle.errors import Forbidden, SupportBundleError
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.cluster import ClusterFacts
from supportbundle.model.collectors import ResourcesOptions
from supportbundle.model.gap import Gap
from supportbundle.model.paths import collection
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import secret_names
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

ESTIMATE = 8 << 20
GROUPS_FILE = "cluster-resources/groups.json"
RESOURCES_FILE = "cluster-resources/resources.json"
BUILT_IN = frozenset(
    {
        "",
        "apps",
        "autoscaling",
        "batch",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "extensions",
        "networking.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "storage.k8s.io",
    }
)
"""Kinds of these groups have folders of their own in troubleshoot's layout; all others are custom resources there."""

_PAGE = "100"
"""A page is held in memory."""

_SECONDS = 600
_SECRETS = frozenset({"secret", "secrets"})
_LEFT_OUT = frozenset({"secrets", "endpoints", "events.events.k8s.io"})
"""Endpoints repeat the endpoint slices, and the newer group of events the core one."""

_METRICS_GROUP = "metrics.k8s.io"
"""Read by Metrics collectors."""


class ResourceParams(Value):
    """Kinds by plural, with or without their group; without any all of them. `cluster` where it is asked for."""

    kinds: tuple[str, ...] = ()
    cluster: ClusterFacts | None = None


class ResourcesCollector:
    """One task for the namespace; it reads with what an aggregated ClusterRole of the admin's allows."""

    type: ClassVar[CollectorType] = CollectorType.RESOURCES
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]] = {Capability.RESOURCES: ()}
    outputs: ClassVar[tuple[Output, ...]] = (
        Output("cluster-resources/<kind>/<namespace>.json", "Objects of a built-in kind as a Kubernetes List.", "64Mi"),
        Output("cluster-resources/custom-resources/<kind>.<group>/<namespace>.json", "Custom resources.", "64Mi"),
        Output(GROUPS_FILE, "The API groups, for `sbctl`.", "8Mi"),
        Output(RESOURCES_FILE, "The kinds of each group, for `sbctl`.", "8Mi"),
        Output(VERSION_FILE, "The version of the API server.", "8Mi"),
        Output(NODES_FILE, "With `clusterInfo`: summaries of the nodes.", "64Mi"),
        Output(CLASSES_FILE, "With `clusterInfo`: storage classes without their parameters.", "64Mi"),
        Output(METRICS_FILE, "With `clusterInfo`: what the nodes use, where metrics.k8s.io is served.", "64Mi"),
    )

    def requires(self, _: CollectorSpec) -> frozenset[Capability]:
        """One capability, whatever the options."""
        return frozenset({Capability.RESOURCES})

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """One task; the cluster's facts travel with it, because the Job may not read them."""
        options = spec.resources or ResourcesOptions()
        kinds = tuple(sorted({kind.lower() for kind in options.kinds} - _SECRETS))
        if len(kinds) < len({kind.lower() for kind in options.kinds}):
            message = "Secrets are not collected here. Use config.secretShapes for their shape, or a Helm collector."
            yield Gap.say("NotAllowed", message, target="secrets", collector=spec.name)
        if options.cluster_info and context.cluster is None:
            message = "The admin has not allowed clusterInfo (Helm value capabilities.clusterInfo)."
            yield Gap.say("NotAllowed", message, target="clusterInfo", collector=spec.name)
        if options.kinds and not kinds:
            return
        params = ResourceParams(kinds=kinds, cluster=context.cluster if options.cluster_info else None)
        yield Task(
            id=f"{spec.name}/resources",
            collector=spec.name,
            type=CollectorType.RESOURCES,
            target="resources",
            params=dump(params),
            secrets=secret_names(*context.pods),
            claims=(LISTS, "cluster-info/"),
            folder=LISTS,
            timeout_seconds=_SECONDS,
            estimate=ESTIMATE,
        )

    async def run(self, task: Task, context: RunContext) -> None:
        """The cluster, the kinds, then the objects of each kind; each that fails costs only itself."""
        params = ResourceParams.model_validate(task.params)
        await attempt(_cluster(params.cluster, task, context), "clusterInfo", task, context)
        discovery = await discover(context.cluster)
        for path, document in ((GROUPS_FILE, discovery.groups_json()), (RESOURCES_FILE, discovery.resources_json())):
            await attempt(write_json(path, document, task, context), path, task, context)
        found = list(_chosen(discovery, params.kinds))
        for item in found:
            if isinstance(item, Gap):
                context.sink.gap(item.model_copy(update={"collector": task.collector}))
        await _collect([item for item in found if isinstance(item, ApiKind)], task, context)


def path_of(kind: ApiKind, namespace: str) -> str:
    """Where the List of this kind stands."""
    if kind.group in BUILT_IN:
        return kind.as_kind.file(namespace)
    return f"cluster-resources/custom-resources/{kind.full_name}/{namespace}.json"


async def _cluster(facts: ClusterFacts | None, task: Task, context: RunContext) -> None:
    """Everybody who may log in may read the version."""
    if facts is not None:
        await write_cluster_info(facts, task, context)
    else:
        await write_version(await context.cluster.get("/version"), task, context)


def _chosen(discovery: Discovery, wanted: tuple[str, ...]) -> Iterator[ApiKind | Gap]:
    """The kinds to list, each file once, and what cannot be listed."""
    for group, error in discovery.failed.items():
        if not wanted or any(name.endswith(f".{group}") for name in wanted):
            yield Gap.say(error.reason, f"The kinds of group {group} are not known: {error}", target=group)
    if wanted:
        for name in wanted:
            yield from _named(discovery, name)
    else:
        yield from _first_of_each_file(kind for kind in discovery.kinds if kind.listable and not _left_out(kind))


def _left_out(kind: ApiKind) -> bool:
    return kind.full_name in _LEFT_OUT or kind.group == _METRICS_GROUP


def _first_of_each_file(kinds: Iterable[ApiKind]) -> Iterator[ApiKind]:
    """A plural that two built-in groups have would make one file twice."""
    seen: set[str] = set()
    for kind in kinds:
        path = path_of(kind, "")
        if path not in seen:
            seen.add(path)
            yield kind


def _named(discovery: Discovery, name: str) -> Iterator[ApiKind | Gap]:
    """A plural with its group, or without: then the first group that has it, as kubectl does."""
    named = [kind for kind in discovery.kinds if name in {kind.full_name, kind.resource.name}]
    exact = [kind for kind in named if kind.full_name == name]
    for kind in (exact or named)[:1]:
        if kind.listable and kind.full_name != "secrets":
            yield kind
        elif kind.resource.namespaced:
            yield Gap.say("NotSupported", f"{name} cannot be listed.", target=name)
        else:
            message = f"Objects of {name} belong to no namespace. Nodes and storage classes come with clusterInfo."
            yield Gap.say("NotSupported", message, target=name)
    if not named:
        message = f"The API server offers no {name}. See: kubectl api-resources --namespaced -o name"
        yield Gap.say("NotFound", message, target=name)


async def _collect(kinds: list[ApiKind], task: Task, context: RunContext) -> None:
    """One kind after the other, so that no more than a page of one is held in memory."""
    forbidden: list[str] = []
    for kind in kinds:
        where = collection(kind.api_version, kind.resource.name, context.namespace)
        path = path_of(kind, context.namespace)
        try:
            objects = context.cluster.items(where, {"limit": _PAGE})
            # An empty List says that there is none; hundreds of custom kinds need not all say so.
            await write_list(objects, kind.as_kind, task, context, path=path, empty=kind.group in BUILT_IN)
        except Forbidden:
            forbidden.append(kind.full_name)
        except SupportBundleError as error:
            context.sink.gap(Gap.of(error, target=kind.full_name, collector=task.collector))
        except (AttributeError, KeyError, TypeError):  # an aggregated server may answer anything
            message = "The answer holds something else than Kubernetes objects."
            context.sink.gap(Gap.say("Corrupt", message, target=kind.full_name, collector=task.collector))
    if forbidden:
        message = (
            f"{len(forbidden)} kinds may not be read. To allow one, an admin sets the Helm value "
            "capabilities.extraResources and labels a ClusterRole that lists it with "
            f"supportbundle.dev/aggregate-to-collect=true. They are: {', '.join(sorted(forbidden))}"
        )
        context.sink.gap(Gap.say("Forbidden", message, target="resources", collector=task.collector))


COLLECTOR: Collector = ResourcesCollector()
