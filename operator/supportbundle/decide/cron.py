"""The times of a cron expression in a time zone, forwards and backwards. Pure.

`cronsim` follows Debian's cron: a time that a change of the clock skips comes at its end, one that comes twice counts
once. Its iteration starts from wall-clock time, which in the repeated hour can lie before the instant asked for; here
instants are compared, so that no time is missed and none comes back.
"""

from __future__ import annotations

import hashlib
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
        due = now.astimezone(UTC) - self.delay
        try:
            for found in CronSim(self.expression, (due + _FOLD).astimezone(self.zone), reverse=True):
                if (instant := found.astimezone(UTC)) <= due:
                    return instant
        except OverflowError:  # the calendar ends
            return None
        return None

    def following(self, now: datetime) -> datetime | None:
        """The first nominal time that is due after `now`."""
        due = now.astimezone(UTC) - self.delay
        try:
            for found in CronSim(self.expression, due.astimezone(self.zone)):
                if (instant := found.astimezone(UTC)) > due:
                    return instant
        except OverflowError:
            return None
        return None


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
