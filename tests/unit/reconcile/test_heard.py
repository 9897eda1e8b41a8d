"""Which events cost a step: what others say about a bundle, and that pods have ended; not the operator's own words."""

from __future__ import annotations

from typing import Any

import pytest

from support.build import NOW
from support.universe import KEY
from supportbundle.model import names
from supportbundle.model.status import Phase
from supportbundle.reconcile.census import Census
from supportbundle.reconcile.heard import Heard
from supportbundle.reconcile.key import Key
from supportbundle.workqueue import WorkQueue


class Listening:
    """A queue that nobody works at."""

    def __init__(self, few: int = 0) -> None:
        self.queue: WorkQueue[Key] = WorkQueue(lambda: 0.0)
        self.census = Census()
        self.heard = Heard(self.queue, self.census, lambda: NOW, few)

    def bundle(self, event: str | None, **status: Any) -> int:
        """How many keys wait after an event."""
        self.heard.bundle(event, bundle(**status))
        return self.take()

    def job(self, event: str, **status: Any) -> int:
        """The same, of the bundle's Job."""
        owner = {"kind": names.KIND, "name": KEY.name, "uid": KEY.uid, "controller": True}
        self.heard.job(event, {"metadata": {"namespace": KEY.namespace, "ownerReferences": [owner]}, "status": status})
        return self.take()

    def take(self) -> int:
        """Empty the queue."""
        depth = self.queue.depth
        self.queue = self.heard._queue = WorkQueue(lambda: 0.0)  # noqa: SLF001 - a fresh one is the emptiest
        return depth


@pytest.fixture
def listening() -> Listening:
    found = Listening()
    assert found.bundle("ADDED") == 1
    return found


def bundle(generation: int = 1, **status: Any) -> dict[str, Any]:
    """As the watch shows it."""
    meta = {"namespace": KEY.namespace, "name": KEY.name, "uid": KEY.uid, "generation": generation}
    return {"metadata": meta, "status": status}


def over(phase: str = "Failed") -> dict[str, Any]:
    """A status that is final."""
    condition = {"type": "Stalled", "status": "True", "reason": "Any", "lastTransitionTime": NOW.isoformat()}
    return {"phase": phase, "conditions": [condition]}


def test_our_own_status_is_no_news(listening: Listening) -> None:
    assert listening.bundle("MODIFIED", phase="Collecting") == 0
    assert listening.census.running == 1


def test_what_others_change_is(listening: Listening) -> None:
    assert listening.bundle("MODIFIED", generation=2) == 1
    assert listening.bundle("MODIFIED", generation=2) == 0


def test_a_list_shows_everything_anew(listening: Listening) -> None:
    assert listening.bundle(None) == 1


def test_a_bundle_that_is_over_costs_nothing_even_when_it_is_deleted(listening: Listening) -> None:
    assert listening.bundle("MODIFIED", **over()) == 0
    assert KEY not in listening.heard
    assert listening.bundle("DELETED", **over()) == 0
    assert listening.census.by_phase()[Phase.FAILED] == 0


def test_a_running_bundle_that_is_deleted_is_cleaned_up(listening: Listening) -> None:
    assert listening.bundle("DELETED", phase="Collecting") == 1
    assert KEY not in listening.heard


def test_the_end_of_pods_wakes_their_bundle_once(listening: Listening) -> None:
    assert listening.job("ADDED") == 0
    assert listening.job("MODIFIED", active=1, ready=1) == 0
    assert listening.job("MODIFIED", succeeded=1) == 1
    assert listening.job("MODIFIED", succeeded=1) == 0
    done = [{"type": "Complete", "status": "True"}]
    assert listening.job("MODIFIED", succeeded=1, conditions=done) == 1


def test_a_job_that_the_operator_deletes_itself_is_no_news(listening: Listening) -> None:
    assert listening.job("DELETED", succeeded=1) == 0


def test_while_few_run_every_event_is_worth_a_look() -> None:
    few = Listening(few=1)
    assert few.bundle("ADDED") == 1
    assert few.bundle("MODIFIED", phase="Collecting") == 1
    assert few.job("MODIFIED", active=1, ready=1) == 1


def test_jobs_of_bundles_that_nobody_has_seen_do_not_count() -> None:
    assert Listening().job("MODIFIED", succeeded=1) == 0
