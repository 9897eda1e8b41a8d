"""When a bundle wants to be looked at, from the event's own body: what is over, or our own word, costs no request."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import Any

from supportbundle.model import names
from supportbundle.model.bundle import parse_status
from supportbundle.model.status import Phase


def due_in(body: Mapping[str, Any], now: datetime) -> float | None:
    """Seconds until something is to be done (at most 0: now); None where nothing ever is.

    A bundle that is being deleted and waits for us is due whatever else it is. Most bundles are over. A GET for each,
    to find out when it expires, would be ten thousand at every start.
    """
    meta, status = body["metadata"], parse_status(body)
    if "deletionTimestamp" in meta and names.FINALIZER in meta.get("finalizers", ()):
        return 0.0
    if not status.settled:
        return 0.0
    expires = status.artifact.expires_at if status.phase == Phase.READY and status.artifact else None
    return (expires - now).total_seconds() if expires else None


def others_word(body: Mapping[str, Any]) -> Hashable:
    """What others than the operator may change about a bundle. Its status is the operator's own, and no news to it."""
    meta = body["metadata"]
    return meta.get("generation"), meta.get("deletionTimestamp"), tuple(meta.get("finalizers", ()))


def ended_pods(body: Mapping[str, Any]) -> Hashable:
    """What a Job says about the end of its pods. That they begin is soon seen anyhow, and changes nothing."""
    status = body.get("status", {})
    over = any(c["type"] in {"Complete", "Failed"} and c["status"] == "True" for c in status.get("conditions", ()))
    return status.get("succeeded") or 0, status.get("failed") or 0, over
