"""Who goes next: no namespace and no large bundle keeps the others waiting, and nobody waits for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.build import NOW, fragment, plan, seen_status, task, world
from supportbundle.decide import decide
from supportbundle.decide.turns import (
    LARGE_BYTES,
    Ticket,
    admitted,
    collecting_ticket,
    most,
    packing_ticket,
    wants_place,
)
from supportbundle.decide.world import Act, JobFacts, JobState, Line, Refusal, World
from supportbundle.model.plan import Shard
from supportbundle.model.status import Collection, Phase, Status

TICKETS = st.builds(
    Ticket,
    uid=st.uuids().map(str),
    namespace=st.sampled_from("abc"),
    since=st.integers(0, 9).map(lambda s: NOW + timedelta(seconds=s)),
    large=st.booleans(),
)
LINES = st.lists(TICKETS, max_size=20, unique_by=lambda t: t.uid)
WAITS = Line(turn=False, places=32, running=32)


def ticket(uid: str, namespace: str = "a", *, age: int = 0, large: bool = False) -> Ticket:
    return Ticket(uid, namespace, NOW - timedelta(seconds=age), large)


def order(holders: list[Ticket], waiting: list[Ticket], places: int) -> list[str]:
    return [found.uid for found in admitted(holders, waiting, places)]


def test_the_oldest_goes_first() -> None:
    assert order([], [ticket("young"), ticket("old", age=9), ticket("older", age=10)], 8) == ["older", "old", "young"]


def test_namespaces_take_turns_however_many_one_has() -> None:
    many = [ticket(f"a{number}", age=100 - number) for number in range(5)]
    assert order([], [*many, ticket("b", "b", age=1)], 4) == ["a0", "b", "a1", "a2"]


def test_one_namespace_leaves_places_to_others() -> None:
    many = [ticket(f"a{number}", age=100 - number) for number in range(9)]
    assert order([], many, 8) == [f"a{number}" for number in range(most(8))]
    assert order(many[:6], [many[6], ticket("b", "b")], 8) == ["b"]


def test_a_small_one_passes_large_ones() -> None:
    large = [ticket(f"large{number}", "ab"[number % 2], age=100 - number, large=True) for number in range(9)]
    assert order(large[:6], [*large[6:], ticket("small")], 8) == ["small"]


def test_a_namespace_without_a_place_gets_one_for_a_large_bundle_too() -> None:
    large = [ticket(f"large{number}", "ab"[number % 2], large=True) for number in range(6)]
    assert order(large, [ticket("c", "c", large=True)], 8) == ["c"]


def test_a_single_place_serves_everybody() -> None:
    assert order([], [ticket("large", large=True)], 1) == ["large"]
    assert order([ticket("any")], [ticket("b", "b")], 1) == []


@given(LINES, LINES, st.integers(1, 20))
def test_places_are_never_given_twice_nor_beyond_their_number(
    holders: list[Ticket], waiting: list[Ticket], places: int
) -> None:
    given_ = list(admitted(holders, waiting, places))
    assert len({t.uid for t in given_}) == len(given_) <= max(0, places - len(holders))
    assert all(t in waiting for t in given_)


@given(LINES, st.integers(1, 20))
def test_everybody_comes_to_their_turn(waiting: list[Ticket], places: int) -> None:
    """Whoever holds a place gives it back, sooner or later, in any order."""
    holders: list[Ticket] = []
    left = list(waiting)
    for _ in range(len(waiting) + 1):
        for chosen in list(admitted(holders, left, places)):
            holders.append(chosen)
            left.remove(chosen)
        if holders:
            holders.pop(0)
    assert left == []


@given(LINES, LINES, st.integers(4, 20))
def test_a_small_bundle_of_a_new_namespace_waits_only_while_all_places_are_taken(
    holders: list[Ticket], waiting: list[Ticket], places: int
) -> None:
    new = ticket("new", "new")
    chosen = list(admitted(holders, [*waiting, new], places))
    assert new in chosen or len(holders) + len(chosen) >= places


@pytest.mark.parametrize(
    ("seen", "wants"),
    [
        pytest.param(world(Status()), True, id="new"),
        pytest.param(world(seen_status(phase=Phase.COLLECTING), plan=plan()), True, id="collecting"),
        pytest.param(world(seen_status(phase=Phase.ASSEMBLING), plan=plan()), True, id="assembling"),
        pytest.param(world(seen_status(phase=Phase.DELIVERING), plan=plan()), False, id="delivering"),
        pytest.param(world(seen_status(phase=Phase.AWAITING_APPROVAL), plan=plan()), False, id="awaits-approval"),
        pytest.param(world(refusals=(Refusal("PoliciesMissing", "none"),)), False, id="refused"),
        pytest.param(world(spec={"cancel": True}), False, id="cancelled-before-it-began"),
    ],
)
def test_a_place_is_for_what_collects_or_could(seen: World, *, wants: bool) -> None:
    assert wants_place(seen) is wants


def test_large_is_judged_by_the_plan_and_before_by_what_is_asked_for() -> None:
    logs = [{"name": f"c{number}", "type": "Logs"} for number in range(11)]
    cpu = {"name": "cpu", "type": "Profile", "profile": {"port": 6060, "kinds": [{"type": "CPU", "seconds": 60}]}}
    assert not collecting_ticket(world()).large
    assert collecting_ticket(world(spec={"collectors": logs})).large
    assert collecting_ticket(world(spec={"collectors": [cpu]})).large
    many = Shard(index=0, budget=1, tasks=tuple(task(f"logs/web-{n}/app") for n in range(51)))
    assert collecting_ticket(world(plan=plan(shards=1).model_copy(update={"shards": (many,)}))).large
    assert collecting_ticket(world(plan=_lasting(60))).large
    assert not collecting_ticket(world(plan=_lasting(5), spec={"collectors": logs})).large


def _lasting(seconds: int) -> object:
    return plan().model_copy(update={"shards": (Shard(index=0, budget=1, tasks=(task(lasts_seconds=seconds),)),)})


@pytest.mark.parametrize(("size", "large"), [(LARGE_BYTES, False), (LARGE_BYTES + 1, True)])
def test_what_is_to_be_copied_makes_a_zip_large(size: int, *, large: bool) -> None:
    stored = fragment().model_copy(update={"size": size})
    status = seen_status(phase=Phase.ASSEMBLING, collection=Collection(ended_at=NOW, fragments=(stored,)))
    assert packing_ticket(world(status, plan=plan())).large is large


@pytest.mark.parametrize("status", [Status(), seen_status()])
def test_who_waits_does_nothing_and_sets_no_timer(status: Status) -> None:
    decision = decide(world(status, line=WAITS))
    assert (decision.acts, decision.again, decision.claims[0].reason) == ((), None, "Queued")
    assert "32" in decision.claims[0].message


def test_what_is_planned_goes_on() -> None:
    assert decide(world(plan=plan(), line=WAITS)).acts == (Act.LAUNCH,)


@pytest.mark.parametrize(("running", "seconds"), [(0, 1), (1, 1), (8, 1), (32, 4), (100, 12.5), (1000, 15)], ids=str)
def test_the_more_run_the_seldomer_is_each_looked_at(running: int, seconds: float) -> None:
    seen = world(plan=plan(), job=JobFacts(JobState.ACTIVE, ready=1), line=Line(running=running))
    assert decide(seen).again == timedelta(seconds=seconds)
