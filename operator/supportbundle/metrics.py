"""Every metric that the operator exposes, in one place. No label is a namespace or a name: cardinality is bounded."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from supportbundle import __version__

_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


class Metrics:
    """Metrics bound to one registry, so that a test has its own."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.reconciles = Counter(
            "supportbundle_reconcile_total", "Reconciliations by result.", ["result"], registry=registry
        )
        self.reconcile_seconds = Histogram(
            "supportbundle_reconcile_duration_seconds",
            "Duration of one reconciliation.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.queue_depth = Gauge("supportbundle_workqueue_depth", "Bundles that wait for a worker.", registry=registry)
        self.queue_oldest = Gauge(
            "supportbundle_workqueue_oldest_seconds",
            "Age of the longest waiting or running item of the work queue.",
            registry=registry,
        )
        self.finished = Counter(
            "supportbundle_finished_total",
            "Bundles that ended, by reason of their Ready condition.",
            ["reason"],
            registry=registry,
        )
        self.duration = Histogram(
            "supportbundle_duration_seconds",
            "Time from the first sight of a bundle until it was ready.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.bundle_bytes = Counter("supportbundle_artifact_bytes_total", "Bytes of finished zips.", registry=registry)
        self.redactions = Counter(
            "supportbundle_redactions_total", "Values removed by the sanitizer.", registry=registry
        )
        # Without a label: a gap's reason may come from a tenant's pod, and each new one would stay for ever.
        self.gaps = Counter("supportbundle_gaps_total", "Wanted items that finished bundles lack.", registry=registry)
        self.scheduled = Counter(
            "supportbundle_scheduled_total",
            "Bundles that schedules made, by what caused them.",
            ["cause"],
            registry=registry,
        )
        self.suppressed = Counter(
            "supportbundle_triggers_suppressed_total",
            "Triggers that were met without making a bundle: cooldown, daily budget, suspended.",
            registry=registry,
        )
        self.swept = Counter(
            "supportbundle_swept_objects_total", "Orphaned staging objects removed.", registry=registry
        )
        Gauge("supportbundle_build_info", "Version of the operator.", ["version"], registry=registry).labels(
            __version__
        ).set(1)
