"""Signals between those who notice something and the step that answers it.

What a watch sees can be seen again, by another process too, so its signals need outlive none; whoever delivers an
alert waits until the step has answered it, and by then the bundle is there. A signal whose bundle was refused is kept,
because the right that is missing may be granted while what happened is still news.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from supportbundle.decide.occasions import Signal, Verdict
from supportbundle.errors import Unavailable
from supportbundle.reconcile.key import Key

MAX_WAITING: Final = 1000
"""Signals in all."""
MAX_OF_ONE: Final = 200
"""Signals of one schedule."""
MAX_KEPT: Final = 50
"""Refused signals of one schedule, each of another owner; of all schedules `MAX_WAITING`."""
DELIVERY_SECONDS: Final = 10.0


@dataclass(slots=True, eq=False)
class Letter:
    """A signal, and somebody who waits for its verdict."""

    signal: Signal
    answer: asyncio.Future[Verdict] | None = None


class Inbox:
    """`wake` is told the key of a schedule that has signals."""

    def __init__(self, wake: Callable[[Key], None]) -> None:
        self._wake = wake
        self._letters: dict[Key, list[Letter]] = {}
        self._suppressed: dict[Key, Counter[str]] = {}
        self._kept: dict[Key, dict[str, Signal]] = {}

    def put(self, key: Key, signal: Signal) -> bool:
        """Leave a signal that can be seen again. False if there is no room."""
        return self._add(key, Letter(signal))

    async def deliver(self, key: Key, signal: Signal) -> Verdict:
        """Leave a signal and wait for what becomes of it.

        Raises:
            Unavailable: there is no room, or no answer in time; nothing is lost if the caller repeats it.
            SupportBundleError: as the step failed.
        """
        letter = Letter(signal, asyncio.get_running_loop().create_future())
        assert letter.answer is not None, "made in the line above"  # noqa: S101 - for the type checker
        if not self._add(key, letter):
            raise Unavailable("Too many signals wait for an answer.", "Try again later.")
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):
                return await letter.answer
        except TimeoutError as error:
            self._drop(key, letter)
            raise Unavailable(f"The schedule has not answered within {DELIVERY_SECONDS:.0f} s.") from error

    def _add(self, key: Key, letter: Letter) -> bool:
        mine = self._letters.get(key, [])
        if len(mine) >= MAX_OF_ONE or sum(map(len, self._letters.values())) >= MAX_WAITING:
            return False
        self._letters[key] = [*mine, letter]
        self._wake(key)
        return True

    def take(self, key: Key) -> tuple[Letter, ...]:
        """All signals of a schedule; who takes them must answer, return or fail them."""
        return tuple(self._letters.pop(key, ()))

    def answer(self, letters: Iterable[Letter], verdicts: Mapping[Signal, Verdict]) -> None:
        """Tell those who wait. A signal without a verdict belongs to a schedule that is gone."""
        for letter in letters:
            if letter.answer is not None and not letter.answer.done():
                letter.answer.set_result(verdicts.get(letter.signal, Verdict.UNKNOWN))

    def fail(self, key: Key, letters: Iterable[Letter], error: Exception) -> None:
        """The step failed: who waits is told, the other signals come again with the next step."""
        for letter in letters:
            if letter.answer is None:
                self._letters[key] = [*self._letters.get(key, []), letter]
            elif not letter.answer.done():
                letter.answer.set_exception(error)

    def keep(self, key: Key, refused: Iterable[Signal]) -> None:
        """Signals whose bundles the API server has refused: for `recall`, as far as there is room."""
        mine = self._kept.get(key, {})
        for signal in refused:
            room = len(mine) < MAX_KEPT and sum(map(len, self._kept.values())) < MAX_WAITING
            if signal.owner in mine or room:
                self._kept.setdefault(key, mine)[signal.owner] = signal

    def recall(self, key: Key, since: datetime) -> bool:
        """Leave again what was refused and has happened since then. Whether there was anything."""
        put = [self.put(key, signal) for signal in self._kept.pop(key, {}).values() if signal.at >= since]
        return any(put)

    def count_suppressed(self, key: Key, verdicts: Iterable[tuple[Signal, Verdict]]) -> None:
        """Remember for the next status what made no bundle."""
        counts = self._suppressed.setdefault(key, Counter())
        counts.update(signal.trigger for signal, verdict in verdicts if verdict == Verdict.SUPPRESSED)

    def suppressed(self, key: Key) -> Counter[str]:
        """Counts by trigger that no status has yet."""
        return Counter(self._suppressed.get(key, {}))

    def written(self, key: Key) -> None:
        """A status has the counts now."""
        self._suppressed.pop(key, None)

    def forget(self, key: Key) -> None:
        """The schedule is gone."""
        self.answer(self.take(key), {})
        self._suppressed.pop(key, None)
        self._kept.pop(key, None)

    def _drop(self, key: Key, letter: Letter) -> None:
        self._letters[key] = [other for other in self._letters.get(key, []) if other is not letter]
        if not self._letters[key]:
            del self._letters[key]
