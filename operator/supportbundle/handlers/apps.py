"""What the process serves while it lives: probes and metrics."""

from __future__ import annotations

import asyncio
from typing import Any

from supportbundle.metrics import Metrics
from supportbundle.probes import health_app, metrics_app
from supportbundle.reconcile.census import Census
from supportbundle.reconcile.election import Election
from supportbundle.reconcile.key import Key
from supportbundle.workqueue import WorkQueue

HEALTH_PORT = 8080
METRICS_PORT = 9090
STUCK_SECONDS = 1800.0
"""All workers would have to be in one step for so long; even a store that swallows requests lets go in 3 minutes."""


def apps(
    queue: WorkQueue[Key], metrics: Metrics, census: Census, election: Election, ready: asyncio.Event
) -> dict[int, Any]:
    """By port."""

    def live() -> str:
        age = queue.stalled_seconds()
        return f"no bundle has made a step for {age:.0f} s, though some wait" if age > STUCK_SECONDS else ""

    def at_work() -> str:
        """A standby that sees the Lease is ready: it is what a rolling update waits for."""
        if not election.leading:
            return election.trouble
        return live() or ("" if ready.is_set() else "the watch has not started")

    def refresh() -> None:
        metrics.queue_depth.set(queue.depth)
        metrics.queue_oldest.set(queue.oldest_seconds())
        metrics.queue_stalled.set(queue.stalled_seconds())
        metrics.leader.set(election.leading)
        metrics.deliveries_delayed.set(census.delayed() if election.leading else 0)
        for phase, count in census.by_phase().items() if election.leading else ():
            metrics.bundles.labels(phase).set(count)

    return {HEALTH_PORT: health_app(live, at_work), METRICS_PORT: metrics_app(refresh)}
