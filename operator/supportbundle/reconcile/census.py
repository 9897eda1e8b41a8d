"""How many bundles there are in each phase: kept by the watch, counted anew by each sweep, for the metrics."""

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


class Census:
    """By uid, some 200 bytes a bundle. A deletion that the watch has missed counts until the next sweep."""

    def __init__(self) -> None:
        self._bundles: dict[str, Counted] = {}

    def see(self, uid: str, bundle: Counted) -> None:
        """The watch shows this bundle."""
        self._bundles[uid] = bundle

    def miss(self, uid: str) -> None:
        """It is deleted."""
        self._bundles.pop(uid, None)

    def recount(self, bundles: Mapping[str, Counted]) -> None:
        """All that there are."""
        self._bundles = dict(bundles)

    def by_phase(self) -> Mapping[Phase, int]:
        """Every phase, also those of no bundle: a series that comes and goes makes bad graphs."""
        return dict.fromkeys(Phase, 0) | Counter(bundle.phase for bundle in self._bundles.values())

    def delayed(self) -> int:
        """Bundles whose delivery does not get on."""
        return sum(bundle.delayed for bundle in self._bundles.values())
