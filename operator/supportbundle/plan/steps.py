"""The steps of an API collector, read: what each needs of earlier ones, and what is wrong with them. Pure.

Told when a template is checked, when a bundle fills one in, and when a bundle is planned; so whatever runs was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from supportbundle.model.api import APIOptions, Step
from supportbundle.model.spec import CollectorSpec
from supportbundle.plan.expressions import BadExpression, Expression, PathTemplate

T = TypeVar("T")
POD, NODE, BUNDLE = "pod", "node", "bundle"
FACTS = frozenset({POD, NODE, BUNDLE})
"""Names that expressions know besides the steps'."""


@dataclass(frozen=True, slots=True)
class ReadStep:
    """A step whose expressions were read.

    `needs` are the earlier steps whose results it takes. `kept` says that a later step takes its own, and `fallback`
    which one stands in for it.
    """

    options: Step
    path: PathTemplate | None = None
    value: Expression | None = None
    fields: tuple[tuple[tuple[str, ...], Expression], ...] = ()
    when: Expression | None = None
    needs: frozenset[str] = frozenset()
    kept: bool = False
    fallback: str | None = None

    @property
    def name(self) -> str:
        """The step's name."""
        return self.options.name


@dataclass(slots=True)
class _Reader:
    """Reads one step after the other; `said` collects what is wrong, by the place of the step."""

    options: APIOptions
    earlier: dict[str, Step] = field(default_factory=dict)
    said: list[tuple[int, str]] = field(default_factory=list)
    fallbacks: dict[str, str] = field(default_factory=dict)

    def read(self) -> tuple[ReadStep, ...]:
        found = []
        for index, step in enumerate(self.options.steps):
            try:
                found.append(self._step(step))
            except BadExpression as error:
                self.said.append((index, f"step {step.name}: {error}"))
            self.earlier[step.name] = step
        wanted = frozenset().union(*(step.needs for step in found))
        done = tuple(replace(step, kept=step.name in wanted, fallback=self.fallbacks.get(step.name)) for step in found)
        if not self.said:
            self.said += self._together(done)
        return done

    def _step(self, step: Step) -> ReadStep:
        if step.name in FACTS:
            raise BadExpression(f"a step cannot be called {step.name}, which expressions know already")
        path = _read("path", PathTemplate.read, step.path) if step.path is not None else None
        value = _read("value", Expression.read, step.value) if step.value is not None else None
        when = _read("when", Expression.read, step.when) if step.when is not None else None
        fields = tuple(
            (tuple(f.key.split(".")), _read(f"field {f.key}", Expression.read, f.value)) for f in step.fields
        )
        self._keys([key for key, _ in fields])
        own = {step.name} if path else set[str]()
        needs = {
            *self._needs("when", [when] if when else [], set()),
            *self._needs("path", path.expressions if path else [], set()),
            # With a path, value is about its answer alone.
            *self._needs("value", [value] if value and not path else [], set()),
            *self._needs("fields", [expression for _, expression in fields], own),
        }
        self._fallback(step)
        return ReadStep(step, path, value, fields, when, frozenset(needs - own - FACTS))

    def _needs(self, where: str, expressions: Iterable[Expression], own: set[str]) -> Iterator[str]:
        known = self.earlier.keys() | own | FACTS
        for expression in expressions:
            if expression.names is None:
                raise BadExpression(f"{where}: {expression.text} is about all answers at once; name a step")
            for name in sorted(expression.names):
                if name not in known:
                    raise BadExpression(f"{where}: {name} is no earlier step; expressions begin with the name of one")
                if self.options.service and name in {POD, NODE}:
                    raise BadExpression(f"{where}: with service nobody knows yet which pod answers; do not use {name}")
                if name in self.earlier and self.earlier[name].unwrap:
                    raise BadExpression(f"{where}: {name} is answered by a zip, which expressions cannot read")
                yield name

    def _keys(self, keys: list[tuple[str, ...]]) -> None:
        taken = set(keys)
        for key in keys:
            if any(key[:depth] in taken for depth in range(1, len(key))):
                raise BadExpression(f"field {'.'.join(key)}: it lies inside of another field; keep one")

    def _fallback(self, step: Step) -> None:
        if (name := step.fallback_for) is None:
            return
        if name not in self.earlier:
            raise BadExpression(f"fallbackFor: {name} is no earlier step")
        if name in self.fallbacks:
            other = self.fallbacks[name]
            raise BadExpression(f"fallbackFor: {name} has the fallback {other} already; set fallbackFor: {other}")
        self.fallbacks[name] = step.name

    def _together(self, steps: tuple[ReadStep, ...]) -> Iterator[tuple[int, str]]:
        """What only all of them show."""
        taken: dict[str, str] = {}
        for index, step in enumerate(steps):
            output = step.options.output
            if output is None:
                if not step.kept and not step.options.unwrap:
                    yield index, f"step {step.name}: nothing comes of it; give it an output, or refer to it"
                continue
            for other, owner in taken.items():
                apart = other != output and not _inside(other, output) and not _inside(output, other)
                if not apart and not (other == output and owner in self._stands_in_for(step.options)):
                    yield index, f"step {step.name}: its output {output} is in the way of that of step {owner}"
            taken[output] = step.name

    def _stands_in_for(self, step: Step) -> Iterator[str]:
        while (name := step.fallback_for) is not None:
            yield name
            step = self.earlier[name]


def read_steps(options: APIOptions) -> tuple[ReadStep, ...]:
    """The steps of a collector in which nothing is wrong."""
    return _Reader(options).read()


def wrong_with(spec: CollectorSpec) -> list[tuple[int, str]]:
    """What is wrong with the steps of a collector, each with the place of the step; none for other collectors."""
    if spec.api is None:
        return []
    reader = _Reader(spec.api)
    reader.read()
    return reader.said


def _read(where: str, read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except BadExpression as error:
        raise BadExpression(f"{where}: {error}") from error


def _inside(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")
