"""A dry run's plan reads little and sums up everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from support.build import plan, task
from supportbundle.model.capability import Capability
from supportbundle.model.plan import Plan, Shard
from supportbundle.model.spec import CollectorType
from supportbundle.plan.sample import SAMPLES, sampled


def full(logs: int, events: int = 0) -> Plan:
    tasks = [task(f"logs/web-{i:03d}", target=f"web-{i}") for i in range(logs)]
    tasks += [
        task(f"ev/{i}", target="events").model_copy(update={"collector": "ev", "type": CollectorType.EVENTS})
        for i in range(events)
    ]
    return plan().model_copy(update={"shards": (Shard(index=0, budget=1, tasks=tuple(tasks)),)})


@given(st.integers(1, 200), st.integers(0, 3))
def test_every_task_is_forecast_and_few_are_read(logs: int, events: int) -> None:
    made = sampled(full(logs, events), {Capability.LOGS}, {"logs"})
    assert made.dry_run is not None
    assert sum(f.tasks for f in made.dry_run.forecasts) == logs + events
    read = [t.id for shard in made.shards for t in shard.tasks]
    assert len(read) == len(set(read)) == min(SAMPLES, logs)
    assert sum(f.sampled for f in made.dry_run.forecasts) == len(read)
    assert all(name.startswith("logs/") for name in read)


def test_samples_are_spread_from_beginning_to_end() -> None:
    made = sampled(full(80), {Capability.LOGS}, {"logs"})
    assert [t.id for t in made.shards[0].tasks] == [f"logs/web-{i:03d}" for i in range(0, 80, 10)]


def test_what_needs_no_reading_starts_no_shard() -> None:
    made = sampled(full(0, 2), {Capability.EVENTS}, {"ev"})
    assert made.shards == ()
    assert made.tasks == 0


def test_what_may_not_be_read_is_summed_up_but_not_sampled() -> None:
    made = sampled(full(3), {Capability.LOGS}, set())
    assert made.shards == ()
    assert made.dry_run is not None
    assert [(f.tasks, f.sampled) for f in made.dry_run.forecasts] == [(3, 0)]
