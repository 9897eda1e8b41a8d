"""Bytes that are short: everybody gets a share, nobody loses what was promised, nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from support.build import task
from supportbundle.collector.budget import Budget
from supportbundle.model.plan import Task


def many(count: int, **changes: object) -> list[Task]:
    return [task(f"t{i}", estimate=100, **changes) for i in range(count)]


def test_equal_tasks_get_equal_shares() -> None:
    tasks, budget = many(4), Budget(1000)
    budget.expect(tasks)
    assert [budget.allowance(t, 10_000) for t in tasks] == [250, 250, 250, 250]


def test_what_one_leaves_raises_the_share_of_the_next() -> None:
    tasks, budget = many(4), Budget(1000)
    budget.expect(tasks)
    for t in tasks[:3]:
        budget.allowance(t, 10_000)
        budget.take(t, 10)
        budget.ended(t)
    assert budget.allowance(tasks[3], 10_000) == 970


def test_a_task_that_does_not_ask_leaves_what_was_promised() -> None:
    (asks, grabs), budget = many(2), Budget(1000)
    budget.expect([asks, grabs])
    promised = budget.allowance(asks, 10_000)
    assert budget.take(grabs, 10_000) == 1000 - promised
    assert budget.take(asks, 10_000) == promised


def test_urgent_tasks_do_not_share_with_others() -> None:
    (urgent,), others, budget = many(1, priority=1), many(9), Budget(1000)
    others = [t.model_copy(update={"id": f"o{t.id}"}) for t in others]
    budget.expect([urgent, *others])
    assert budget.allowance(urgent, 10_000) == 1000


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=50), st.integers(0, 10**9))
def test_no_share_is_less_than_its_part_of_the_whole(estimates: list[int], size: int) -> None:
    tasks = [task(f"t{i}", estimate=estimate) for i, estimate in enumerate(estimates)]
    budget = Budget(size)
    budget.expect(tasks)
    for t in tasks:
        assert budget.allowance(t, 1 << 60) >= size * t.estimate // sum(estimates) - len(tasks)


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
        self.budget.give_back(self.held)
        self.held = 0

    @rule(which=st.integers(0, 4))
    def end(self, which: int) -> None:
        self.budget.ended(self.tasks[which])

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.budget.left + self.held == 10_000
        assert self.budget.left >= 0


TestAccounts = Accounts.TestCase
