"""Cancelled and deleted bundles as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.build import NOW, bundle, fragment, plan, seen_status
from supportbundle.decide import Decision, JobFacts, JobState, World, decide
from supportbundle.decide.lifetime import HAND_IN
from supportbundle.decide.world import Act, Refusal
from supportbundle.model import names
from supportbundle.model.conditions import ConditionStatus, ConditionType
from supportbundle.model.destination import Destination, DestinationSpec, DestinationType, Retention, S3Options
from supportbundle.model.status import Artifact, Collection, Phase, Status

HERE = Destination(name="default", spec=DestinationSpec(type=DestinationType.S3, s3=S3Options(bucket="here")))
ARTIFACT = Artifact(destination="default", bucket="here", key="k", size_bytes=1, etag="e", files=1)
ACTIVE = JobFacts(JobState.ACTIVE, ready=2)
COLLECTING = seen_status(phase=Phase.COLLECTING)
PACK = {"cancel": True, "onCancel": "Pack"}
DOWN = Refusal("StoreDenied", "rotating", timedelta(minutes=30), since=NOW)


def ready(phase: Phase = Phase.READY, artifact: Artifact | None = ARTIFACT) -> Status:
    status = seen_status(phase=phase, artifact=artifact)
    true = {"status": ConditionStatus.TRUE}
    conditions = [c.model_copy(update=true) if c.type == ConditionType.READY else c for c in status.conditions]
    return status.model_copy(update={"conditions": tuple(conditions)})


def deleted(
    status: Status, *finalizers: str, after: timedelta = timedelta(0), here: Destination | None = HERE
) -> World:
    found = bundle(status, deletionPolicy="Delete")
    meta = found.metadata.model_copy(update={"deletion_timestamp": NOW, "finalizers": finalizers})
    return World(found.model_copy(update={"metadata": meta}), NOW + after, destination=here)


@pytest.mark.parametrize(
    ("seen", "acts", "orphan"),
    [
        pytest.param(deleted(ready(), names.FINALIZER), (Act.RELEASE, Act.EXPIRE, Act.LET_GO), "", id="zip-goes-first"),
        pytest.param(
            deleted(COLLECTING, names.FINALIZER), (Act.RELEASE, Act.PURGE, Act.LET_GO), "", id="while-it-runs"
        ),
        pytest.param(
            deleted(ready(Phase.EXPIRED), names.FINALIZER), (Act.RELEASE, Act.LET_GO), "", id="expired-before"
        ),
        pytest.param(
            deleted(ready(Phase.FAILED, None), names.FINALIZER, here=None), (Act.RELEASE, Act.LET_GO), "", id="no-zip"
        ),
        pytest.param(deleted(ready(), names.FINALIZER, here=None), (), "", id="destination-may-come-back"),
        pytest.param(
            deleted(ready(), names.FINALIZER, here=None, after=timedelta(minutes=30)),
            (Act.RELEASE, Act.LET_GO),
            "here/k",
            id="never-longer-than-the-bound",
        ),
        pytest.param(
            deleted(ready(), names.FINALIZER, after=timedelta(minutes=31)),
            (Act.RELEASE, Act.LET_GO),
            "here/k",
            id="a-store-that-did-not-answer-in-time",
        ),
        pytest.param(
            deleted(ready(artifact=ARTIFACT.model_copy(update={"bucket": "there"})), names.FINALIZER),
            (Act.RELEASE, Act.LET_GO),
            "there/k",
            id="the-destination-moved",
        ),
        pytest.param(
            deleted(ready(artifact=ARTIFACT.model_copy(update={"bucket": ""})), names.FINALIZER, here=None),
            (Act.RELEASE, Act.LET_GO),
            "",
            id="the-receiver-has-it",
        ),
        pytest.param(deleted(ready(), "other"), (), "", id="not-ours-to-hold"),
        pytest.param(
            deleted(COLLECTING, "other"), (Act.RELEASE, Act.DROP_STAGING), "", id="held-by-others-while-it-runs"
        ),
    ],
)
def test_a_deleted_bundle(seen: World, acts: tuple[Act, ...], orphan: str) -> None:
    decision = decide(seen)
    assert (decision.acts, decision.orphan) == (acts, orphan)
    assert acts or decision.again or names.FINALIZER not in seen.bundle.metadata.finalizers


def test_what_keeps_a_deleted_bundle_is_said_and_until_when() -> None:
    [claim] = decide(deleted(ready(), names.FINALIZER, here=None)).claims
    assert (claim.type, claim.reason) == (ConditionType.RECONCILING, "Deleting")
    assert "default cannot be used" in claim.message
    assert "until 2026-11-21T12:30:00Z" in claim.message


def test_the_finalizer_stands_before_anything_is_planned() -> None:
    found = bundle(deletionPolicy="Delete")
    assert decide(World(found, NOW)).acts == (Act.HOLD,)
    held = found.metadata.model_copy(update={"finalizers": (names.FINALIZER,)})
    assert decide(World(found.model_copy(update={"metadata": held}), NOW)).acts == (Act.PLAN,)
    assert Act.HOLD not in decide(World(bundle(), NOW)).acts


def cancelled(status: Status = COLLECTING, *, after: timedelta = timedelta(0), **changes: object) -> Decision:
    return decide(World(bundle(status, **PACK), NOW + after, plan=plan(2), **changes))


SUSPENDED = replace(ACTIVE, suspended=NOW, alive=1)


@pytest.mark.parametrize(
    ("decision", "acts", "phase"),
    [
        pytest.param(cancelled(job=ACTIVE), (Act.SUSPEND,), Phase.COLLECTING, id="pods-are-told-to-end"),
        pytest.param(cancelled(job=SUSPENDED), (Act.SUSPEND,), Phase.COLLECTING, id="one-still-uploads"),
        pytest.param(
            cancelled(job=replace(SUSPENDED, alive=0), fragments=(fragment(),)),
            (),
            Phase.ASSEMBLING,
            id="all-have-ended",
        ),
        pytest.param(
            cancelled(job=SUSPENDED, fragments=(fragment(),), after=HAND_IN), (), Phase.ASSEMBLING, id="one-never-ends"
        ),
        pytest.param(
            cancelled(job=SUSPENDED, fragments=(fragment(0), fragment(1))),
            (),
            Phase.ASSEMBLING,
            id="all-have-handed-in",
        ),
        pytest.param(cancelled(fragments=(fragment(),)), (), Phase.ASSEMBLING, id="somebody-deleted-the-job"),
        pytest.param(
            cancelled(job=replace(SUSPENDED, alive=0)),
            (),
            Phase.CANCELLED,
            id="nothing-was-handed-in",
        ),
        pytest.param(cancelled(), (), Phase.CANCELLED, id="nothing-ran"),
        pytest.param(cancelled(seen_status(), job=ACTIVE), (), Phase.CANCELLED, id="before-it-began"),
        pytest.param(cancelled(refusals=(DOWN,)), (), None, id="the-store-is-waited-for"),
        pytest.param(
            cancelled(
                seen_status(phase=Phase.ASSEMBLING, collection=Collection(ended_at=NOW, fragments=(fragment(),)))
            ),
            (Act.RELEASE, Act.ASSEMBLE),
            Phase.ASSEMBLING,
            id="collected-already",
        ),
    ],
)
def test_a_cancelled_bundle_is_packed_with_what_there_is(
    decision: Decision, acts: tuple[Act, ...], phase: Phase | None
) -> None:
    assert (decision.acts, decision.phase) == (acts, phase)


def test_what_did_not_come_is_lost_to_the_cancellation() -> None:
    collection = cancelled(job=replace(SUSPENDED, alive=0), fragments=(fragment(1),)).collection
    assert collection is not None
    assert [(item.shard, item.reason) for item in collection.lost] == [(0, "Cancelled")]


def test_dropping_is_the_default_and_a_dry_run_has_nothing_to_pack() -> None:
    for spec in ({"cancel": True}, {**PACK, "dryRun": True}):
        decision = decide(World(bundle(COLLECTING, **spec), NOW, plan=plan(), job=ACTIVE, fragments=()))
        assert decision.phase == Phase.CANCELLED


seconds = st.integers(1, 8760 * 3600).map(lambda n: timedelta(seconds=n))


@given(seconds, st.lists(seconds, min_size=2, max_size=2).map(sorted), st.sampled_from(["", "min", "max", "both"]))
def test_a_ttl_is_kept_within_the_bounds_and_left_alone_inside_them(
    ttl: timedelta, bounds: list[timedelta], which: str
) -> None:
    least = bounds[0] if which in {"min", "both"} else None
    most = bounds[1] if which in {"max", "both"} else None
    kept = Retention(min_ttl=least, max_ttl=most).clamp(ttl)
    assert (least or kept) <= kept <= (most or kept)
    inside = (least or ttl) <= ttl <= (most or ttl)
    assert (kept == ttl) == inside
