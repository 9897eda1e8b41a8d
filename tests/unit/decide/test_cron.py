"""Times of cron expressions: none is missed, none comes twice, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.scheduling import spec
from supportbundle.decide.cron import Cron, delay_of, read_cron
from supportbundle.errors import Invalid

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca")
EXPRESSIONS = (
    "* * * * *",
    "*/7 * * * *", "30 2 * * *", "0 */2 * * *", "15 1-3 * * *", "59 23 * * 0", "0 0 1 * *", "5 4 29 2 *",
    "30 1,2 * * 0", "0 12 * 3,10 *", "0 0 L * *",
)  # fmt: skip
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def cron(expression: str, zone: str = "UTC", delay: timedelta = timedelta()) -> Cron:
    return Cron(expression, UTC if zone == "UTC" else ZoneInfo(zone), delay)


def local(zone: str, *parts: int, fold: int = 0) -> datetime:
    year, month, day, hour, minute = parts
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31)).map(  # noqa: DTZ001 - the next line gives it a zone
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
SWITCHES = (
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
)
"""When clocks were changed in Berlin, in New York and on Lord Howe Island."""

switches = st.builds(
    lambda at, near: at + timedelta(seconds=near), st.sampled_from(SWITCHES), st.integers(-14400, 14400)
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), st.one_of(moments, switches), st.integers(0, 7200))
def test_between_the_latest_time_and_the_following_one_there_is_none(
    expression: str, zone: str, now: datetime, delay: int
) -> None:
    times = cron(expression, zone, timedelta(seconds=delay))
    latest, following = times.latest(now), times.following(now)
    assert latest is not None
    assert following is not None
    assert latest + times.delay <= now < following + times.delay
    assert times.following(latest + times.delay) == following
    assert times.latest(following + times.delay) == following


class Clock:
    """Looks at every minute, to learn what `Cron` should find: slow, and as simple as the rule."""

    def __init__(self, expression: str, zone: str) -> None:
        minutes, hours, *_ = expression.split()
        self._zone = ZoneInfo(zone)
        self._minutes, self._hours = self._read(minutes, 60), self._read(hours, 24)
        self._floats = "*" in {minutes[0], hours[0]}

    def _read(self, text: str, end: int) -> set[int]:
        stars, _, step = text.partition("/")
        return set(range(0, end, int(step or 1))) if stars == "*" else {int(part) for part in text.split(",")}

    def first(self, now: datetime, step: timedelta) -> datetime:
        """The time at `now` or nearest to it, forwards or backwards."""
        while not self._is_one(now):
            now += step
        return now

    def _is_one(self, instant: datetime) -> bool:
        shown, minute = instant.astimezone(self._zone), timedelta(minutes=1)
        if self._matches(shown) and (self._floats or not shown.fold):
            return True
        gap = (instant - minute).astimezone(self._zone).replace(tzinfo=None) + minute
        skipped = int((shown.replace(tzinfo=None) - gap) / minute)
        return not self._floats and any(self._matches(gap + minute * i) for i in range(skipped))

    def _matches(self, face: datetime) -> bool:
        return face.minute in self._minutes and face.hour in self._hours


DAILY = (
    "* * * * *", "*/7 * * * *", "0 */2 * * *", "45 */3 * * *", "*/30 2 * * *", "*/5 1 * * *", "0 2 * * *", "15 2 * * *",
    "30 1,2 * * *", "10 1,2,3 * * *", "59 23 * * *",
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DAILY), st.sampled_from(ZONES[1:4]), switches)
def test_where_clocks_are_changed_it_finds_what_a_look_at_every_minute_finds(
    expression: str, zone: str, now: datetime
) -> None:
    times, clock, minute = cron(expression, zone), Clock(expression, zone), timedelta(minutes=1)
    this = now.replace(second=0)
    assert times.latest(now) == clock.first(this, -minute)
    assert times.following(now) == clock.first(this + minute, minute)


@pytest.mark.parametrize(
    ("expression", "at", "expected"),
    [
        pytest.param("0 */2 * * *", (0, 5), (2026, 4, 5, 2, 0), id="not-passed-over-by-steps-of-an-hour"),
        pytest.param("45 */3 * * *", (0, 5), (2026, 4, 5, 0, 45), id="before-the-change"),
        pytest.param("*/30 2 * * *", (0, 5), (2026, 4, 5, 2, 0), id="the-first-of-two"),
    ],
)
def test_half_an_hour_comes_twice_on_lord_howe_island(
    expression: str, at: tuple[int, int], expected: tuple[int, ...]
) -> None:
    zone = "Australia/Lord_Howe"
    assert cron(expression, zone).following(local(zone, 2026, 4, 5, *at)) == local(zone, *expected)
    late = local(zone, *expected) + timedelta(seconds=1)
    assert cron(expression, zone).latest(late) == local(zone, *expected)


@pytest.mark.parametrize(
    ("expression", "at", "expected"),
    [
        pytest.param("30 2 * * *", (2026, 3, 29, 1, 59), (2026, 3, 29, 3, 0), id="skipped-hour-runs-at-its-end"),
        pytest.param("30 2 * * *", (2026, 10, 25, 1, 59), (2026, 10, 25, 2, 30), id="repeated-hour-runs-in-the-first"),
        pytest.param("30 2 * * *", (2026, 10, 25, 3, 0), (2026, 10, 26, 2, 30), id="and-not-again"),
        pytest.param("0 9 * * 1-5", (2026, 11, 20, 9, 0), (2026, 11, 23, 9, 0), id="weekend"),
    ],
)
def test_the_clock_changes_in_berlin(expression: str, at: tuple[int, ...], expected: tuple[int, ...]) -> None:
    zone = "Europe/Berlin"
    assert cron(expression, zone).following(local(zone, *at)) == local(zone, *expected)


def test_a_time_that_comes_twice_is_not_due_again() -> None:
    times, again = cron("30 2 * * *", "Europe/Berlin"), local("Europe/Berlin", 2026, 10, 25, 2, 30, fold=1)
    assert times.latest(again) == local("Europe/Berlin", 2026, 10, 25, 2, 30)
    assert times.following(again) == local("Europe/Berlin", 2026, 10, 26, 2, 30)


@given(st.uuids(), st.integers(0, 86400))
def test_jitter_is_part_of_what_was_asked_for_and_never_changes(uid: object, seconds: int) -> None:
    delay = delay_of(str(uid), timedelta(seconds=seconds))
    assert timedelta() <= delay <= timedelta(seconds=seconds)
    assert delay == delay_of(str(uid), timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"schedule": "61 * * * *"}, "no cron expression"),
        ({"schedule": "0 0 30 2 *"}, "spec.schedule"),
        ({"schedule": "0 0 * * *", "timeZone": "Mars/Olympus"}, "spec.timeZone Mars/Olympus"),
        ({"schedule": "0 0 * * *", "timeZone": "Europe"}, "spec.timeZone Europe"),
    ],
)
def test_what_names_no_time_is_said_so(fields: dict[str, str], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        read_cron(spec(**fields), "uid", NOW)


def test_without_an_expression_there_are_no_times() -> None:
    assert read_cron(spec(triggers=[{"name": "oom", "type": "OOMKilled"}]), "uid", NOW) is None
