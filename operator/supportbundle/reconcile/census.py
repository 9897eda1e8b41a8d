"""How many bundles there are in each phase: kept by the watch, counted anew by each sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from supportbundle.model.status import Phase

LOOKED_AT = (Phase.COLLECTING, Phase.DELIVERING)
"""Phases in which a bundle is looked at again and again."""


class Census:
    """Phases by uid: some 200 bytes a bundle. A deletion that the watch has missed counts until the next sweep."""

    def __init__(self) -> None:
        self._phases: dict[str, Phase] = {}
        self._counts: Counter[Phase] = Counter()

    def see(self, uid: str, phase: Phase) -> None:
        """The watch shows this bundle."""
        self.miss(uid)
        self._phases[uid] = phase
        self._counts[phase] += 1

    def miss(self, uid: str) -> None:
        """It is deleted."""
        if (phase := self._phases.pop(uid, None)) is not None:
            self._counts[phase] -= 1

    def recount(self, phases: Mapping[str, Phase]) -> None:
        """All that there are."""
        self._phases, self._counts = dict(phases), Counter(phases.values())

    def by_phase(self) -> Mapping[Phase, int]:
        """Every phase, also those of no bundle: a series that comes and goes makes bad graphs."""
        return {phase: self._counts[phase] for phase in Phase}

    @property
    def running(self) -> int:
        """How many are looked at again and again."""
        return sum(self._counts[phase] for phase in LOOKED_AT)
