"""The plan of one bundle: every collector's tasks for the pods that exist now, and the gaps known already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from supportbundle.model.archive import ArchiveOptions, PlannedArchive
from supportbundle.model.bundle import Bundle
from supportbundle.model.capability import Capability
from supportbundle.model.cause import cause_of
from supportbundle.model.cluster import ClusterFacts
from supportbundle.model.gap import Gap
from supportbundle.model.placing import FallbackWhen, MissingFile
from supportbundle.model.plan import (
    NO_DEBUG,
    DebugImages,
    Plan,
    PlannedPseudonyms,
    PlannedSanitization,
    PlannedSecret,
    Task,
)
from supportbundle.model.pod import PodFacts
from supportbundle.model.spec import CollectorSpec, CollectorType, OnCancel, PseudonymKind, SanitizationRule, Target
from supportbundle.plan.claims import separate
from supportbundle.plan.context import PlanContext
from supportbundle.plan.fallbacks import Fallbacks, linked, looking_at_files, problems
from supportbundle.plan.placing import placed, without_second_files
from supportbundle.plan.sample import sampled
from supportbundle.plan.select import describe, labels_text, select_pods
from supportbundle.plan.shards import spread

MAX_TASKS = 20_000


class Planner(Protocol):
    """The half of a collector that planning needs."""

    def requires(self, spec: CollectorSpec) -> frozenset[Capability]:
        """What `spec.capabilities` must contain."""

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """Tasks and gaps for the pods of the context. Pure."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the admin allows, and what the operator has read.

    `pods` are all of the bundle's namespace; `scratch` is the room in bytes that a collector pod has on its node.
    `rules` are the sanitizing rules of the admin and of the destination, `pseudonymize` the kinds that the destination
    asks for; `known_secrets` whether the Secrets of targets are mounted, to be known. `probing`: Profile collectors may
    look for pprof on declared ports.
    """

    pods: Sequence[PodFacts]
    allowed: frozenset[Capability] = frozenset(Capability)
    debug: DebugImages = NO_DEBUG
    scratch: int = 4 << 30
    cluster: ClusterFacts | None = None
    rules: Sequence[SanitizationRule] = ()
    pseudonymize: Sequence[PseudonymKind] = ()
    known_secrets: bool = True
    probing: bool = False


def build_plan(bundle: Bundle, found: Surroundings, planners: Mapping[CollectorType, Planner], now: datetime) -> Plan:
    """The result depends on the arguments alone."""
    archive = (bundle.spec.archive or ArchiveOptions()).planned(
        name=bundle.metadata.name, namespace=bundle.metadata.namespace, at=now
    )
    asked = _Asked(bundle, archive)
    for spec in bundle.spec.collectors:
        if spec.name in asked.nonsense:
            asked.refuse(spec)
            continue
        chosen = select_pods(spec.target or bundle.spec.target, found.pods)
        asked.add(spec, chosen, _expand(bundle, spec, chosen, found, planners.get(spec.type), now))
    tasks, targets = separate(asked.arranged(), asked.fallbacks.kin), asked.targets
    tasks = looking_at_files(tasks, asked.fallbacks)
    asked.add_constants(tasks)
    plan = Plan(
        bundle=bundle.ref,
        created_at=now,
        capabilities=bundle.spec.capabilities,
        targets=len(targets),
        pods=tuple(sorted(targets)),
        shards=spread(tasks, bundle.spec.limits.max_bytes, found.scratch // 2),
        gaps=tuple(asked.gaps),
        secrets=_secrets(targets.values() if found.known_secrets else (), tasks),
        parallelism=bundle.spec.limits.parallelism,
        max_bytes=bundle.spec.limits.max_bytes,
        max_duration_seconds=int(bundle.spec.limits.max_duration.total_seconds()),
        debug=found.debug,
        hands_in=bundle.spec.on_cancel == OnCancel.PACK,
        sanitization=PlannedSanitization(
            rules=tuple(rule.model_copy(update={"examples": ()}) for rule in all_rules(bundle, found.rules)),
            keep_shape=bundle.spec.sanitization.keep_shape,
            pseudonyms=_pseudonyms(bundle, found),
        ),
        cause=cause_of(bundle.metadata.annotations),
        fallbacks=dict(asked.fallbacks.by_name),
        fallbacks_by_file=tuple(sorted(asked.fallbacks.by_file)),
        hints={spec.name: spec.hints for spec in bundle.spec.collectors if spec.hints},
        missing=tuple(asked.missing.values()),
        archive=archive,
    )
    return _dry(plan, bundle, planners) if bundle.spec.dry_run else plan


class _Asked:
    """What all collectors of a bundle come to, while it grows."""

    def __init__(self, bundle: Bundle, archive: PlannedArchive) -> None:
        specs = bundle.spec.collectors
        wanted = {spec.name: spec.fallback_for for spec in specs}
        self.nonsense = dict(problems(wanted, {spec.name: spec.steps for spec in specs}))
        self.fallbacks = Fallbacks(
            {c: found for c, found in wanted.items() if found and c not in self.nonsense},
            frozenset(spec.name for spec in specs if spec.fallback_when == FallbackWhen.FILE_MISSING),
        )
        self.targets: dict[str, PodFacts] = {}
        self.gaps: list[Gap] = []
        self.missing: dict[str, MissingFile] = {}
        self._constant = {spec.name for spec in specs if spec.missing is not None}
        self._archive = archive
        self._tasks: list[Task] = []

    def refuse(self, spec: CollectorSpec) -> None:
        """A fallback that stands in for nothing that there is."""
        message = f"{self.nonsense[spec.name]}. Correct it in a new bundle."
        self.gaps.append(Gap.say("Invalid", message, collector=spec.name))

    def add(self, spec: CollectorSpec, pods: Sequence[PodFacts], items: Sequence[Task | Gap]) -> None:
        """The collector's tasks and gaps."""
        self.targets |= {pod.name: pod for pod in pods}
        found, constants = placed(spec, items, {pod.name for pod in pods}, self._archive)
        for constant in constants:
            self.missing.setdefault(constant.path, constant)
        for item in found:
            if isinstance(item, Task) and len(self._tasks) < MAX_TASKS:
                strict = self.fallbacks.backed(spec.name) or spec.name in self._constant
                self._tasks.append(item.model_copy(update={"strict": strict}))
            elif isinstance(item, Gap):
                self.gaps.append(item)
            else:
                message = f"A bundle runs at most {MAX_TASKS} tasks. Narrow the target."
                self.gaps.append(Gap.say("TooManyTasks", message, target=item.target, collector=item.collector))

    def add_constants(self, tasks: Iterable[Task]) -> None:
        """What collectors themselves promise, where it really stands."""
        for task in tasks:
            for claim, content in task.constants.items():
                path = task.place(claim)
                if not self._archive.owns(path):
                    self.missing.setdefault(path, MissingFile(path=path, content=content, collector=task.collector))

    def arranged(self) -> list[Task]:
        """The tasks with what each stands in for. One for which there is no place becomes a gap."""
        items = without_second_files(linked(self._tasks, self.gaps, self.fallbacks, self.targets))
        self.gaps += (item for item in items if isinstance(item, Gap))
        return [item for item in items if isinstance(item, Task)]


