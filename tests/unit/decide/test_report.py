"""The status that users and tools read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.build import NOW, fragment, plan, seen_status, task, world
from supportbundle.decide import decide
from supportbundle.decide.report import Outcome, end_status, next_status
from supportbundle.decide.world import DeliveryFacts
from supportbundle.model.conditions import ASKED_FOR, ConditionStatus, ConditionType
from supportbundle.model.findings import Problems
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Plan, Progress, Shard
from supportbundle.model.status import MAX_WARNINGS, Artifact, Collection, Phase, SanitizationStatus, Staged, Status

ARTIFACT = Artifact(destination="default", bucket="b", key="k", size_bytes=10, etag="e", files=3)
GAP = Gap(target="web-1/app", collector="logs", reason="Timeout", message="slow")


def ready(status: Status) -> tuple[str, str]:
    found = status.condition(ConditionType.READY)
    assert found is not None
    return found.status, found.reason


def test_the_first_write_sets_every_condition() -> None:
    seen = world(Status())
    status = next_status(seen, decide(seen))
    assert {c.type for c in status.conditions} == set(ConditionType) - ASKED_FOR
    assert ready(status) == ("Unknown", "Pending")
    assert (status.observed_generation, status.started_at) == (1, NOW)


def test_a_zip_with_gaps_is_ready_and_says_partially() -> None:
    outcome = Outcome(ARTIFACT, None, 500, SanitizationStatus(redactions=2, files=1), (GAP,) * 80)
    status = end_status(world(plan=plan()), outcome)
    assert ready(status) == ("True", "PartiallyCollected")
    assert (len(status.warnings), status.warning_count) == (MAX_WARNINGS, 80)
    assert status.finished


def test_a_whole_zip_is_complete() -> None:
    status = end_status(world(plan=plan()), Outcome(ARTIFACT, None, 500, SanitizationStatus(), ()))
    assert ready(status) == ("True", "Complete")
    sanitized = status.condition(ConditionType.SANITIZED)
    assert sanitized is not None
    assert sanitized.reason == "LeakCheckPassed"
    assert status.progress is not None
    assert status.progress.bytes == 500


def test_a_staged_zip_is_not_the_end() -> None:
    staged = Staged(at=NOW, size_bytes=1, etag="e", files=1)
    seen = world(plan=plan(), direct=False)
    status = end_status(seen, Outcome(None, staged, 500, SanitizationStatus(redactions=2), (GAP,)))
    assert (status.finished, status.completed_at, status.artifact) == (False, None, None)
    assert (status.staged, status.warning_count) == (staged, 1)


def test_a_delivered_zip_is_ready_and_remembers_its_gaps() -> None:
    before = seen_status(
        collection=Collection(ended_at=NOW, fragments=(fragment(),)),
        staged=Staged(at=NOW, size_bytes=1, etag="e", files=1),
        warnings=(GAP,),
        warning_count=1,
    )
    seen = world(before, plan=plan(), direct=False, delivery=DeliveryFacts(ARTIFACT))
    status = next_status(seen, decide(seen))
    assert ready(status) == ("True", "PartiallyCollected")
    assert (status.finished, status.artifact, status.phase) == (True, ARTIFACT, Phase.READY)


def test_progress_counts_a_stored_shard_as_done_whatever_it_said_last() -> None:
    said = tuple(Progress(shard=i, tasks_done=0, targets_done=0, bytes=100, at=NOW) for i in range(2))
    seen = world(plan=plan(2), fragments=(fragment(0),), progress=said)
    progress = next_status(seen, decide(seen)).progress
    assert progress is not None
    assert (progress.tasks.done, progress.tasks.total, progress.targets.done, progress.bytes) == (1, 2, 1, 200)


def test_a_lying_shard_cannot_be_more_than_done() -> None:
    said = (Progress(shard=0, tasks_done=10**6, targets_done=10**6, bytes=1, at=NOW),)
    seen = world(plan=plan(1), progress=said)
    progress = next_status(seen, decide(seen)).progress
    assert progress is not None
    assert (progress.tasks.done, progress.targets.done) == (1, 0), "its pod is done when its fragment is stored"


def shard(index: int, *targets: str) -> Shard:
    return Shard(index=index, budget=1, tasks=tuple(task(f"{index}/{t}", target=t) for t in targets))


def targets_done(planned: Plan, stored: tuple[int, ...], said: dict[int, int]) -> int:
    words = tuple(Progress(shard=i, tasks_done=0, targets_done=n, bytes=0, at=NOW) for i, n in said.items())
    seen = world(plan=planned, fragments=tuple(map(fragment, stored)), progress=words)
    progress = next_status(seen, decide(seen)).progress
    assert progress is not None
    assert progress.targets.total == planned.targets
    return progress.targets.done


def test_only_pods_are_targets() -> None:
    shards = (shard(0, "events", "services/x", "metrics"), shard(1, "web-0/app"), shard(2, "web-1/app"))
    planned = plan(2).model_copy(update={"shards": shards})
    assert targets_done(planned, (0,), {}) == 0
    assert targets_done(planned, (0, 1), {2: 3}) == 1
    assert targets_done(planned, (1, 2), {}) == 2
    assert targets_done(planned, (0, 1, 2), {}) == 2


def test_a_pod_is_done_when_no_shard_has_a_task_of_it() -> None:
    planned = plan(2).model_copy(
        update={"shards": (shard(0, "web-0/app", "web-1/app"), shard(1, "web-0/side", "web-1"))}
    )
    assert targets_done(planned, (0,), {}) == 0
    assert targets_done(planned, (0,), {1: 1}) == 1
    assert targets_done(planned, (), {0: 2, 1: 2}) == 1, "all only when all is stored"
    assert targets_done(planned, (0, 1), {}) == 2


def test_a_pod_without_a_task_is_done() -> None:
    planned = plan(2).model_copy(update={"shards": (shard(0, "web-0/app"),)})
    assert targets_done(planned, (), {}) == 1
    assert targets_done(planned, (0,), {}) == 2


def test_the_transition_time_moves_only_with_the_status() -> None:
    later = world(seen_status(), plan=plan(), after=timedelta(minutes=1))
    status = next_status(later, decide(later))
    found = status.condition(ConditionType.READY)
    assert found is not None
    assert (found.status, found.last_transition_time, found.reason) == (ConditionStatus.UNKNOWN, NOW, "Collecting")


def test_a_run_that_yields_no_file_has_failed() -> None:
    status = end_status(world(plan=plan()), Outcome(None, None, 0, SanitizationStatus(), (GAP,)))
    assert ready(status) == ("False", "CollectionFailed")
    assert status.warnings == (GAP,)
    assert status.finished


@pytest.mark.parametrize(
    ("found", "status", "reason", "words"),
    [
        (Problems(critical=2, warning=1, titles=("a", "b", "c"), files=1), "True", "CriticalFindings", "a; b; c."),
        (Problems(critical=5, titles=("a", "b", "c"), files=1), "True", "CriticalFindings", "and 2 more"),
        (Problems(warning=1, titles=("a",), unchecked=2, files=1), "True", "WarningFindings", "2 checks could not"),
        (Problems(info=1, titles=("a",), files=1), "False", "InfoFindings", "1 for information: a."),
        (Problems(files=1), "False", "NoFindings", "0 critical"),
        (Problems(unchecked=1, files=1), "Unknown", "NotAllChecked", "1 checks could not"),
        (Problems(), "Unknown", "NothingChecked", "No checks were made"),
    ],
)
def test_findings_are_a_condition(found: Problems, status: str, reason: str, words: str) -> None:
    told = end_status(world(plan=plan()), Outcome(ARTIFACT, None, 500, SanitizationStatus(), (), found))
    condition = told.condition(ConditionType.PROBLEMS_FOUND)
    assert condition is not None
    assert (condition.status, condition.reason) == (status, reason)
    assert words in condition.message
    assert ready(told) == ("True", "Complete")


def test_without_findings_there_is_no_such_condition() -> None:
    told = end_status(world(plan=plan()), Outcome(ARTIFACT, None, 500, SanitizationStatus(), ()))
    assert told.condition(ConditionType.PROBLEMS_FOUND) is None


@given(st.dictionaries(st.text(max_size=5) | st.sampled_from(list(Problems().notes())), st.text() | st.integers()))
def test_notes_of_a_hostile_shard_are_bounded(notes: dict[str, str | int]) -> None:
    found = Problems.of(notes)
    if found is not None:
        assert all(0 <= count <= 1_000_000 for count in (found.critical, found.warning, found.info, found.unchecked))
        assert all(title.isprintable() and len(title) <= 200 for title in found.titles)
