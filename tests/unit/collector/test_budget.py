"""Bytes that are short: everybody gets a share, nobody loses what was promised, nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from support.build import task
from supportbundle.collector.budget import Budget
from supportbundle.model.plan import Task
from supportbundle.model.spec import CollectorType


def many(count: int, **changes: object) -> list[Task]:
    return [task(f"t{i}", estimate=100, **changes) for i in range(count)]


def test_equal_tasks_get_equal_shares() -> None:
    tasks, budget = many(4), Budget(1000)
    budget.expect([t.model_copy(update={"estimate": 1000}) for t in tasks])
    assert [budget.allowance(t, 10_000) for t in tasks] == [250, 250, 250, 250]


def test_where_there_is_room_for_all_estimates_a_log_may_have_the_rest() -> None:
    tasks, budget = many(4), Budget(1000)
    budget.expect(tasks)
    assert budget.allowance(tasks[0], 10_000) == 700
    assert [budget.allowance(t, 10_000) for t in tasks[1:]] == [100, 100, 100]


def test_what_one_leaves_raises_the_share_of_the_next() -> None:
    tasks, budget = many(4), Budget(1000)
    budget.expect(tasks)
    for t in tasks[:3]:
        budget.allowance(t, 10_000)
        budget.take(t, 10)
        budget.ended(t)
    assert budget.allowance(tasks[3], 10_000) == 970


def test_what_is_promised_is_nobody_elses() -> None:
    (asks, grabs), budget = many(2), Budget(1000)
    budget.expect([asks, grabs])
    promised = budget.allowance(asks, 10_000)
    assert budget.take(grabs, 10_000) == 1000 - promised
    assert budget.take(asks, 10_000) == promised


def profile(estimate: int = 100) -> Task:
    return task("profile", type=CollectorType.PROFILE, estimate=estimate)


def test_urgent_logs_leave_to_small_things_what_they_need_and_nothing_to_other_logs() -> None:
    (urgent,), others, budget = many(1, priority=1), many(9), Budget(500)
    others = [t.model_copy(update={"id": f"o{t.id}"}) for t in others]
    budget.expect([urgent, profile(), *others])
    assert budget.allowance(urgent, 10_000) == 400
    assert budget.take(profile(), 100) == 100


def test_a_greedy_body_leaves_to_logs_what_they_are_expected_to_need() -> None:
    (log,), budget = many(1), Budget(1000)
    budget.expect([log, profile()])
    assert budget.take(profile(), 10_000) == 900
    assert budget.allowance(log, 10_000) == 100


def test_two_greedy_bodies_get_on_together() -> None:
    first, second = (profile().model_copy(update={"id": name}) for name in "ab")
    budget = Budget(10_000)
    budget.expect([first, second])
    got = {"a": 0, "b": 0}
    for _ in range(200):
        for body in (first, second):
            got[body.id] += budget.take(body, 100)
    assert got["a"] + got["b"] == 10_000
    assert abs(got["a"] - got["b"]) <= 200


def test_a_task_that_needs_more_gets_what_others_have_left_meanwhile() -> None:
    (log,), budget = many(1), Budget(1000)
    budget.expect([log, profile()])
    assert budget.take(profile(), 900) == 900
    budget.ended(log)
    assert budget.take(profile(), 50) == 50


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=50), st.integers(0, 10**9))
def test_no_share_is_less_than_the_estimate_or_its_part_of_the_whole(estimates: list[int], size: int) -> None:
    tasks = [task(f"t{i}", estimate=estimate) for i, estimate in enumerate(estimates)]
    budget = Budget(size)
    budget.expect(tasks)
    for t in tasks:
        assert budget.allowance(t, 1 << 60) >= min(t.estimate, size * t.estimate // sum(estimates) - len(tasks))


class Accounts(RuleBasedStateMachine):
    """Whatever tasks do, the bytes taken never exceed the budget."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks = many(5)
        self.budget = Budget(10_000)
        self.budget.expect(self.tasks)
        self.held = 0

    @rule(which=st.integers(0, 4), limit=st.integers(0, 20_000))
    def ask(self, which: int, limit: int) -> None:
        assert 0 <= self.budget.allowance(self.tasks[which], limit) <= limit

    @rule(which=st.integers(0, 4), wanted=st.integers(0, 20_000))
    def take(self, which: int, wanted: int) -> None:
        granted = self.budget.take(self.tasks[which], wanted)
        assert 0 <= granted <= wanted
        self.held += granted

    @rule()
    def give_back(self) -> None:
        self.budget.give_back(self.tasks[0], self.held)
        self.held = 0

    @rule(which=st.integers(0, 4))
    def end(self, which: int) -> None:
        self.budget.ended(self.tasks[which])

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.budget.left + self.held == 10_000
        assert self.budget.left >= 0


TestAccounts = Accounts.TestCase
