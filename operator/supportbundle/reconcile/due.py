"""When a bundle wants to be looked at, from the event's own body: no request is spent on what is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from supportbundle.model.bundle import parse_status
from supportbundle.model.status import Phase


def due_in(body: Mapping[str, Any], now: datetime) -> float | None:
    """Seconds until something is to be done (at most 0: now); None where nothing ever is.

    Most bundles are over. A GET for each, to find out when it expires, would be ten thousand at every start.
    """
    status = parse_status(body)
    if not status.finished:
        return 0.0
    expires = status.artifact.expires_at if status.phase == Phase.READY and status.artifact else None
    return (expires - now).total_seconds() if expires else None
