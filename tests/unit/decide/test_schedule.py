"""What a schedule does next, as a table; and that bursts, repeats and limits never make a bundle too many."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.build import NOW
from support.scheduling import ALERT, LOOP, OOM, cause, child, ended, occasion, schedule, signal
from supportbundle.decide.budget import DAY, excess, settled, spent, to_prune
from supportbundle.decide.occasions import Child, Course, Occasion, Signal, Start, Trouble, Verdict
from supportbundle.decide.schedule import MAX_ACTIVE, MAX_UNFINISHED, decide_schedule
from supportbundle.decide.schedule_status import status_after
from supportbundle.decide.world import Refusal
from supportbundle.model.cause import CauseType
from supportbundle.model.schedule import MAX_RECENT, Pruned, RecentOwner, ScheduleStatus, SpentHour

HOURLY: dict[str, Any] = {"schedule": "0 * * * *"}
MINUTE = timedelta(minutes=1)
DONE = ScheduleStatus(last_schedule_time=NOW - timedelta(hours=1))


def at(course: Course) -> list[datetime]:
    return [start.cause.at for start in course.starts]


def after(seen: Occasion, course: Course, *made: Child) -> ScheduleStatus:
    return status_after(seen, course, made, None, {})


def made(start: Start, when: datetime = NOW) -> Child:
    return Child(start.name, f"uid-{start.name}", when, start.cause)


@pytest.mark.parametrize(
    ("seen", "times"),
    [
        pytest.param(occasion(**HOURLY, status=DONE), [NOW], id="due"),
        pytest.param(occasion(**HOURLY, status=DONE, after=-MINUTE), [], id="not-yet"),
        pytest.param(occasion(**HOURLY, status=ScheduleStatus(last_schedule_time=NOW)), [], id="made"),
        pytest.param(occasion(**HOURLY, status=DONE, children=(ended("c", ago=timedelta()),)), [], id="not-written"),
        pytest.param(occasion(**HOURLY, age=MINUTE, after=-timedelta(seconds=1)), [], id="new-schedule-looks-ahead"),
        pytest.param(
            occasion(**HOURLY, status=DONE, after=timedelta(hours=5, minutes=3)),
            [NOW + timedelta(hours=5)], id="of-missed-runs-the-latest-once",
        ),
        pytest.param(
            occasion(**HOURLY, startingDeadlineSeconds=60, status=DONE, after=2 * MINUTE), [], id="after-the-deadline"
        ),
        pytest.param(
            occasion(**HOURLY, startingDeadlineSeconds=60, status=DONE, after=MINUTE), [NOW], id="within-the-deadline"
        ),
        pytest.param(occasion(**HOURLY, suspend=True, status=DONE), [], id="suspended"),
        pytest.param(
            occasion(**HOURLY, status=DONE, children=(child("old", why=cause(at=NOW - timedelta(hours=1))),)),
            [], id="forbidden-beside-another",
        ),
        pytest.param(
            occasion(
                **HOURLY, concurrencyPolicy="Allow", status=DONE,
                children=(child("old", why=cause(at=NOW - timedelta(hours=1))),),
            ),
            [NOW], id="allowed-beside-another",
        ),
        pytest.param(
            occasion(**HOURLY, status=DONE, children=(child("t", why=cause(CauseType.OOM_KILLED, owner="Pod/x")),)),
            [NOW], id="triggered-bundles-do-not-hold-runs-up",
        ),
        pytest.param(
            occasion(**HOURLY, dailyBytes="10", status=DONE, children=(ended("c", size=10, why=cause(at=NOW - DAY)),)),
            [], id="over-budget",
        ),
    ],
)  # fmt: skip
def test_runs_by_time(seen: Occasion, times: list[datetime]) -> None:
    assert at(decide_schedule(seen)) == times


AN_HOUR_AGO = cause(at=NOW - timedelta(hours=1))


def test_replace_removes_the_run_that_still_collects_once_the_next_one_is_there() -> None:
    old, waits = child("old", why=AN_HOUR_AGO), child("waits", why=AN_HOUR_AGO, collected=True)
    triggered = child("t", why=cause(CauseType.OOM_KILLED, at=NOW - timedelta(hours=2), owner="Pod/x"))
    seen = occasion(**HOURLY, concurrencyPolicy="Replace", status=DONE, children=(old, waits, triggered))
    course = decide_schedule(seen)
    assert at(course) == [NOW]
    assert course.removals == ()
    assert course.again <= timedelta(seconds=1)
    accepted = decide_schedule(replace(seen, children=(*seen.children, *map(made, course.starts))))
    assert accepted.starts == ()
    assert accepted.removals == (old,)


@pytest.mark.parametrize("policy", ["Forbid", "Replace"])
def test_a_run_that_waits_for_its_approval_holds_no_other_up_and_is_not_replaced(policy: str) -> None:
    waits = child("waits", why=AN_HOUR_AGO, collected=True)
    course = decide_schedule(occasion(**HOURLY, concurrencyPolicy=policy, status=DONE, children=(waits,)))
    assert at(course) == [NOW]
    assert (
        decide_schedule(
            occasion(**HOURLY, concurrencyPolicy=policy, status=DONE, children=(waits, *map(made, course.starts)))
        ).removals
        == ()
    )


def waiting(count: int) -> tuple[Child, ...]:
    """Triggered bundles that were collected and are not finished."""
    return tuple(child(f"c{i}", why=cause(CauseType.OOM_KILLED, owner=f"P/{i}"), collected=True) for i in range(count))


def test_triggered_bundles_that_wait_for_their_approval_suppress_nothing() -> None:
    course = decide_schedule(occasion(triggers=[LOOP], signals=(signal(),), children=waiting(MAX_ACTIVE)))
    assert [verdict for _, verdict in course.verdicts] == [Verdict.FIRED]


def test_there_is_an_end_to_bundles_that_nobody_approves() -> None:
    seen = occasion(**HOURLY, status=DONE, triggers=[LOOP], signals=(signal(),), children=waiting(MAX_UNFINISHED))
    course = decide_schedule(seen)
    assert course.trouble is not None
    assert course.trouble.reason == "TooManyUnfinished"
    assert course.starts == ()


def test_zips_that_wait_for_their_delivery_count_in_the_budget() -> None:
    waits = child("waits", why=cause(at=NOW - 2 * DAY), created_at=NOW - 2 * DAY, collected=True, size=10)
    seen = occasion(**HOURLY, status=DONE, dailyBytes="10", children=(waits,))
    trouble = decide_schedule(seen).trouble
    assert trouble is not None
    assert trouble.reason == "BudgetExceeded"


def test_jitter_delays_every_run_alike_and_is_part_of_the_next_time() -> None:
    seen = occasion(**HOURLY, jitter="30m", status=DONE)
    course = decide_schedule(seen)
    assert course.next_time is not None
    delay = course.next_time - NOW
    assert timedelta() < delay < timedelta(minutes=30)
    assert not course.starts
    assert at(decide_schedule(replace(seen, now=NOW + delay))) == [NOW]


@given(st.lists(st.integers(0, 10_000), max_size=30))
def test_however_often_one_looks_each_time_is_run_once(seconds: list[int]) -> None:
    status, children = DONE, ()
    for second in sorted(seconds):
        seen = occasion(schedule="*/7 * * * *", status=status, children=children, after=timedelta(seconds=second))
        course = decide_schedule(seen)
        new = tuple(replace(made(start, seen.now), ended_at=seen.now, succeeded=True) for start in course.starts)
        assert len(new) <= 1
        assert not {c.name for c in new} & {c.name for c in children}
        children = (*children, *new)
        status = status_after(seen, course, new, None, {})
        assert (
            decide_schedule(replace(seen, schedule=schedule(status, schedule="*/7 * * * *"), children=children)).starts
            == ()
        )


def test_twenty_crashing_pods_of_one_deployment_make_one_bundle() -> None:
    signals = tuple(signal(pod=f"web-{i}", at=NOW - timedelta(seconds=i)) for i in range(20))
    course = decide_schedule(occasion(triggers=[LOOP], signals=signals))
    assert len(course.starts) == 1
    assert sorted(verdict for _, verdict in course.verdicts) == [Verdict.FIRED] + [Verdict.SUPPRESSED] * 19


def test_two_triggers_about_one_owner_share_the_cooldown() -> None:
    signals = (signal(), signal(trigger="oom"))
    assert len(decide_schedule(occasion(triggers=[LOOP, OOM], signals=signals)).starts) == 1


def test_each_owner_has_a_bundle_of_its_own() -> None:
    signals = (signal("Deployment/web"), signal("StatefulSet/db"))
    starts = decide_schedule(occasion(triggers=[LOOP], signals=signals)).starts
    assert len({start.name for start in starts}) == 2


RECENT = ScheduleStatus(
    recent=(RecentOwner(owner="Deployment/web", trigger="loop", fired_at=NOW - timedelta(minutes=59)),)
)


@pytest.mark.parametrize(
    ("given_signal", "later", "verdict"),
    [
        pytest.param(signal(), timedelta(), Verdict.SUPPRESSED, id="cools-down"),
        pytest.param(signal(at=NOW + MINUTE), MINUTE, Verdict.FIRED, id="cooled-down"),
        pytest.param(signal(at=NOW - timedelta(minutes=59)), MINUTE, Verdict.REPEATED, id="what-it-has-told-already"),
        pytest.param(signal("Deployment/other"), timedelta(), Verdict.FIRED, id="another-owner"),
        pytest.param(signal(trigger="gone"), timedelta(), Verdict.UNKNOWN, id="a-trigger-that-is-gone"),
    ],
)
def test_signals(given_signal: Signal, later: timedelta, verdict: Verdict) -> None:
    course = decide_schedule(occasion(triggers=[LOOP], status=RECENT, signals=(given_signal,), after=later))
    assert [found for _, found in course.verdicts] == [verdict]
    assert bool(course.starts) == (verdict == Verdict.FIRED)


def test_a_process_that_died_before_it_wrote_the_status_makes_no_second_bundle() -> None:
    first = occasion(triggers=[LOOP], signals=(signal(),))
    (start,) = decide_schedule(first).starts
    repeated = replace(first, children=(made(start),), now=NOW + MINUTE)
    assert decide_schedule(repeated).starts == ()
    assert [v for _, v in decide_schedule(repeated).verdicts] == [Verdict.REPEATED]


def test_two_processes_that_see_the_same_give_the_bundle_the_same_name() -> None:
    one = decide_schedule(occasion(triggers=[LOOP], signals=(signal(),)))
    other = decide_schedule(occasion(triggers=[LOOP], signals=(signal(pod="web-2", at=NOW - MINUTE),), after=MINUTE))
    assert one.starts[0].name == other.starts[0].name


def test_the_next_episode_of_an_owner_has_another_name() -> None:
    first = decide_schedule(occasion(triggers=[LOOP], signals=(signal(),))).starts[0]
    late = signal(at=NOW + timedelta(hours=2))
    seen = occasion(triggers=[LOOP], signals=(late,), children=(made(first),), after=timedelta(hours=2))
    assert decide_schedule(seen).starts[0].name != first.name


@pytest.mark.parametrize(
    "seen",
    [
        occasion(triggers=[LOOP], suspend=True, signals=(signal(),)),
        occasion(triggers=[LOOP], schedule="0 0 31 2 *", signals=(signal(),)),
        occasion(
            triggers=[LOOP], signals=(signal(),),
            children=tuple(child(f"c{i}", why=cause(CauseType.OOM_KILLED, owner=f"P/{i}")) for i in range(MAX_ACTIVE)),
        ),
        occasion(triggers=[LOOP], dailyBytes="1Ki", signals=(signal(),), children=(ended("big", size=1024),)),
        replace(occasion(triggers=[LOOP], signals=(signal(),)), refusal=Refusal("CreatedUnchecked", "create it again")),
    ],
    ids=["suspended", "invalid", "too-many-at-once", "over-budget", "refused"],
)  # fmt: skip
def test_signals_that_make_no_bundle_are_counted(seen: Occasion) -> None:
    course = decide_schedule(seen)
    assert course.starts == ()
    assert [verdict for _, verdict in course.verdicts] == [Verdict.SUPPRESSED]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 20_000)), max_size=60),
    st.integers(60, 7200),
)
def test_within_a_cooldown_an_owner_never_has_two_bundles(happened: list[tuple[int, int]], cooldown: int) -> None:
    status, children, fired = ScheduleStatus(), (), dict[str, datetime]()
    for owner, second in sorted(happened, key=lambda h: h[1]):
        now = NOW + timedelta(seconds=second)
        seen = occasion(
            triggers=[LOOP], cooldown=f"{cooldown}s", status=status, children=children,
            signals=(signal(f"Pod/{owner}", at=now),), after=timedelta(seconds=second),
        )  # fmt: skip
        course = decide_schedule(seen)
        new = tuple(replace(made(start, now), ended_at=now, succeeded=True, size=1) for start in course.starts)
        for start in course.starts:
            assert now - fired.get(start.cause.owner, datetime.min.replace(tzinfo=UTC)) >= timedelta(seconds=cooldown)
            fired[start.cause.owner] = now
        status = status_after(seen, course, new, None, {})
        children = tuple(c for c in (*children, *new) if c not in course.removals)


def test_more_owners_than_can_be_remembered_do_not_flood() -> None:
    recent = tuple(RecentOwner(owner=f"Pod/{i}", trigger="loop", fired_at=NOW - MINUTE) for i in range(MAX_RECENT))
    course = decide_schedule(occasion(triggers=[LOOP], status=ScheduleStatus(recent=recent), signals=(signal(),)))
    assert course.starts == ()


# The daily budget and the history.


def test_the_oldest_go_first_and_good_ones_and_bad_ones_are_counted_apart() -> None:
    good = [ended(f"g{i}", ago=timedelta(hours=i), size=0) for i in range(5)]
    bad = [ended(f"b{i}", ago=timedelta(hours=i), good=False) for i in range(3)]
    spec = schedule(schedule="0 * * * *", successfulBundlesHistoryLimit=2, failedBundlesHistoryLimit=1).spec
    assert [c.name for c in excess(spec, (*good, *bad, child("runs")))] == ["g4", "g3", "b2", "g2", "b1"]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 100), st.booleans()), max_size=40), st.integers(0, 5))
def test_pruning_by_steps_that_may_die_ends_at_the_limit_and_counts_every_byte_once(
    bundles: list[tuple[int, int, bool]], limit: int
) -> None:
    fields = {"schedule": "0 0 1 1 *", "successfulBundlesHistoryLimit": limit, "dailyBytes": "1G"}
    children = tuple(
        ended(f"c{i}", ago=timedelta(hours=hours), size=size) for i, (hours, size, _) in enumerate(bundles)
    )
    expected = sum(c.size for c in children if c.ended_at and c.ended_at > NOW - DAY)
    status, dies = ScheduleStatus(), [dead for _, _, dead in bundles] + [False] * 20
    for dead in dies:
        seen = occasion(**fields, status=status, children=children)
        assert expected <= spent(seen) <= expected + sum(c.size for c in children)
        course = decide_schedule(seen)
        children = tuple(c for c in children if c not in course.removals)
        if not dead:  # else it has deleted, and written nothing
            status = after(seen, course)
    kept = [c for c in children if c.succeeded]
    assert len(kept) == min(limit, len(bundles))
    assert spent(occasion(**fields, status=status, children=children)) == expected


def test_bytes_of_a_removed_bundle_count_for_a_day() -> None:
    gone = ScheduleStatus(pruning=(Pruned(uid="gone", at=NOW - timedelta(hours=1), bytes=7),))
    seen = occasion(schedule="0 0 1 1 *", dailyBytes="7", status=gone)
    assert settled(seen).spent == (SpentHour(hour=NOW - timedelta(hours=1), bytes=7),)
    trouble = decide_schedule(seen).trouble
    assert trouble is not None
    assert trouble.reason == "BudgetExceeded"
    later = replace(seen, schedule=schedule(settled(seen), schedule="0 0 1 1 *", dailyBytes="7"), now=NOW + DAY)
    assert decide_schedule(later).trouble is None


def test_a_bundle_whose_bytes_count_is_listed_before_it_goes() -> None:
    old, new = ended("old", ago=timedelta(hours=2), size=5), ended("new", size=5)
    seen = occasion(schedule="0 0 1 1 *", successfulBundlesHistoryLimit=1, children=(old, new))
    removals, pruning = to_prune(seen)
    assert removals == ()
    assert [entry.uid for entry in pruning] == [old.uid]
    listed = replace(
        seen, schedule=schedule(after(seen, decide_schedule(seen)), **{**HOURLY, "successfulBundlesHistoryLimit": 1})
    )
    assert to_prune(listed)[0] == (old,)


# The status.


def test_status_tells_times_active_bundles_and_what_triggers_did() -> None:
    seen = occasion(
        **HOURLY,
        triggers=[LOOP, ALERT],
        status=DONE,
        signals=(signal(),),
        children=(ended("good", why=cause(at=NOW - DAY)),),
    )
    course = decide_schedule(seen)
    status = status_after(seen, course, tuple(map(made, course.starts)), None, {"loop": 3})
    assert status.last_schedule_time == NOW
    assert status.next_schedule_time == NOW + timedelta(hours=1)
    assert status.last_successful_time == NOW - timedelta(hours=1)
    assert len(status.active) == 2
    loop, slow = status.triggers
    assert (loop.owner, loop.last_fired, loop.suppressed) == ("Deployment/web", NOW, 3)
    assert (slow.last_fired, slow.suppressed) == (None, 0)
    assert status.ready is not None
    assert (status.ready.status, status.ready.reason) == ("True", "Scheduled")


@pytest.mark.parametrize(
    ("fields", "trouble", "expected"),
    [
        ({"suspend": True}, None, ("True", "Suspended")),
        ({"schedule": "99 * * * *"}, None, ("False", "InvalidSchedule")),
        ({}, Trouble("BundleRefused", "no right"), ("False", "BundleRefused")),
    ],
)
def test_ready_says_whether_the_next_bundle_can_be_made(
    fields: dict[str, Any], trouble: Trouble | None, expected: tuple[str, str]
) -> None:
    seen = occasion(**{**HOURLY, **fields})
    ready = status_after(seen, decide_schedule(seen), (), trouble, {}).ready
    assert ready is not None
    assert (ready.status, ready.reason) == expected


def test_a_second_look_at_the_same_writes_nothing_new() -> None:
    seen = occasion(**HOURLY, triggers=[LOOP], status=DONE, signals=(signal(),))
    course = decide_schedule(seen)
    children = tuple(map(made, course.starts))
    status = status_after(seen, course, children, None, {})
    again = replace(seen, schedule=schedule(status, **HOURLY, triggers=[LOOP]), children=children, signals=())
    assert after(again, decide_schedule(again)) == status
