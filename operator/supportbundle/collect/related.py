"""What points at the targets: Services and what stands before them, autoscalers, budgets, policies, and volumes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from supportbundle.collect.base import RunContext
from supportbundle.collect.lists import Json, Kind, attempt, named, write_list
from supportbundle.collect.workloads import OWNERS, POD, PodNames, Wanted
from supportbundle.model.capability import PolicyRule
from supportbundle.model.paths import collection
from supportbundle.model.plan import Task
from supportbundle.model.pod import controller_of
from supportbundle.model.spec import LabelSelector
from supportbundle.plan.select import matches

SERVICE = Kind("v1", "Service", "services")
SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
INGRESS = Kind("networking.k8s.io/v1", "Ingress", "ingresses")
POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
LISTED = (SERVICE, SLICE, INGRESS, POLICY, AUTOSCALER, BUDGET)

NEEDS = tuple(
    PolicyRule(api_groups=(kind.api_version.rpartition("/")[0],), resources=(kind.plural,), verbs=("list",))
    for kind in LISTED
)
"""Besides `get` on pods, their owners and their claims."""

_PAGE = "100"
_SERVICE_LABEL = "kubernetes.io/service-name"
Test = Callable[[Json], bool]


class Targets:
    """What is known of the target pods: enough to see whether something points at one of them."""

    def __init__(self) -> None:
        self.labels: set[tuple[tuple[str, str], ...]] = set()
        self.owners: set[tuple[str, str, str]] = set()
        self.claims: set[str] = set()
        self.services: set[str] = set()
        self.above = Wanted()

    def add_pod(self, pod: Json) -> None:
        """One target."""
        self.labels.add(tuple(sorted((pod["metadata"].get("labels") or {}).items())))
        self.claims.update(_claims_of(pod))
        self.add_owner_of(pod)

    def add_owner_of(self, obj: Json) -> None:
        """The object's controller, which may itself have one."""
        if (owner := controller_of(obj)) is not None:
            self.owners.add(_identity(owner.api_version, owner.kind, owner.name))
            self.above.note(obj)

    def service(self, service: Json) -> bool:
        """Whether the Service selects a target; one without a selector selects nothing."""
        selector = service.get("spec", {}).get("selector")
        found = bool(selector) and self._any({"matchLabels": selector})
        if found:
            self.services.add(service["metadata"]["name"])
        return found

    def slice(self, endpoints: Json) -> bool:
        """Whether the slice belongs to one of these Services."""
        return (endpoints["metadata"].get("labels") or {}).get(_SERVICE_LABEL) in self.services

    def ingress(self, ingress: Json) -> bool:
        """Whether a backend of the Ingress is one of these Services."""
        return not self.services.isdisjoint(_backends(ingress.get("spec") or {}))

    def autoscaler(self, autoscaler: Json) -> bool:
        """Whether it scales an owner of a target."""
        ref = autoscaler.get("spec", {}).get("scaleTargetRef") or {}
        return _identity(str(ref.get("apiVersion", "")), ref.get("kind", ""), ref.get("name", "")) in self.owners

    def budget(self, budget: Json) -> bool:
        """In policy/v1 an empty selector means all pods, an absent one none."""
        selector = budget.get("spec", {}).get("selector")
        return selector is not None and self._any(selector)

    def policy(self, policy: Json) -> bool:
        """Whether the policy applies to a target; an empty selector means all pods."""
        return self._any(policy.get("spec", {}).get("podSelector") or {})

    def _any(self, selector: Mapping[str, Any]) -> bool:
        try:
            parsed = LabelSelector.model_validate({key: value for key, value in selector.items() if value is not None})
        except ValidationError:
            return True  # an operator that we do not know yet: rather one object too many
        return any(matches(parsed, dict(labels)) for labels in self.labels)


def claims(namespace: str) -> tuple[str, ...]:
    """The files that may be written."""
    return tuple(kind.file(namespace) for kind in (*LISTED, CLAIM))


async def collect_related(task: Task, context: RunContext) -> None:
    """One List for each kind of which something points at a target; a kind that cannot be read is a gap of its own."""
    targets = Targets()
    async for pod in named(POD, PodNames.model_validate(task.params).pods, task, context):
        targets.add_pod(pod)
    # Services come before what is found through their names.
    tests: tuple[tuple[Kind, Test], ...] = (
        (SERVICE, targets.service),
        (SLICE, targets.slice),
        (INGRESS, targets.ingress),
        (POLICY, targets.policy),
        (BUDGET, targets.budget),
    )
    for kind, test in tests:
        await attempt(write_list(_those(kind, test, context), kind, task, context), kind.plural, task, context)
    await _follow_owners(targets, task, context)
    autoscalers = _those(AUTOSCALER, targets.autoscaler, context)
    await attempt(write_list(autoscalers, AUTOSCALER, task, context), AUTOSCALER.plural, task, context)
    mounted = named(CLAIM, sorted(targets.claims), task, context)
    await attempt(write_list(mounted, CLAIM, task, context), CLAIM.plural, task, context)


async def _those(kind: Kind, test: Test, context: RunContext) -> AsyncIterator[Json]:
    path = collection(kind.api_version, kind.plural, context.namespace)
    async for found in context.cluster.items(path, {"limit": _PAGE}):
        if test(found):
            yield found


async def _follow_owners(targets: Targets, task: Task, context: RunContext) -> None:
    """An autoscaler names a Deployment, a pod only its ReplicaSet. Owners of other kinds are known by name alone."""
    for kind in OWNERS:
        async for owner in named(kind, targets.above.take(kind), task, context):
            targets.add_owner_of(owner)


def _identity(api_version: str, kind: str, name: str) -> tuple[str, str, str]:
    """Group, kind and name: an autoscaler may name an older version of the same group."""
    return api_version.rpartition("/")[0], kind, name


def _claims_of(pod: Json) -> Iterator[str]:
    for volume in pod["spec"].get("volumes") or ():
        if (source := volume.get("persistentVolumeClaim")) is not None:
            yield source["claimName"]
        elif "ephemeral" in volume:
            yield f"{pod['metadata']['name']}-{volume['name']}"  # the name that the controller gives it


def _backends(spec: Mapping[str, Any]) -> Iterator[str]:
    paths = (path for rule in spec.get("rules") or () for path in (rule.get("http") or {}).get("paths") or ())
    for backend in (spec.get("defaultBackend"), *(path.get("backend") for path in paths)):
        if backend and (service := backend.get("service")):
            yield service["name"]
