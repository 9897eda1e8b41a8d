"""What a dry run foretells from its samples."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from support.build import plan, world
from supportbundle.decide import decide
from supportbundle.decide.estimate import Estimated, Samples, estimated_status, expected_bytes, expected_seconds
from supportbundle.decide.world import Act
from supportbundle.model.capability import Capability
from supportbundle.model.conditions import ConditionType
from supportbundle.model.plan import DryRun, Forecast
from supportbundle.model.status import Estimate, Phase


def dry_run(*forecasts: Forecast, shards: int = 1) -> DryRun:
    return DryRun(forecasts=forecasts, shards=shards, required=(Capability.LOGS,))


def forecast(collector: str = "logs", **changes: Any) -> Forecast:
    usual = {"tasks": 24, "sampled": 8, "estimate": 240 << 20, "seconds": 0}
    return Forecast(collector=collector, **(usual | changes))


def test_samples_stand_for_all_tasks_of_their_collector() -> None:
    found = dry_run(forecast(), forecast("prof", tasks=3, sampled=0, estimate=1000))
    assert expected_bytes(found, Samples({"logs": 8_000_000}, 1000)) == 24_000_000 + 1000


def test_without_samples_the_collectors_guesses_hold() -> None:
    assert expected_bytes(dry_run(forecast()), Samples({}, 0)) == 240 << 20


def test_time_is_the_sampled_rate_over_the_pods_that_run_at_once() -> None:
    made = plan(parallelism=4)
    found = dry_run(forecast(), shards=2)
    assert expected_seconds(made, found, 200_000_000, Samples({"logs": 10_000_000}, 1000)) == 3 + 10


def test_a_profile_takes_its_time_however_small_it_is() -> None:
    found = dry_run(forecast("cpu", sampled=0, estimate=10, seconds=30))
    assert expected_seconds(plan(), found, 10, Samples({}, 0)) == 33


@given(st.integers(0, 1 << 50), st.integers(0, 1 << 50), st.integers(0, 1 << 40))
def test_no_counter_from_a_tenants_pod_breaks_the_estimate(size: int, read: int, milliseconds: int) -> None:
    seconds = expected_seconds(plan(), dry_run(forecast()), size, Samples({"logs": read}, milliseconds))
    assert 0 < seconds <= 600


def test_a_dry_run_ends_ready_without_an_artifact() -> None:
    found = Estimated(Estimate(pods=3, tasks=5, bytes=1 << 30, seconds=60, missing_capabilities=("Exec",)), ())
    status = estimated_status(world(plan=plan()), found)
    ready = status.condition(ConditionType.READY)
    assert ready is not None
    assert (status.phase, ready.reason, status.artifact) == (Phase.READY, "DryRun", None)
    assert "1.0 GiB from 3 pod(s) in 5 task(s) and 60 s" in ready.message
    assert "Missing in spec.capabilities: Exec" in ready.message
    assert status.finished
    assert not status.is_true(ConditionType.UPLOADED)


def test_a_dry_run_that_needs_no_sample_starts_no_pod() -> None:
    decision = decide(world(plan=plan(shards=0, dry_run=dry_run(forecast(sampled=0)))))
    assert decision.acts == (Act.RELEASE, Act.ESTIMATE)


def test_a_dry_run_with_samples_collects_them_first() -> None:
    decision = decide(world(plan=plan(dry_run=dry_run(forecast()))))
    assert decision.acts == (Act.LAUNCH,)
