"""Every metric that the operator exposes, in one place; docs/observability.md is checked against it.

No label is a namespace or a name, and every label's values are few: reasons of our own, methods, status codes.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from supportbundle import __version__

_STEP = (0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
_BUNDLE = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)
_STAGE = (*_BUNDLE, 21600, 86400, 259200)  # people sleep, and go away for a weekend
_REQUEST = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60)
GAP_REASONS = 60
OTHER, UNLISTED = "Other", "Unlisted"

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each one that nobody reads


class Metrics:
    """Metrics bound to one registry, so that a test has its own."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._gap_reasons: set[str] = set()
        self._process(registry)
        self._bundles(registry)
        self._outside(registry)
        self._store(registry)
        self._schedules(registry)

    def _process(self, registry: CollectorRegistry) -> None:
        self.leader = Gauge(
            "supportbundle_leader", "1 in the pod that works, 0 in one that stands by.", registry=registry
        )
        self.reconciles = Counter(
            "supportbundle_reconcile_total",
            "Steps of bundles, by result: ok, conflict (somebody else wrote first; read again) or error.",
            ["result"],
            registry=registry,
        )
        self.reconcile_errors = Counter(
            "supportbundle_reconcile_errors_total", "Steps that failed, by reason.", ["reason"], registry=registry
        )
        self.reconcile_seconds = Histogram(
            "supportbundle_reconcile_duration_seconds", "Duration of one step.", buckets=_STEP, registry=registry
        )
        self.queue_depth = Gauge("supportbundle_workqueue_depth", "Bundles that wait for a worker.", registry=registry)
        self.queue_oldest = Gauge(
            "supportbundle_workqueue_oldest_seconds",
            "How long the longest waiting bundle, or the longest running step, has lasted.",
            registry=registry,
        )
        self.queue_stalled = Gauge(
            "supportbundle_workqueue_stalled_seconds",
            "How long bundles have waited without any step coming to its end.",
            registry=registry,
        )
        Gauge(
            "supportbundle_build_info", "1; the label is the operator's version.", ["version"], registry=registry
        ).labels(__version__).set(1)

    def _bundles(self, registry: CollectorRegistry) -> None:
        self.bundles = Gauge(
            "supportbundle_bundles", "SupportBundles that exist, by phase.", ["phase"], registry=registry
        )
        self.deliveries_delayed = Gauge(
            "supportbundle_deliveries_delayed",
            "Bundles whose zip is staged and does not get to its destination at present.",
            registry=registry,
        )
        self.queued = Gauge(
            "supportbundle_bundles_queued",
            "Bundles that wait because as many collect as may at once.",
            registry=registry,
        )
        self.finished = Counter(
            "supportbundle_bundles_finished_total",
            "Bundles that ended, by phase and by reason of the Ready condition.",
            ["phase", "reason"],
            registry=registry,
        )
        self.duration = Histogram(
            "supportbundle_bundle_duration_seconds",
            "Time from the creation of a bundle until its zip was whole; approval and delivery come after that.",
            buckets=_BUNDLE,
            registry=registry,
        )
        self.stages = Histogram(
            "supportbundle_stage_duration_seconds",
            "Time that bundles with a zip spent in each stage: Waiting (for the first step), Collecting, Assembling; "
            "of zips that were staged also AwaitingApproval, where somebody was asked, and Delivering.",
            ["stage"],
            buckets=_STAGE,
            registry=registry,
        )
        self.bundle_bytes = Counter("supportbundle_artifact_bytes_total", "Bytes of finished zips.", registry=registry)
        self.redactions = Counter(
            "supportbundle_redactions_total",
            "Values that the sanitizer removed from finished bundles.",
            registry=registry,
        )
        self.leaks_blocked = Counter(
            "supportbundle_leaks_blocked_total",
            "Files that finished bundles lack because they could not be proven clean.",
            registry=registry,
        )
        self.gaps = Counter(
            "supportbundle_gaps_total",
            f"Wanted items that finished bundles lack, by reason; {OTHER} after {GAP_REASONS} different reasons, "
            f"{UNLISTED} for items beyond those that a status lists.",
            ["reason"],
            registry=registry,
        )

    def _outside(self, registry: CollectorRegistry) -> None:
        self.kube_requests = Counter(
            "supportbundle_kube_requests_total",
            "Requests to the API server by method and status code; none is no answer. The watches are not counted.",
            ["method", "code"],
            registry=registry,
        )
        self.kube_seconds = Histogram(
            "supportbundle_kube_request_duration_seconds",
            "Time until the API server answered.",
            ["method"],
            buckets=_REQUEST,
            registry=registry,
        )
        self.store_requests = Counter(
            "supportbundle_store_requests_total",
            "Operations on object storage by outcome: OK, or the reason of the failure.",
            ["operation", "outcome"],
            registry=registry,
        )
        self.store_seconds = Histogram(
            "supportbundle_store_request_duration_seconds",
            "Duration of an operation on object storage, with its repetitions.",
            ["operation"],
            buckets=_REQUEST,
            registry=registry,
        )

    def _store(self, registry: CollectorRegistry) -> None:
        self.stores = Gauge(
            "supportbundle_stores",
            "Stores that bundles are staged in, by the outcome of a look of each minute: "
            "OK, or the reason of the failure.",
            ["outcome"],
            registry=registry,
        )
        self.staged_bytes = Gauge(
            "supportbundle_staged_bytes",
            "Bytes in the staging of all destinations at the last sweep.",
            registry=registry,
        )
        self.swept = Counter(
            "supportbundle_swept_objects_total", "Orphaned staging objects that were removed.", registry=registry
        )
        self.sweeps = Counter(
            "supportbundle_sweeps_total",
            "Sweeps by result: ok, or error where something, such as a store, could not be swept.",
            ["result"],
            registry=registry,
        )
        for result in ("ok", "error"):
            self.sweeps.labels(result)  # a rate needs a beginning

    def _schedules(self, registry: CollectorRegistry) -> None:
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

    def kube_request(self, method: str, code: int | None, seconds: float) -> None:
        """One request to the API server was answered, or was not (None)."""
        self.kube_requests.labels(method, str(code) if code else "none").inc()
        self.kube_seconds.labels(method).observe(seconds)

    def store_request(self, operation: str, outcome: str, seconds: float) -> None:
        """One operation on object storage came to its end."""
        self.store_requests.labels(operation, outcome).inc()
        self.store_seconds.labels(operation).observe(seconds)

    def stores_seen(self, outcomes: Mapping[str, int]) -> None:
        """What the stores answer now; what none of them answers any more is forgotten."""
        self.stores.clear()
        for outcome, count in outcomes.items():
            self.stores.labels(outcome).set(count)

    def gap(self, reason: str, count: int = 1) -> None:
        """Wanted items are missing. Targets make reasons too (`HTTP503`), so their number is bounded."""
        if reason in self._gap_reasons or len(self._gap_reasons) < GAP_REASONS:
            self._gap_reasons.add(reason)
        else:
            reason = OTHER
        self.gaps.labels(reason).inc(count)
