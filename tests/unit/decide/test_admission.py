"""What is known of who wrote a schedule, through all that may become of the policy that checks it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from support.build import NOW, UID
from supportbundle.decide.admission import SPREAD, admission
from supportbundle.model.bundle import Metadata
from supportbundle.model.schedule import Admission

FIRST = NOW - timedelta(days=1)
LATER = NOW - timedelta(hours=1)


def meta(generation: int = 1, created: datetime = FIRST + timedelta(hours=1)) -> Metadata:
    return Metadata(namespace="team", name="night", uid=UID, generation=generation, creation_timestamp=created)


def test_what_was_created_under_the_policy_is_checked() -> None:
    assert admission(meta(), None, FIRST, NOW).checked


def test_what_is_older_than_the_policy_is_not() -> None:
    assert not admission(meta(), None, LATER, NOW).checked
    assert not admission(meta(created=LATER + SPREAD / 2), None, LATER, NOW).checked


def test_what_was_checked_once_stays_so_when_the_policy_comes_anew() -> None:
    known = admission(meta(), None, FIRST, NOW)
    assert admission(meta(), known, LATER, NOW).checked


def test_a_change_between_two_policies_is_unchecked_until_the_next_one() -> None:
    known = admission(meta(), None, FIRST, LATER)
    between = admission(meta(2), known, LATER, NOW)
    assert not between.checked
    assert not admission(meta(2), between, LATER, NOW).checked
    assert admission(meta(3), between, LATER, NOW).checked


def test_what_nobody_checked_is_checked_when_it_is_written_again() -> None:
    unknown = admission(meta(), None, LATER, NOW)
    assert admission(meta(2), unknown, LATER, NOW).checked


def test_a_look_while_the_policy_is_not_enforced_everywhere_proves_nothing() -> None:
    early = admission(meta(), None, LATER, LATER + SPREAD / 2)
    assert not admission(meta(2), early, LATER, NOW).checked


def test_an_old_word_about_the_policy_takes_nothing_back() -> None:
    """What was heard some seconds ago may be older than what is known: a later change is judged by that."""
    between = admission(meta(2), admission(meta(), None, FIRST, LATER), LATER, NOW)
    rewritten = admission(meta(3), between, LATER, NOW)
    assert admission(meta(3), rewritten, FIRST, NOW) == rewritten
    assert admission(meta(4), admission(meta(3), rewritten, FIRST, NOW), LATER, NOW).checked


@dataclass
class Story:
    """A schedule's life, second by second: whether its present spec was written while a policy was enforced."""

    now: datetime = FIRST
    since: datetime | None = None
    generation: int = 1
    true: bool = False
    known: Admission | None = None
    wrong: list[str] = field(default_factory=list)

    def play(self, event: str) -> None:
        """One second passes, and this happens in it."""
        self.now += timedelta(seconds=1)
        if event == "remove":
            self.since = None
        elif event == "install" and self.since is None:
            self.since = self.now
        elif event == "write":
            self.generation += 1
            self.true = self.since is not None and self.now >= self.since + SPREAD
        elif event == "look" and self.since is not None:
            self.known = admission(meta(self.generation, FIRST), self.known, self.since, self.now)
            if self.known.checked and not self.true:
                self.wrong.append(f"at {self.now}")


@given(st.lists(st.sampled_from(["remove", "install", "write", "look", "nothing"]), max_size=60))
def test_whatever_happens_nothing_unchecked_is_ever_called_checked(events: list[str]) -> None:
    story = Story()
    for event in events:
        story.play(event)
    assert story.wrong == []
