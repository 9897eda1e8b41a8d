"""What the operator exposes to Prometheus, with every label used once."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_fd_to_metric_families

from supportbundle.metrics import Metrics

NAME = re.compile(r"\bsupportbundle_[a-z_]+")


def exposition() -> bytes:
    """A scrape of an operator that has done everything once."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.kube_request("GET", 200, 0.1)
    metrics.store_request("put", "OK", 0.1)
    metrics.stores_seen({"OK": 1})
    metrics.gap("Timeout")
    metrics.reconciles.labels("ok").inc()
    metrics.reconcile_errors.labels("Unavailable").inc()
    metrics.bundles.labels("Ready").set(1)
    metrics.finished.labels("Ready", "Complete").inc()
    metrics.stages.labels("Collecting").observe(1)
    metrics.scheduled.labels("Schedule").inc()
    return generate_latest(registry)


def families() -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """(name, type, help, labels) of each metric; counters with their `_total`."""
    for family in text_fd_to_metric_families(io.StringIO(exposition().decode())):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        yield name, family.type, family.documentation, tuple(sorted(labels))


def series() -> set[str]:
    """The names that a query may use."""
    return {name for line in exposition().decode().splitlines() if line[0] != "#" for name in NAME.findall(line)}
