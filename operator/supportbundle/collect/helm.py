"""Releases of Helm 3: history and the user's values, from the Secrets in which Helm keeps them.

The manifest and the chart's templates stay out: they hold the Secrets that the chart made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from supportbundle.collect.base import Collector, Output, RunContext
from supportbundle.collect.clusterinfo import write_json
from supportbundle.collect.releases import Payload, Revision, history, newest, report
from supportbundle.errors import Corrupt, SupportBundleError
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import HelmOptions
from supportbundle.model.gap import Gap
from supportbundle.model.paths import collection
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import secret_names
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

FILE = "helm/{namespace}/{release}.json"
ESTIMATE = 32 << 10
INSTANCE_LABEL = "app.kubernetes.io/instance"
MAX_RELEASES = 50
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,51}[a-z0-9])?")
"""Helm's own limit is 53 characters."""

_SECONDS = 120
_PAGE = "4"
"""A release takes up to 1 MiB, and each revision comes whole."""


class HelmParams(Value):
    """Releases by name."""

    releases: tuple[str, ...]


class HelmCollector:
    """`helm/<namespace>/<release>.json`, in the form of troubleshoot's helm collector."""

    type: ClassVar[CollectorType] = CollectorType.HELM
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]] = {
        Capability.HELM: (PolicyRule(api_groups=("",), resources=("secrets",), verbs=("get", "list")),)
    }
    outputs: ClassVar[tuple[Output, ...]] = (
        Output(FILE.format(namespace="<namespace>", release="<release>"), "Chart, history, the user's values.", "8Mi"),
    )

    def requires(self, _: CollectorSpec) -> frozenset[Capability]:
        """One capability, whatever the options."""
        return frozenset({Capability.HELM})

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """One task for all releases."""
        options = spec.helm or HelmOptions()
        labels = {pod.labels[INSTANCE_LABEL] for pod in context.pods if INSTANCE_LABEL in pod.labels}
        names = sorted(set(options.releases) or labels)
        if not names:
            message = f"Name `helm.releases`: no target pod has the label {INSTANCE_LABEL}."
            yield Gap.say("NothingToCollect", message, target=context.namespace, collector=spec.name)
        for name in names[MAX_RELEASES:]:
            message = f"Only {MAX_RELEASES} releases are read."
            yield Gap.say("TooLarge", message, target=name, collector=spec.name)
        for name in names:
            if not NAME.fullmatch(name):
                yield Gap.say("Invalid", "This is not the name of a release.", target=name, collector=spec.name)
        if usable := tuple(name for name in names[:MAX_RELEASES] if NAME.fullmatch(name)):
            yield _task(spec, context, usable)

    async def run(self, task: Task, context: RunContext) -> None:
        """Each release by itself; one that is not there or not readable is a gap."""
        for name in HelmParams.model_validate(task.params).releases:
            try:
                await _release(name, task, context)
            except SupportBundleError as error:
                context.sink.gap(Gap.of(error, target=f"release/{name}", collector=task.collector))


async def _release(name: str, task: Task, context: RunContext) -> None:
    """Only the newest revision is decoded; of the others the labels tell enough."""
    revisions: list[Revision] = []
    last: Payload | None = None
    selection = {"labelSelector": f"owner=helm,name={name}", "fieldSelector": "type=helm.sh/release.v1"}
    where = collection("v1", "secrets", context.namespace)
    async for secret in context.cluster.items(where, {**selection, "limit": _PAGE}):
        revision = history(secret)
        revisions.append(revision)
        last = newest(last, revision, secret)
    if last is None:
        message = "No Secret holds this release. See: helm list -A; other storage drivers are not read."
        context.sink.gap(Gap.say("NotFound", message, target=f"release/{name}", collector=task.collector))
        return
    path = FILE.format(namespace=context.namespace, release=name)
    document, problem = _document(name, context.namespace, revisions, last)
    await write_json(path, [document], task, context)
    if problem:
        gap = Gap.say("Corrupt", f"{path} holds no values: {problem}", target=f"release/{name}")
        context.sink.gap(gap.model_copy(update={"collector": task.collector}))


def _document(
    name: str, namespace: str, revisions: list[Revision], last: Payload
) -> tuple[dict[str, Any], Corrupt | None]:
    """The history is worth keeping where the newest payload cannot be read."""
    try:
        return report(name, namespace, revisions, last.decoded()), None
    except Corrupt as error:
        return report(name, namespace, revisions, None), error


def _task(spec: CollectorSpec, context: PlanContext, names: tuple[str, ...]) -> Task:
    return Task(
        id=f"{spec.name}/helm",
        collector=spec.name,
        type=CollectorType.HELM,
        target="helm",
        params=dump(HelmParams(releases=names)),
        secrets=secret_names(*context.pods),
        claims=tuple(FILE.format(namespace=context.namespace, release=name) for name in names),
        timeout_seconds=_SECONDS,
        estimate=ESTIMATE * len(names),
    )


COLLECTOR: Collector = HelmCollector()
