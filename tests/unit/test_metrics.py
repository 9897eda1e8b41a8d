"""Labels stay few whatever targets say, and counts follow what is there."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from supportbundle.metrics import GAP_REASONS, OTHER, Metrics
from supportbundle.model.status import Phase
from supportbundle.reconcile.census import Census, Counted


def test_reasons_of_gaps_are_bounded() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for number in range(GAP_REASONS + 40):
        metrics.gap(f"HTTP{number}")
    metrics.gap("HTTP1", 3)
    [family] = [f for f in registry.collect() if f.name == "supportbundle_gaps"]
    values = {sample.labels["reason"]: sample.value for sample in family.samples}
    assert len(values) == GAP_REASONS + 1
    assert (values[OTHER], values["HTTP1"]) == (40, 4)


def test_the_census_follows_the_watch_and_believes_the_sweep() -> None:
    census = Census()
    census.see("a", Counted(Phase.PENDING))
    census.see("a", Counted(Phase.COLLECTING))
    census.see("b", Counted(Phase.READY))
    census.miss("b")
    census.miss("unknown")
    assert {phase: count for phase, count in census.by_phase().items() if count} == {Phase.COLLECTING: 1}
    assert census.delayed() == 0
    census.recount({"c": Counted(Phase.READY), "d": Counted(Phase.READY), "e": Counted(Phase.DELIVERING, delayed=True)})
    assert census.delayed() == 1
    assert census.by_phase()[Phase.READY] == 2
    assert census.by_phase().keys() == set(Phase)