def all_rules(bundle: Bundle, floor: Sequence[SanitizationRule]) -> tuple[SanitizationRule, ...]:
    """The sanitizing rules that hold for a bundle beside the built-in ones: the floor first, and all of it."""
    return (*floor, *bundle.spec.sanitization.rules)


def _pseudonyms(bundle: Bundle, found: Surroundings) -> PlannedPseudonyms | None:
    """What the bundle and its destination ask for, with the nodes of all pods of its namespace."""
    wanted = bundle.spec.sanitization
    kinds = tuple(kind for kind in PseudonymKind if kind in {*wanted.pseudonymize, *found.pseudonymize})
    if not kinds:
        return None
    return PlannedPseudonyms(
        kinds=kinds,
        hosts=wanted.hostnames,
        domains=wanted.domains,
        users=wanted.users,
        seen=tuple(sorted({pod.node for pod in found.pods if pod.node})),
    )


def _dry(plan: Plan, bundle: Bundle, planners: Mapping[CollectorType, Planner]) -> Plan:
    """Only what the bundle may read is sampled; all that it wants is summed up."""
    required = {
        spec.name: planners[spec.type].requires(spec) for spec in bundle.spec.collectors if spec.type in planners
    }
    readable = {name for name, needs in required.items() if needs <= set(bundle.spec.capabilities)}
    return sampled(plan, frozenset().union(*required.values()), readable)


def _expand(
    bundle: Bundle,
    spec: CollectorSpec,
    pods: tuple[PodFacts, ...],
    found: Surroundings,
    planner: Planner | None,
    now: datetime,
) -> list[Task | Gap]:
    if planner is None:
        return [Gap.say("NotSupported", f"This operator knows no collectors of type {spec.type}.", collector=spec.name)]
    refusal = _refusal(bundle, spec, planner.requires(spec), found)
    if refusal and not bundle.spec.dry_run:
        return [refusal]
    context = PlanContext(
        namespace=bundle.metadata.namespace, pods=pods, now=now, cluster=found.cluster, probing=found.probing
    )
    items = list(planner.plan(spec, context))
    if not items and not pods:
        items = [_target_not_found(bundle, spec)]
    return [refusal, *items] if refusal else items


def _refusal(bundle: Bundle, spec: CollectorSpec, required: frozenset[Capability], found: Surroundings) -> Gap | None:
    if missing := required - set(bundle.spec.capabilities):
        message = f"Add {', '.join(sorted(missing))} to spec.capabilities of a new bundle."
        return Gap.say("NotAllowed", message, collector=spec.name)
    if disabled := required - found.allowed:
        values = ", ".join(f"capabilities.{name.lower()}" for name in sorted(disabled))
        message = f"The admin of this cluster has not enabled this (Helm value {values})."
        return Gap.say("NotAllowed", message, collector=spec.name)
    return None


def _target_not_found(bundle: Bundle, spec: CollectorSpec) -> Gap:
    namespace = bundle.metadata.namespace
    target: Target | None = spec.target or bundle.spec.target
    wanted = describe(target)
    if not wanted:
        message = f"Collector {spec.name} has no target. Set spec.target or the collector's own target."
    elif target and target.selectors:
        alone = labels_text(target.selectors[0]) if len(target.selectors) == 1 else ""
        look = f"-l '{alone}'" if alone else "--show-labels"
        message = f"No pod in namespace {namespace} matches {wanted}. See: kubectl get pods -n {namespace} {look}"
    else:
        message = f"No pod in namespace {namespace} is named {wanted}. See: kubectl get pods -n {namespace}"
    return Gap.say("TargetNotFound", message, target=wanted, collector=spec.name)


def _secrets(pods: Iterable[PodFacts], tasks: Iterable[Task]) -> tuple[PlannedSecret, ...]:
    """Those of the targets, to know what to redact, and those that tasks use; missing credentials are no leak."""
    required: dict[str, bool] = {}
    for pod in pods:
        for use in pod.secrets:
            required[use.name] = required.get(use.name, False) or not use.optional
    for task in tasks:
        for name in task.credentials:
            required.setdefault(name, False)
    return tuple(PlannedSecret(name=name, required=must) for name, must in sorted(required.items()))
