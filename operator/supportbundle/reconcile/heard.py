"""What the watch tells of bundles and their Jobs, and which of it is worth a step, for each asks API and store."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from supportbundle.model.bundle import parse_status
from supportbundle.reconcile.census import Census, counted
from supportbundle.reconcile.due import due_in, ended_pods, others_word
from supportbundle.reconcile.key import Key, key_of, owner_of
from supportbundle.workqueue import WorkQueue

DELETED = "DELETED"
FEW = 8
"""Up to so many bundles that are not over, every event is worth a step: it shows the end of pods up to 1 s sooner."""


@dataclass(slots=True)
class _Known:
    """What was said last about a bundle: by others than the operator, and by its Job."""

    said: Hashable
    ended: Hashable = (0, 0, False)


class Heard:
    """Feeds the queue. Remembers bundles that are not over."""

    def __init__(self, queue: WorkQueue[Key], census: Census, clock: Callable[[], datetime], few: int = FEW) -> None:
        self._queue = queue
        self._few = few
        self._census = census
        self._clock = clock
        self._known: dict[Key, _Known] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._known

    def bundle(self, event: str | None, body: Mapping[str, Any]) -> None:
        """An event of a bundle; None is what a list shows."""
        key, status = key_of(body), parse_status(body)
        if event == DELETED:
            self._census.miss(key.uid)
            self._known.pop(key, None)
            if status.finished:
                self._queue.forget(key)  # all that it had was removed before it was called finished
            else:
                self._queue.add(key)
            return
        self._census.see(key.uid, counted(status))
        delay = due_in(body, self._clock())
        if delay is None or delay > 0:
            self._known.pop(key, None)
            if delay is not None:
                self._queue.add_after(key, delay)
            return
        self._runs(event, key, others_word(body))

    def _runs(self, event: str | None, key: Key, said: Hashable) -> None:
        known = self._known.get(key)
        if known is None:
            self._known[key] = _Known(said)
            self._queue.add_new(key)
        elif event is None or known.said != said or self._is_quiet():
            known.said = said
            self._queue.add(key)

    def job(self, event: str | None, body: Mapping[str, Any]) -> None:
        """An event of a Job. Anybody may make one that claims an owner: only bundles that we know count."""
        owner, ended = owner_of(body), ended_pods(body)
        known = self._known.get(owner) if owner else None
        if owner and known and (self._is_quiet() or (known.ended != ended and event != DELETED)):
            known.ended = ended
            self._queue.add(owner)

    def _is_quiet(self) -> bool:
        return len(self._known) <= self._few
