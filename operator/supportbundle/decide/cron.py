"""The times of a cron expression in a time zone, forwards and backwards. Pure.

`cronsim` is asked about wall clocks only: walking through a zone it takes steps of whole hours, and so passes over
times where a clock is changed by half of one (Lord Howe Island). From a clock's face to instants it is as in Debian's
cron(8): where minute or hour begin with `*`, whenever the clock shows the time; else a time that a change of the clock
skips comes at its end, and one that comes twice counts once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from supportbundle.errors import Invalid
from supportbundle.model.schedule import ScheduleSpec

_FOLD: Final = timedelta(hours=3)
"""More than any zone sets its clock back at once."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule's times: `nominal` as the expression says, due `delay` later."""

    expression: str
    zone: tzinfo
    delay: timedelta

    def latest(self, now: datetime) -> datetime | None:
        """The newest nominal time that is due at `now`; None if there was none for 50 years."""
        due, found = now.astimezone(UTC) - self.delay, list[datetime]()
        for instants in self._instants(due, back=True):
            if found and instants[-1] <= max(found):
                break
            found += (instant for instant in instants if instant <= due)
        return max(found, default=None)

    def following(self, now: datetime) -> datetime | None:
        """The first nominal time that is due after `now`."""
        due, found = now.astimezone(UTC) - self.delay, list[datetime]()
        for instants in self._instants(due, back=False):
            if found and instants[0] >= min(found):
                break
            found += (instant for instant in instants if instant > due)
        return min(found, default=None)

    def _instants(self, due: datetime, *, back: bool) -> Iterator[tuple[datetime, ...]]:
        """The instants of each time that a clock may show, from the first that could be after `due` or the last before.

        Of two neighbours the first instants are in order, and so are the last ones, but they may overlap.
        """
        floats = any(field.startswith("*") for field in self.expression.split()[:2])
        far, near = (-_FOLD, timedelta(minutes=1)) if back else (_FOLD, timedelta())
        try:
            shown = self._shows(due)
            steady = self._shows(due + far) - shown == far
            # In UTC the face has no zone's history: the walk is over faces alone.
            face = (shown + (near if steady else -far)).replace(tzinfo=UTC)
            for found in CronSim(self.expression, face, reverse=back):
                if instants := self._when(found.replace(tzinfo=None), floats=floats):
                    yield instants
        except OverflowError:  # the calendar ends
            return

    def _when(self, shown: datetime, *, floats: bool) -> tuple[datetime, ...]:
        """When the clock shows this, the earlier first; where it never does, nothing or the end of the gap."""
        first = shown.replace(tzinfo=self.zone).astimezone(UTC)
        if self._shows(first) == shown:
            second = shown.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
            return (first, second) if floats and second != first else (first,)
        if floats:
            return ()
        while self._shows(shown.replace(tzinfo=self.zone).astimezone(UTC)) != shown:
            shown += timedelta(minutes=1)
        return (shown.replace(tzinfo=self.zone).astimezone(UTC),)

    def _shows(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone).replace(tzinfo=None)


def read_cron(spec: ScheduleSpec, uid: str, now: datetime) -> Cron | None:
    """The times of this schedule; None without an expression.

    Raises:
        Invalid: the expression or the zone means nothing, or no time will ever come.
    """
    if spec.schedule is None:
        return None
    try:
        zone = UTC if spec.time_zone == "UTC" else ZoneInfo(spec.time_zone)
    except (KeyError, ValueError, OSError) as error:
        message = f"spec.timeZone {spec.time_zone} is no time zone that is known here."
        raise Invalid(message, "Use a name of the IANA database such as Europe/Berlin.") from error
    cron = Cron(spec.schedule, zone, delay_of(uid, spec.jitter))
    try:
        if cron.following(now) is not None:
            return cron
    except CronSimError as error:
        message = f"spec.schedule {spec.schedule!r} is no cron expression: {error}."
        raise Invalid(message, 'Write five fields such as "30 2 * * *".') from error
    raise Invalid(f"spec.schedule {spec.schedule!r} names no time that will ever come.", "Correct it.")


def delay_of(uid: str, jitter: timedelta) -> timedelta:
    """This schedule's own part of the jitter, in whole seconds: the same for ever, so runs keep their distance."""
    share = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8]) / 2**64
    return timedelta(seconds=int(jitter.total_seconds() * share))
