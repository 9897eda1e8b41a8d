"""Events: few, with stable reasons, each said once for a bundle, also across restarts of the operator."""

from __future__ import annotations

import logging

from supportbundle.errors import SupportBundleError
from supportbundle.model import names
from supportbundle.model.bundle import Bundle
from supportbundle.model.conditions import ConditionStatus, ConditionType
from supportbundle.model.status import Status
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps

log = logging.getLogger(__name__)
MESSAGE_LIMIT = 1024
"""Of core/v1 Event.message."""
QUIET = frozenset({"Pending", "Planning"})


async def emit(bundle: Bundle, status: Status, deps: Deps) -> None:
    """Say that the Ready condition has a new reason. The name is made of uid and reason, so a second one conflicts."""
    now = status.condition(ConditionType.READY)
    before = bundle.status.condition(ConditionType.READY)
    if now is None or now.reason in QUIET or (before is not None and before.reason == now.reason):
        return
    kind = "Warning" if now.status == ConditionStatus.FALSE or now.reason == "WaitingForPods" else "Normal"
    await say_event(bundle, kind, now.reason, now.message, deps)


async def say_event(bundle: Bundle, kind: str, reason: str, message: str, deps: Deps) -> None:
    """One Event about a bundle; `kind` is Normal or Warning."""
    meta, time = bundle.metadata, deps.clock().isoformat().replace("+00:00", "Z")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{names.run_name(meta.uid)}.{reason.lower()}", "namespace": meta.namespace},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
        },
        "type": kind,
        "reason": reason,
        "message": message[:MESSAGE_LIMIT],
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
