"""The bundles of a schedule: how they are written, found again and removed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from supportbundle.decide.occasions import Child, Start
from supportbundle.decide.triggers import owner_of_pod
from supportbundle.errors import Conflict, NotFound
from supportbundle.model import names
from supportbundle.model.bundle import parse_metadata, parse_status
from supportbundle.model.cause import Cause, CauseType, annotations_of, cause_of
from supportbundle.model.conditions import ConditionType
from supportbundle.model.plan import dump
from supportbundle.model.pod import controller_of
from supportbundle.model.schedule import Schedule, TriggerTarget
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps

MAX_PODS: Final = 100
"""Of a bundle's target.podNames."""


def parse_child(obj: Mapping[str, Any], schedule_uid: str) -> Child | None:
    """A bundle that this schedule controls; None for one that only bears its label."""
    ref = controller_of(obj)
    if ref is None or ref.uid != schedule_uid:
        return None
    meta, status = parse_metadata(obj), parse_status(obj)
    ended = (status.completed_at or meta.creation_timestamp) if status.finished else None
    zipped = status.artifact or (None if status.finished else status.staged)
    return Child(
        name=meta.name,
        uid=meta.uid,
        created_at=meta.creation_timestamp,
        cause=cause_of(meta.annotations),
        ended_at=ended,
        succeeded=status.is_true(ConditionType.READY),
        size=zipped.size_bytes if zipped else 0,
        collected=status.collection is not None,
    )


async def read_children(schedule: Schedule, deps: Deps) -> tuple[Child, ...]:
    """All bundles of the schedule."""
    meta = schedule.metadata
    query = {"labelSelector": f"{names.LABEL_SCHEDULE_UID}={meta.uid}"}
    found = [parse_child(obj, meta.uid) async for obj in deps.client.items(paths.bundles(meta.namespace), query)]
    return tuple(child for child in found if child)


async def make(schedule: Schedule, start: Start, deps: Deps) -> Child | None:
    """Create the bundle, or find it there; None if its name belongs to somebody else's.

    Raises:
        SupportBundleError: the API server, or a policy of it, refused.
    """
    meta = schedule.metadata
    obj = manifest(schedule, start, await _pods(schedule, start, deps))
    try:
        return parse_child(await deps.client.create(paths.bundles(meta.namespace), obj), meta.uid)
    except Conflict:
        return parse_child(await deps.client.get(paths.bundle(meta.namespace, start.name)), meta.uid)


async def remove(schedule: Schedule, children: Iterable[Child], deps: Deps) -> None:
    """Delete these very bundles, whatever else bears their names by now."""
    for child in children:
        with contextlib.suppress(NotFound, Conflict):
            await deps.client.delete(paths.bundle(schedule.metadata.namespace, child.name), uid=child.uid)


async def try_out(schedule: Schedule, deps: Deps) -> None:
    """Ask the API server whether it would take a bundle of this schedule, without making one.

    Raises:
        SupportBundleError: it would not, and why.
    """
    meta = schedule.metadata
    cause = Cause(type=CauseType.CRON, schedule=meta.name, at=meta.creation_timestamp)
    obj = manifest(schedule, Start(names.scheduled_bundle(meta.name, meta.uid, cause.at), cause), ())
    await deps.client.create(paths.bundles(meta.namespace), obj, {"dryRun": "All"})


def manifest(schedule: Schedule, start: Start, pods: Iterable[str]) -> dict[str, Any]:
    """The bundle. It goes with its schedule, as the Jobs of a CronJob do; its zip lives by its own ttl."""
    meta, template = schedule.metadata, schedule.spec.bundle_template
    spec = dump(template.spec)
    if narrowed := tuple(pods):
        spec["target"] = {"podNames": list(narrowed)}
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "name": start.name,
            "namespace": meta.namespace,
            "labels": {
                **template.metadata.labels,
                names.LABEL_SCHEDULE: meta.name[:63].rstrip("-."),
                names.LABEL_SCHEDULE_UID: meta.uid,
            },
            "annotations": {**template.metadata.annotations, **annotations_of(start.cause)},
            "ownerReferences": [
                {
                    "apiVersion": names.API_VERSION,
                    "kind": names.SCHEDULE_KIND,
                    "name": meta.name,
                    "uid": meta.uid,
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "spec": spec,
    }


async def _pods(schedule: Schedule, start: Start, deps: Deps) -> tuple[str, ...]:
    """The pods that the bundle is about instead of the template's; none means the template's."""
    trigger = schedule.spec.trigger(start.cause.trigger)
    if trigger is None or start.signal is None or trigger.target == TriggerTarget.TEMPLATE:
        return ()
    first = start.signal.pods
    if trigger.target == TriggerTarget.POD:
        return first
    owned = [
        pod["metadata"]["name"]
        async for pod in deps.client.items(paths.every("pods", schedule.metadata.namespace))
        if owner_of_pod(pod) in {start.signal.owner, start.signal.job}
    ]
    return tuple(dict.fromkeys((*first, *sorted(owned))))[:MAX_PODS]
