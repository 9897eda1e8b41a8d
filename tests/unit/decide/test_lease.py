"""Who leads: each case of the decision, and two candidates in simulated time who never lead at once."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.decide.lease import (
    DEADLINE,
    DURATION,
    RETRY,
    SURRENDER,
    Record,
    Seen,
    Turn,
    leads,
    look,
    patience,
    turn,
)

FREE, OURS, THEIRS = Record("1"), Record("1", "me"), Record("1", "other")


@pytest.mark.parametrize(
    ("record", "seen_for", "led_for", "expected"),
    [
        (FREE, 0, None, Turn.TAKE),
        (OURS, 0, None, Turn.TAKE),  # the container was started again in its pod
        (THEIRS, 0, None, Turn.WAIT),
        (THEIRS, DURATION - 0.1, None, Turn.WAIT),
        (THEIRS, DURATION, None, Turn.TAKE),
        (OURS, 0, 0, Turn.RENEW),
        (OURS, 0, DEADLINE - 0.1, Turn.RENEW),
        (OURS, 0, DEADLINE + 1, Turn.RENEW),  # leads no more, and may again if nobody has meanwhile
        (OURS, 0, SURRENDER, Turn.LOST),
        (THEIRS, 0, 0, Turn.LOST),
        (FREE, 0, 0, Turn.LOST),
    ],
)
def test_a_turn(record: Record, seen_for: float, led_for: float | None, expected: Turn) -> None:
    now = 100.0
    led_since = None if led_for is None else now - led_for
    assert turn("me", Seen(record, now - seen_for), led_since, now) == expected


def test_the_lead_ends_before_another_may_begin() -> None:
    assert leads(0.0, DEADLINE - 0.1)
    assert not leads(0.0, DEADLINE)
    assert not leads(None, 0.0)


def test_a_holder_lives_while_its_own_words_change() -> None:
    first = look(None, Record("1", "other", "12:00"), 0)
    labelled = look(first, Record("2", "other", "12:00"), 5)
    assert labelled == Seen(Record("2", "other", "12:00"), 0)
    assert look(labelled, Record("3", "other", "12:02"), 7).since == 7


def test_the_holders_clock_does_not_matter() -> None:
    seen = look(None, Record("1", "other", "1970-01-01T00:00:00Z"), 50)
    assert turn("me", seen, None, 50 + DURATION - 1) == Turn.WAIT


def test_a_standby_looks_again_when_the_holders_time_is_over() -> None:
    assert patience(Seen(THEIRS, 0), 1) == RETRY
    assert patience(Seen(THEIRS, 0), DURATION - 0.5) == 0.5
    assert patience(Seen(THEIRS, 0), DURATION + 3) == 0


@dataclass
class Lease:
    """The API server: one record, changed only by whoever knows its version."""

    record: Record = FREE
    writes: int = 1

    def write(self, version: str, holder: str) -> Record | None:
        if version != self.record.version:
            return None
        self.writes += 1
        self.record = Record(str(self.writes), holder, f"beat {self.writes}")
        return self.record


@dataclass
class Simulated:
    """A candidate whose every request and every rest may take arbitrarily long, and whose answers may get lost."""

    name: str
    lease: Lease
    seen: Seen | None = None
    led_since: float | None = None
    over: bool = False
    reigns: list[tuple[float, float]] = field(default_factory=list)

    def live(self, now: float, delays: Iterator[tuple[float, float, float, bool]]) -> Iterator[float]:
        """Yields how long it is away; receives nothing, as time is read from `self.now`."""
        self.now = now
        while not self.over:
            there, back, rest, answered = next(delays)
            yield there
            read = self.lease.record
            yield back
            self.seen = look(self.seen, read, self.now)
            verdict = turn(self.name, self.seen, self.led_since, self.now)
            if verdict == Turn.LOST:
                self.led_since, self.over = None, True
            elif verdict in (Turn.TAKE, Turn.RENEW):
                sent = self.now
                yield there
                written = self.lease.write(self.seen.record.version, self.name)
                yield back
                if written and answered:
                    self.seen, self.led_since = Seen(written, sent), sent
                    self.reigns.append((self.now, sent + DEADLINE))
            yield rest


DELAY = st.one_of(st.just(0.0), st.floats(0, 3), st.floats(0, 40))
DELAYS = st.lists(st.tuples(DELAY, DELAY, DELAY, st.booleans()), min_size=1, max_size=40)


@given(DELAYS, DELAYS, st.floats(0, 20))
def test_two_candidates_never_lead_at_once(
    first: list[tuple[float, float, float, bool]], second: list[tuple[float, float, float, bool]], later: float
) -> None:
    lease = Lease()
    candidates = [Simulated("a", lease), Simulated("b", lease)]
    run(candidates, [first, second], [0.0, later])
    reigns = [(begun, end, c.name) for c in candidates for begun, end in c.reigns if begun < end]
    for begun, end, name in reigns:
        for other_begun, other_end, other in reigns:
            if name != other:
                assert end + DURATION - DEADLINE <= other_begun or other_end + DURATION - DEADLINE <= begun


@given(st.floats(0, RETRY), st.floats(0, 5))
def test_a_dead_leader_is_followed_within_its_duration_and_two_beats(phase: float, crash: float) -> None:
    """`phase` is between the beats of the two; the leader dies at `crash` after its last renewal was stored."""
    now, seen = phase, None
    record = Record("1", "other", "last")
    while True:
        seen = look(seen, record, now)
        if turn("me", seen, None, now) == Turn.TAKE:
            break
        now += max(0.05, patience(seen, now))
    assert not leads(0.0, now)
    assert now - min(crash, RETRY) <= DURATION + RETRY + 0.1


def run(candidates: list[Simulated], delays: list[list[tuple[float, float, float, bool]]], starts: list[float]) -> None:
    lives = [c.live(s, iter(d)) for c, d, s in zip(candidates, delays, starts, strict=True)]
    agenda = [(start, number) for number, start in enumerate(starts)]
    heapq.heapify(agenda)
    while agenda:
        now, number = heapq.heappop(agenda)
        candidates[number].now = now
        try:
            away = next(lives[number])
        except (StopIteration, RuntimeError):  # its script is over
            continue
        heapq.heappush(agenda, (now + away, number))
