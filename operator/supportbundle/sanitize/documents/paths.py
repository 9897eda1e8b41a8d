"""Path rules while a document is walked: which of them may still be reached from here, and which are reached.

All rules are followed at once, as a set of (rule, steps done). A document in a list of Kubernetes objects counts as one
of its own, because nobody who writes `$.spec.x` thinks of how it was listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from supportbundle.model.rulepath import Step, StepKind, parse
from supportbundle.sanitize.rules.keys import SecretKey
from supportbundle.sanitize.rules.records import KeyRule, PathRule

States = tuple[tuple[int, int], ...]
NOWHERE: Final[States] = ()
_CACHED: Final = 4096
_LIST: Final = -1
"""The number of the rule that leads to the items of a list of objects."""
_ITEMS: Final = b"items"


class PathSet:
    """Compiled path rules; shared by threads, its cache is only a cache."""

    def __init__(self, rules: tuple[PathRule, ...]) -> None:
        self._paths = [parse(rule.path) for rule in rules]
        self._claims = [
            SecretKey(
                KeyRule(name=rule.name, reason=rule.reason, hits=(), asked=True),
                plural=False,
                bare=False,
                working_directory=False,
            )
            for rule in rules
        ]
        last = [next(step.name for step in reversed(path) if step.name) for path in self._paths]
        self._last = {name.encode(): claim for name, claim in zip(last, self._claims, strict=True)}
        self._cache: dict[tuple[States, bytes | int], States] = {}
        self._documents = tuple(state for number in range(len(rules)) for state in self._reached(number, 0))
        self.root: States = (*self._documents, (_LIST, 0)) if rules else NOWHERE
        """At the root of a document."""
        places = [step.position for path in self._paths for step in path if step.kind is StepKind.POSITION]
        self._beyond = max(places, default=-1) + 1
        self.counts = bool(places)
        """Whether positions in lists matter."""

    def step(self, states: States, step: bytes | int) -> States:
        """What is reached from `states` through a name or a position in a list."""
        if not states:
            return NOWHERE
        if isinstance(step, int):
            step = min(step, self._beyond)
        key = (states, step)
        found = self._cache.get(key)
        if found is None:
            found = tuple(dict.fromkeys(self._next(states, step)))
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            self._cache[key] = found
        return found

    def claim(self, states: States) -> SecretKey | None:
        """The first rule whose path ends here."""
        for number, done in states:
            if number != _LIST and done == len(self._paths[number]):
                return self._claims[number]
        return None

    def ending_in(self, name: bytes) -> SecretKey | None:
        """A rule whose path's last name this is."""
        return self._last.get(name)

    def blind(self, states: States) -> bool:
        """Whether a path may end below without a name that the scanner would have found."""
        return any(
            number != _LIST and not any(step.kind is StepKind.NAME for step in self._paths[number][done:])
            for number, done in states
        )

    def leads_on(self, states: States) -> bool:
        """Whether a path that began at a root goes on below: there, an alias stands for what lies elsewhere."""
        return any(
            number != _LIST and done < len(path := self._paths[number]) and not self._begins_anywhere(path, done)
            for number, done in states
        )

    @staticmethod
    def _begins_anywhere(path: tuple[Step, ...], done: int) -> bool:
        return path[0].kind is StepKind.ANYWHERE and done <= 1

    def _next(self, states: States, step: bytes | int) -> Iterator[tuple[int, int]]:
        for number, done in states:
            if number == _LIST:
                if done == 0 and step == _ITEMS:
                    yield (_LIST, 1)
                elif done == 1 and isinstance(step, int):
                    yield from self._documents
                continue
            path = self._paths[number]
            if done == len(path):
                continue
            if path[done].kind is StepKind.ANYWHERE:
                yield from self._reached(number, done)
            elif _goes_through(path[done], step):
                yield from self._reached(number, done + 1)

    def _reached(self, number: int, done: int) -> Iterator[tuple[int, int]]:
        """`done` steps, and what `**` for no steps adds."""
        path = self._paths[number]
        yield (number, done)
        while done < len(path) and path[done].kind is StepKind.ANYWHERE:
            done += 1
            yield (number, done)


def _goes_through(wanted: Step, step: bytes | int) -> bool:
    match wanted.kind:
        case StepKind.ANY:
            return True
        case StepKind.NAME:
            return isinstance(step, bytes) and step.decode("utf-8", "replace") == wanted.name
        case StepKind.ANY_POSITION:
            return isinstance(step, int)
        case _:
            return isinstance(step, int) and step == wanted.position
