"""The target pods as the API server has them, and the workloads that made them, up to the top."""

from __future__ import annotations

from collections.abc import AsyncIterator

from supportbundle.collect.base import RunContext
from supportbundle.collect.lists import Json, Kind, named, write_list
from supportbundle.model.base import Value
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Task
from supportbundle.model.pod import OwnerRef, controller_of

POD = Kind("v1", "Pod", "pods")
OWNERS = (
    Kind("apps/v1", "ReplicaSet", "replicasets"),
    Kind("batch/v1", "Job", "jobs"),
    Kind("apps/v1", "StatefulSet", "statefulsets"),
    Kind("apps/v1", "DaemonSet", "daemonsets"),
    Kind("apps/v1", "Deployment", "deployments"),
    Kind("batch/v1", "CronJob", "cronjobs"),
)
"""In this order: what owns stands after what it owns, so that one pass finds the whole chain."""


class PodNames(Value):
    """Target pods by name; everything else is read where the task runs."""

    pods: tuple[str, ...]


class Wanted:
    """Owners still to be fetched, by uid, so that a hundred pods ask for their ReplicaSet once."""

    def __init__(self) -> None:
        self._owners: dict[str, OwnerRef] = {}

    def note(self, obj: Json) -> None:
        """The controller of this object is wanted."""
        if (owner := controller_of(obj)) is not None:
            self._owners[owner.uid] = owner

    def add(self, owner: OwnerRef) -> None:
        """One more."""
        self._owners[owner.uid] = owner

    def take(self, kind: Kind) -> tuple[str, ...]:
        """The names of the wanted owners of this kind, which are wanted no more."""
        taken = [o for o in self._owners.values() if (o.api_version, o.kind) == (kind.api_version, kind.kind)]
        for owner in taken:
            del self._owners[owner.uid]
        return tuple(sorted({owner.name for owner in taken}))

    @property
    def rest(self) -> tuple[OwnerRef, ...]:
        """Those that nobody took."""
        return tuple(self._owners.values())


def claims(namespace: str) -> tuple[str, ...]:
    """The files that may be written."""
    return tuple(kind.file(namespace) for kind in (POD, *OWNERS))


async def collect_workloads(task: Task, context: RunContext) -> None:
    """One List for each kind that is met; an owner of a kind that we do not know is a gap."""
    wanted = Wanted()
    await write_list(_noting(wanted, POD, PodNames.model_validate(task.params).pods, task, context), POD, task, context)
    for kind in OWNERS:
        if names := wanted.take(kind):
            await write_list(_noting(wanted, kind, names, task, context), kind, task, context)
    for owner in wanted.rest:
        message = f"Objects of kind {owner.kind} ({owner.api_version}) are not collected. Use a Resources collector."
        target = f"{owner.kind}/{owner.name}"
        context.sink.gap(Gap.say("UnsupportedOwner", message, target=target, collector=task.collector))


async def _noting(
    wanted: Wanted, kind: Kind, names: tuple[str, ...], task: Task, context: RunContext
) -> AsyncIterator[Json]:
    async for found in named(kind, names, task, context):
        wanted.note(found)
        yield found
