"""How many bundles there are in each phase: kept by the watch, counted anew by each sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from supportbundle.model.conditions import ConditionType
from supportbundle.model.status import Phase, Status


class Counted(NamedTuple):
    """What counts of one bundle."""

    phase: Phase
    delayed: bool = False


def counted(status: Status) -> Counted:
    """What counts of a bundle of this status."""
    ready = status.condition(ConditionType.READY)
    return Counted(status.phase, delayed=ready is not None and ready.reason == "DeliveryDelayed")


LOOKED_AT = (Phase.COLLECTING, Phase.DELIVERING)
"""Phases in which a bundle is looked at again and again."""


class Census:
    """By uid, some 200 bytes a bundle. A deletion that the watch has missed counts until the next sweep."""

    def __init__(self) -> None:
        self._bundles: dict[str, Counted] = {}
        self._counts: Counter[Counted] = Counter()

    def see(self, uid: str, bundle: Counted) -> None:
        """The watch shows this bundle."""
        self.miss(uid)
        self._bundles[uid] = bundle
        self._counts[bundle] += 1

    def miss(self, uid: str) -> None:
        """It is deleted."""
        if (bundle := self._bundles.pop(uid, None)) is not None:
            self._counts[bundle] -= 1

    def recount(self, bundles: Mapping[str, Counted]) -> None:
        """All that there are."""
        self._bundles, self._counts = dict(bundles), Counter(bundles.values())

    def by_phase(self) -> Mapping[Phase, int]:
        """Every phase, also those of no bundle: a series that comes and goes makes bad graphs."""
        return {phase: self._in(phase) for phase in Phase}

    def delayed(self) -> int:
        """Bundles whose delivery does not get on."""
        return sum(count for bundle, count in self._counts.items() if bundle.delayed)

    @property
    def running(self) -> int:
        """How many are looked at again and again."""
        return sum(self._in(phase) for phase in LOOKED_AT)

    def _in(self, phase: Phase) -> int:
        return self._counts[Counted(phase)] + self._counts[Counted(phase, delayed=True)]
