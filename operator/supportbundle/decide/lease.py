"""Who leads: what to do about the Lease, from what was seen of it and when. Pure; instants are arguments.

All instants are seconds of the process's own monotonic clock. The times that stand in the Lease are another
machine's, so they are compared for being the same, never read as times: a holder counts as alive while its record
changes.

Why two never lead at once, whatever the network does: a leader's belief ends `DEADLINE` after it *sent* its last
renewal that was answered. Another one takes the Lease only by the resourceVersion of a record that it has known
unchanged for `DURATION`; so no renewal was stored since, and the last one was sent before that. The belief is over 5
s earlier, `DURATION - DEADLINE`. That margin is for requests on their way, and for clocks that run at different
speeds. The numbers are those of Kubernetes' own components, https://pkg.go.dev/k8s.io/client-go/tools/leaderelection.

Unlike those, a leader that could not renew in time does not end at once: it changes nothing (`Election.check`), and
goes on if its next renewal finds the record as it left it, which proves that nobody has led meanwhile. An API server
that is away for half a minute or a machine without a free core thus costs no restart. It ends when somebody else
holds the Lease, or after `SURRENDER`, so that a process that is cut off does not work off what it began for ever.

Where the margin does not hold: a Lease deleted by hand is free at once, while its holder notices at its next renewal;
and a process that stops between `Election.check` and the request that follows sends that one request whenever it goes
on. What the operator writes is write-once or bound to a resourceVersion, so such a request repeats or is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto

DURATION = 15.0
"""A record that has not changed for so long belongs to nobody."""
DEADLINE = 10.0
"""A leader that could not renew for so long is none until it has renewed."""
SURRENDER = 60.0
"""One that could not for so long ends."""
RETRY = 2.0
"""Between two renewals, and between two looks of a standby."""


@dataclass(frozen=True, slots=True)
class Record:
    """The Lease as it was read. `holder` is empty where nobody leads; `renewed` is text of the holder, not a time."""

    version: str
    holder: str = ""
    renewed: str = ""
    transitions: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest record, and since when nothing of what its holder writes has changed."""

    record: Record
    since: float


class Turn(StrEnum):
    """What to do now."""

    TAKE = auto()
    RENEW = auto()
    WAIT = auto()
    LOST = auto()


def look(before: Seen | None, record: Record, now: float) -> Seen:
    """A record was read. Whoever labels the Lease changes its version, and proves no life of its holder."""
    if before and (before.record.holder, before.record.renewed) == (record.holder, record.renewed):
        return Seen(record, before.since)
    return Seen(record, now)


def turn(me: str, seen: Seen, led_since: float | None, now: float) -> Turn:
    """What a candidate does.

    Args:
        me: its identity; a container that starts again in its pod has the same, and takes up its own Lease at once.
        seen: the newest record that it knows.
        led_since: when it sent its last renewal that was answered; None while it does not lead.
        now: the instant of the decision.
    """
    holder = seen.record.holder
    if led_since is not None:
        return Turn.RENEW if holder == me and now - led_since < SURRENDER else Turn.LOST
    if holder in ("", me) or now - seen.since >= DURATION:
        return Turn.TAKE
    return Turn.WAIT


def leads(led_since: float | None, now: float) -> bool:
    """Whether a renewal that was sent at `led_since` still covers `now`."""
    return led_since is not None and now - led_since < DEADLINE


def patience(seen: Seen, now: float) -> float:
    """Seconds until a standby looks again: at the next beat, or when the holder's time is over."""
    return min(RETRY, max(0.0, seen.since + DURATION - now))
