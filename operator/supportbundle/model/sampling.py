"""How the sample of a dry run says what it read: counters of a fragment's report, by the collector's place."""

from __future__ import annotations

from typing import Final

MILLISECONDS: Final = "sampleMilliseconds"
"""How long all samples took."""


def counter_of(place: int) -> str:
    """The counter of the bytes of the collector at this place of the plan's forecasts."""
    return f"sampledBytes{place}"
