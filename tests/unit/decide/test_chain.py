"""The decision as a table: what the world looks like, and what is to happen next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.build import NOW, fragment, plan, seen_status, world
from supportbundle.decide import Decision, JobFacts, JobState, World, decide
from supportbundle.decide.world import Act, ApprovalFacts, DeliveryFacts, Refusal, Verdict
from supportbundle.model.conditions import ConditionStatus, ConditionType
from supportbundle.model.destination import Destination, DestinationSpec, DestinationType, S3Options
from supportbundle.model.gap import Gap
from supportbundle.model.status import (
    ApprovalRecord,
    ApprovalState,
    Artifact,
    Collection,
    LostShard,
    Phase,
    Staged,
    Staging,
    Status,
)

ARTIFACT = Artifact(
    destination="default", bucket="b", key="k", size_bytes=1, etag="e", files=1, expires_at=NOW + timedelta(hours=1)
)
STAGED = Staged(at=NOW, size_bytes=1, etag="e", files=1)
UNDECIDED = ApprovalFacts(timedelta(hours=72))
APPROVED = replace(UNDECIDED, verdict=Verdict.APPROVED, by="ann", at=NOW, name="yes")
RECORD = ApprovalRecord(state=ApprovalState.APPROVED, by="ann", at=NOW, name="yes")
ACTIVE = JobFacts(JobState.ACTIVE, ready=1)
FINISHED = JobFacts(JobState.FINISHED)
NO_STORE = Refusal("StoreDenied", "wrong keys")
LATE = Refusal("DestinationUnavailable", "missing", timedelta(minutes=2), since=NOW)


def condition(decision: Decision, kind: ConditionType) -> tuple[str, str]:
    """(status, reason) that a decision claims."""
    claim = next(c for c in decision.claims if c.type == kind)
    return claim.status, claim.reason


def ended(**changes: object) -> Status:
    """A status in which collection has ended."""
    return seen_status(collection=Collection(ended_at=NOW, **changes))


@pytest.mark.parametrize(
    ("seen", "acts", "phase", "ready"),
    [
        pytest.param(world(Status()), (), Phase.PENDING, ("Unknown", "Pending"), id="first-sight"),
        pytest.param(world(), (Act.PLAN,), Phase.PENDING, ("Unknown", "Planning"), id="unplanned"),
        pytest.param(
            world(plan=plan()), (Act.LAUNCH,), Phase.COLLECTING, ("Unknown", "Collecting"), id="planned-without-job"
        ),
        pytest.param(world(plan=plan(), job=ACTIVE), (), Phase.COLLECTING, ("Unknown", "Collecting"), id="pods-run"),
        pytest.param(
            world(plan=plan(), job=JobFacts(JobState.ACTIVE, trouble="exceeded quota")),
            (),
            Phase.COLLECTING,
            ("Unknown", "WaitingForPods"),
            id="quota-forbids-pods",
        ),
        pytest.param(
            world(plan=plan(2), job=JobFacts(JobState.ACTIVE, doomed=True), fragments=(fragment(),)),
            (),
            Phase.FAILED,
            ("False", "NamespaceTerminating"),
            id="the-namespace-goes",
        ),
        pytest.param(
            world(plan=plan(), job=FINISHED, fragments=(fragment(),)),
            (),
            Phase.ASSEMBLING,
            ("Unknown", "Assembling"),
            id="all-fragments-though-job-failed",
        ),
        pytest.param(
            world(ended(fragments=(fragment(),)), plan=plan()),
            (Act.RELEASE, Act.ASSEMBLE),
            Phase.ASSEMBLING,
            ("Unknown", "Assembling"),
            id="collection-ended",
        ),
        pytest.param(
            world(ended(lost=(LostShard(shard=0, reason="CollectorLost", message="OOMKilled"),)), plan=plan()),
            (),
            Phase.FAILED,
            ("False", "CollectionFailed"),
            id="nothing-came-back",
        ),
        pytest.param(
            world(refusals=(NO_STORE,)),
            (),
            Phase.FAILED,
            ("False", "StoreDenied"),
            id="refused-for-good",
        ),
        pytest.param(world(refusals=(LATE,)), (), None, ("Unknown", "DestinationUnavailable"), id="refused-for-now"),
        pytest.param(
            world(seen_status(phase=Phase.COLLECTING)),
            (),
            Phase.FAILED,
            ("False", "PlanLost"),
            id="the-plan-of-a-run-is-gone",
        ),
        pytest.param(
            world(refusals=(LATE,), after=timedelta(minutes=3)),
            (),
            Phase.FAILED,
            ("False", "DestinationUnavailable"),
            id="refused-too-long",
        ),
        pytest.param(
            world(plan=plan(0, gaps=(Gap(reason="TargetNotFound", message="no pod"),))),
            (),
            Phase.FAILED,
            ("False", "TargetNotFound"),
            id="no-target",
        ),
        pytest.param(
            world(plan=plan(), job=ACTIVE, spec={"cancel": True}),
            (),
            Phase.CANCELLED,
            ("False", "Cancelled"),
            id="cancelled",
        ),
    ],
)
def test_the_next_step(seen: World, acts: tuple[Act, ...], phase: Phase | None, ready: tuple[str, str]) -> None:
    decision = decide(seen)
    assert decision.acts == acts
    assert decision.phase == phase
    assert condition(decision, ConditionType.READY) == ready


def staged(*, approval_recorded: bool = False, **changes: object) -> World:
    """The zip lies in the staging store and not yet at its destination."""
    record = RECORD if approval_recorded else None
    status = ended(fragments=(fragment(),)).model_copy(update={"staged": STAGED, "approval": record})
    return world(status, plan=plan(), direct=False, **changes)


@pytest.mark.parametrize(
    ("seen", "acts", "phase", "ready"),
    [
        pytest.param(staged(), (Act.DELIVER,), Phase.DELIVERING, ("Unknown", "Delivering"), id="no-approval-needed"),
        pytest.param(
            staged(approval=UNDECIDED),
            (Act.REVIEW,),
            Phase.AWAITING_APPROVAL,
            ("Unknown", "AwaitingApproval"),
            id="undecided",
        ),
        pytest.param(
            staged(approval=UNDECIDED, after=timedelta(hours=73)),
            (),
            Phase.FAILED,
            ("False", "ApprovalTimedOut"),
            id="nobody-decided",
        ),
        pytest.param(
            staged(approval=replace(UNDECIDED, verdict=Verdict.DENIED, by="ann", reason="too much")),
            (),
            Phase.FAILED,
            ("False", "ApprovalDenied"),
            id="denied",
        ),
        pytest.param(
            staged(approval=APPROVED),
            (Act.RELEASE,),
            Phase.DELIVERING,
            ("Unknown", "Approved"),
            id="approved-is-said-before-it-is-acted-upon",
        ),
        pytest.param(
            staged(approval=APPROVED, approval_recorded=True, after=timedelta(hours=73)),
            (Act.DELIVER,),
            Phase.DELIVERING,
            ("Unknown", "Delivering"),
            id="approved-however-late-it-is-read",
        ),
        pytest.param(
            staged(delivery=DeliveryFacts()), (), Phase.DELIVERING, ("Unknown", "Delivering"), id="on-its-way"
        ),
        pytest.param(
            staged(delivery=DeliveryFacts(trouble="No answer.")),
            (),
            Phase.DELIVERING,
            ("Unknown", "DeliveryDelayed"),
            id="tried-again",
        ),
        pytest.param(
            staged(delivery=DeliveryFacts(trouble="No answer.", given_up=True)),
            (),
            Phase.FAILED,
            ("False", "DeliveryFailed"),
            id="given-up",
        ),
        pytest.param(
            staged(approval=APPROVED, approval_recorded=True, delivery=DeliveryFacts(ARTIFACT)),
            (Act.RELEASE,),
            Phase.READY,
            ("True", "Complete"),
            id="delivered",
        ),
        pytest.param(
            staged(approval=UNDECIDED, spec={"cancel": True}),
            (),
            Phase.CANCELLED,
            ("False", "Cancelled"),
            id="cancelled-while-staged",
        ),
    ],
)
def test_the_way_of_a_staged_zip(seen: World, acts: tuple[Act, ...], phase: Phase, ready: tuple[str, str]) -> None:
    decision = decide(seen)
    assert decision.acts == acts
    assert decision.phase == phase
    assert condition(decision, ConditionType.READY) == ready


def test_nothing_is_delivered_before_somebody_approves() -> None:
    """Whatever the rest of the world looks like."""
    for delivery in (None, DeliveryFacts(), DeliveryFacts(ARTIFACT)):
        for approval in (UNDECIDED, APPROVED, replace(APPROVED, verdict=Verdict.DENIED)):
            decision = decide(staged(approval=approval, delivery=delivery))
            assert Act.DELIVER not in decision.acts
            assert decision.artifact is None


def finished(reason_true: ConditionType, phase: Phase, artifact: Artifact | None = None) -> Status:
    status = seen_status(phase=phase, artifact=artifact)
    conditions = tuple(
        c.model_copy(update={"status": ConditionStatus.TRUE}) if c.type == reason_true else c for c in status.conditions
    )
    return status.model_copy(update={"conditions": conditions})


def test_a_ready_bundle_sleeps_until_its_artifact_expires() -> None:
    status = finished(ConditionType.READY, Phase.READY, ARTIFACT)
    assert decide(world(status)) == Decision(again=timedelta(hours=1))
    late = decide(world(status, after=timedelta(hours=2), destination=destination("b")))
    assert (late.acts, late.phase) == ((Act.EXPIRE,), Phase.EXPIRED)
    assert condition(late, ConditionType.UPLOADED) == ("False", "Expired")


def test_an_artifact_that_the_destination_no_longer_holds_is_named_not_deleted() -> None:
    status = finished(ConditionType.READY, Phase.READY, ARTIFACT)
    late = decide(world(status, after=timedelta(hours=2), destination=destination("elsewhere")))
    assert (late.acts, late.phase) == ((), Phase.EXPIRED)
    assert "b/k" in late.claims[0].message


@pytest.mark.parametrize(
    ("hours", "again"), [(1, timedelta(seconds=15)), (1.5, timedelta(minutes=30)), (30, timedelta(hours=1))]
)
def test_a_destination_that_cannot_be_read_puts_the_expiry_off_and_that_is_said(hours: float, again: timedelta) -> None:
    status = finished(ConditionType.READY, Phase.READY, ARTIFACT)
    gone = Refusal("DestinationUnavailable", "the Secret is missing.")
    late = decide(world(status, after=timedelta(hours=hours), refusals=(gone,)))
    assert (late.acts, late.phase, late.final, late.again) == ((), None, False, again)
    [claim] = late.claims
    assert (claim.type, claim.status, claim.reason) == (ConditionType.UPLOADED, "True", "ExpiryDelayed")
    assert "the Secret is missing." in claim.message


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.CANCELLED])
def test_what_failed_says_so_first_and_is_cleaned_up_for_a_bounded_time(phase: Phase) -> None:
    staging = Staging(bucket="aside")
    status = finished(ConditionType.STALLED, phase, None)
    status = status.model_copy(update={"staging": staging, "completed_at": NOW})
    cleaned = decide(world(status, staging=staging))
    assert (cleaned.acts, cleaned.settled) == ((Act.RELEASE, Act.PURGE), True)
    waiting = decide(world(status))
    assert (waiting.acts, waiting.settled) == ((Act.RELEASE,), False)
    assert waiting.again is not None
    left = decide(world(status, after=timedelta(hours=1)))
    assert (left.acts, left.settled) == ((Act.RELEASE, Act.DROP_STAGING), True)


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.COLLECTING])
def test_where_a_bundle_is_staged_is_written_down_before_anything_else(phase: Phase) -> None:
    aside, elsewhere = Staging(bucket="aside"), Staging(destination="default", bucket="elsewhere")
    first = decide(world(seen_status(phase=phase), staging=aside, plan=plan()))
    assert (first.acts, first.staging, first.phase) == ((), aside, None)
    then = decide(world(seen_status(phase=phase, staging=aside), staging=elsewhere))
    assert then.staging is None


def destination(bucket: str) -> Destination:
    spec = DestinationSpec(type=DestinationType.S3, s3=S3Options.model_construct(bucket=bucket))
    return Destination(name="default", spec=spec)


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.EXPIRED, Phase.CANCELLED])
def test_a_bundle_that_is_over_is_left_alone(phase: Phase) -> None:
    status = finished(ConditionType.STALLED, phase, ARTIFACT)
    assert decide(world(status, after=timedelta(days=30))) == Decision()


def test_a_finished_job_with_missing_fragments_names_each_lost_shard_and_its_reason() -> None:
    job = JobFacts(JobState.FINISHED, lost_reasons={1: "OOMKilled"})
    decision = decide(world(plan=plan(3), job=job, fragments=(fragment(0),)))
    assert decision.collection is not None
    assert [f.shard for f in decision.collection.fragments] == [0]
    assert [(item.shard, item.message == "OOMKilled") for item in decision.collection.lost] == [(1, True), (2, False)]


def test_a_run_past_its_time_ends_with_what_is_there() -> None:
    late = timedelta(seconds=600) + timedelta(minutes=8)
    decision = decide(world(plan=plan(2), job=ACTIVE, fragments=(fragment(1),), after=late))
    assert decision.collection is not None
    assert [item.shard for item in decision.collection.lost] == [0]


worlds = st.builds(
    world,
    status=st.sampled_from([None, Status(), ended(fragments=(fragment(),)), ended()]),
    plan=st.sampled_from([None, plan(0), plan(1), plan(3)]),
    job=st.sampled_from([None, ACTIVE, FINISHED]),
    fragments=st.sampled_from([(), (fragment(),), (fragment(0), fragment(1), fragment(2))]),
    refusals=st.sampled_from([(), (LATE,), (NO_STORE,)]),
    after=st.timedeltas(timedelta(), timedelta(hours=3)),
)


@given(worlds)
def test_every_world_has_an_answer_that_does_not_end_silently(seen: World) -> None:
    decision = decide(seen)
    stalls = any(c.type == ConditionType.STALLED and c.status == ConditionStatus.TRUE for c in decision.claims)
    assert stalls or decision.again is not None or Act.ASSEMBLE in decision.acts
