"""Events: few, with stable reasons, each said once for a bundle, also across restarts of the operator."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from supportbundle.errors import SupportBundleError
from supportbundle.model import names
from supportbundle.model.bundle import Bundle, Metadata
from supportbundle.model.conditions import ConditionStatus, ConditionType
from supportbundle.model.status import Status
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps

log = logging.getLogger(__name__)
MESSAGE_LIMIT = 1024
"""Of core/v1 Event.message."""
QUIET = frozenset({"Pending", "Planning", "Queued"})


async def emit(bundle: Bundle, status: Status, deps: Deps) -> None:
    """Say that the Ready condition has a new reason. The name is made of uid and reason, so a second one conflicts."""
    now = status.condition(ConditionType.READY)
    before = bundle.status.condition(ConditionType.READY)
    if now is None or now.reason in QUIET or (before is not None and before.reason == now.reason):
        return
    warning = now.status == ConditionStatus.FALSE or now.reason == "WaitingForPods"
    await say_event(bundle, now.reason, now.message, deps, warning=warning)


async def say_event(bundle: Bundle, reason: str, message: str, deps: Deps, *, warning: bool) -> None:
    """One Event about a bundle; each reason is said once."""
    name = f"{names.run_name(bundle.metadata.uid)}.{reason.lower()}"
    await post(Told(names.KIND, bundle.metadata, name, reason, message, warning=warning), deps)


@dataclass(frozen=True, slots=True)
class Told:
    """One Event about one object; a second one of the same `name` is not said."""

    kind: str
    about: Metadata
    name: str
    reason: str
    message: str
    warning: bool = False


async def post(told: Told, deps: Deps) -> None:
    """Say it, unless it was said before."""
    meta, time = told.about, deps.clock().isoformat().replace("+00:00", "Z")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": told.name, "namespace": meta.namespace},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": told.kind,
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
        },
        "type": "Warning" if told.warning else "Normal",
        "reason": told.reason,
        "message": told.message[:MESSAGE_LIMIT],
        "source": {"component": names.MANAGED_BY},
        "reportingComponent": names.MANAGED_BY,
        "reportingInstance": "",
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
    try:
        await deps.client.create(paths.every("events", meta.namespace), event)
    except SupportBundleError as error:  # a courtesy; the condition says the same. Conflict: it was said before
        log.debug("no Event: %s", error)
