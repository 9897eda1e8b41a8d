"""How many bundles there are in each phase: kept by the watch, counted anew by each sweep, for the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from supportbundle.model.status import Phase


class Census:
    """Phases by uid: some 200 bytes a bundle. A deletion that the watch has missed counts until the next sweep."""

    def __init__(self) -> None:
        self._phases: dict[str, Phase] = {}

    def see(self, uid: str, phase: Phase) -> None:
        """The watch shows this bundle."""
        self._phases[uid] = phase

    def miss(self, uid: str) -> None:
        """It is deleted."""
        self._phases.pop(uid, None)

    def recount(self, phases: Mapping[str, Phase]) -> None:
        """All that there are."""
        self._phases = dict(phases)

    def by_phase(self) -> Mapping[Phase, int]:
        """Every phase, also those of no bundle: a series that comes and goes makes bad graphs."""
        return dict.fromkeys(Phase, 0) | Counter(self._phases.values())
