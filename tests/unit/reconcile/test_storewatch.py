"""An idle operator notices a store that is away, and says so in what alerts ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from support.universe import OneStore, Universe
from supportbundle.errors import LostLeadership, NotFound, StoreDenied, Unavailable
from supportbundle.metrics import Metrics
from supportbundle.reconcile import paths
from supportbundle.reconcile.stores import Place
from supportbundle.reconcile.storewatch import look, watch_stores
from supportbundle.reconcile.sweep import sweep, sweep_for_ever


def test_a_store_that_answers_is_up_and_one_that_does_not_is_named_by_its_reason(universe: Universe) -> None:
    assert asyncio.run(look(universe.process())) == {"OK": 1}
    universe.store.failure = StoreDenied("AccessDenied")
    assert asyncio.run(look(universe.process())) == {"StoreDenied": 1}


class NoSecret(OneStore):
    """The destination's own store is open already; that of another destination lacks its Secret."""

    async def place(self, _: str, *, encrypted: bool = False) -> Place:
        raise NotFound(f"the Secret is missing, encrypted={encrypted}")


def test_a_destination_without_a_store_counts_as_one_that_does_not_answer(universe: Universe) -> None:
    universe.api.put(paths.destination("theirs"), {"metadata": {"name": "theirs"}})
    universe.stores = NoSecret(universe.store, universe.spec, None)
    assert asyncio.run(look(universe.process())) == {"NotFound": 1, "OK": 1}


def test_a_lease_that_is_not_held_is_no_failure_of_a_store(universe: Universe) -> None:
    def fence() -> None:
        raise LostLeadership("another pod works")

    with pytest.raises(LostLeadership):
        asyncio.run(look(replace(universe.process(), fence=fence)))


Sample = Callable[[str, str, str], float | None]


def after_one_round(universe: Universe) -> Sample:
    """What is exposed once a process has looked and swept: by metric, label and value."""
    registry = CollectorRegistry()
    deps = replace(universe.process(), metrics=Metrics(registry))

    def sample(metric: str, label: str, value: str) -> float | None:
        return registry.get_sample_value(f"supportbundle_{metric}", {label: value})

    def over() -> bool:
        swept = sum(sample("sweeps_total", "result", result) or 0 for result in ("ok", "error"))
        looked = any(sample("stores", "outcome", outcome) for outcome in ("OK", "Unavailable"))
        return bool(swept and looked)

    async def rounds() -> None:
        works = (watch_stores(deps), sweep_for_ever(deps, lambda _: None, 600))
        tasks = [asyncio.create_task(work) for work in works]
        async with asyncio.timeout(10):
            while not over():  # noqa: ASYNC110 - a gauge tells nobody that it was set
                await asyncio.sleep(0.001)
        assert not any(task.done() for task in tasks), "both go on for ever"
        for task in tasks:
            task.cancel()

    asyncio.run(rounds())
    return sample


def test_a_store_that_is_away_is_exposed_and_the_sweep_counts_what_it_left_out(universe: Universe) -> None:
    universe.store.failure = Unavailable("no answer")
    sample = after_one_round(universe)
    assert sample("stores", "outcome", "Unavailable") == 1
    assert (sample("sweeps_total", "result", "error"), sample("sweeps_total", "result", "ok")) == (1, 0)
    universe.store.failure = None
    sample = after_one_round(universe)
    assert sample("stores", "outcome", "OK") == 1
    assert (sample("sweeps_total", "result", "error"), sample("sweeps_total", "result", "ok")) == (0, 1)


def test_what_no_store_answers_any_more_is_forgotten() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.stores_seen({"OK": 1, "Unavailable": 1})
    metrics.stores_seen({"OK": 2})
    assert registry.get_sample_value("supportbundle_stores", {"outcome": "OK"}) == 2
    assert registry.get_sample_value("supportbundle_stores", {"outcome": "Unavailable"}) is None


def test_bundles_are_looked_after_though_a_store_is_away(universe: Universe) -> None:
    universe.store.failure = Unavailable("no answer")
    found: list[object] = []
    assert not asyncio.run(sweep(universe.process(), found.append))
    assert len(found) == 1
