"""What the readers of configuration formats report to: keys, values and containers in; edits out.

A format's grammar knows where a value lies and how a replacement is written there. Which values are secret is said by
the walker in `structure.py`, as for JSON and YAML. Positions are those of the buffer of the current stretch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from supportbundle.sanitize.context import Context
from supportbundle.sanitize.edits import Edit, resolve
from supportbundle.sanitize.find.scan import Hit
from supportbundle.sanitize.find.triggers import Kind, compiled
from supportbundle.sanitize.markers import is_marker, marker
from supportbundle.sanitize.rules.harmless import is_harmless
from supportbundle.sanitize.rules.keys import SecretKey, key_trigger
from supportbundle.sanitize.rules.records import RuleSet

from .structure import VALUES, Place, Walker

MAX_CONTAINERS: Final = 200
"""Tables, blocks or elements inside each other; text that nests deeper is no configuration."""
_OF_THEMSELVES: Final = frozenset({Kind.PATTERN, Kind.BLOCK, Kind.REGEX, Kind.KNOWN})
_CONTAINER: Final = -1
"""Where the walker believes that a container begins: nothing is replaced there."""

Write = Callable[[bytes], bytes]
"""A value to the bytes that stand for it in the format."""


class Broken(Exception):
    """The text does not follow the format's grammar."""


@lru_cache(maxsize=8)
def _names(rules: RuleSet) -> Any:  # noqa: ANN401 - re2 has no types
    """Whatever a secret's name may hold, also as an escaped character of TOML, properties or XML, and HCL's mark."""
    return compiled(f"(?i){key_trigger(rules)}|\\\\u00|&#|\\bsensitive\\b".encode())


@dataclass(slots=True)
class _Value:
    """How a value is replaced: `text` as it is understood, `rest` the later pieces of one over several lines."""

    text: bytes | None
    write: Write
    rest: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class Outline:
    """One document; `renew` begins each stretch of it."""

    context: Context
    values: frozenset[bytes] = VALUES
    names: list[bytes] = field(default_factory=list)
    """The open containers."""
    secrets: list[SecretKey | None] = field(default_factory=list)
    """For each the rule that claims all that is in it."""
    hits: list[Hit] = field(default_factory=list)
    buffer: bytes = b""
    _walker: Walker = field(init=False)
    _values: dict[int, _Value] = field(default_factory=dict)
    _whole: list[Edit] = field(default_factory=list)
    _inner: list[Edit] = field(default_factory=list)
    _pending: int = 0

    def __post_init__(self) -> None:
        self._begin()

    def concerns(self, buffer: bytes) -> bool:
        """Whether the stretch may hold a secret at all; remembers it and its hits."""
        core = self.context.core
        self.buffer = buffer
        self.hits = core.scanner.scan(buffer, 0, len(buffer), len(buffer))
        if self.hits or any(self.secrets) or core.paths.root:
            return True
        return bool(_names(core.rules).search(buffer))

    def renew(self) -> None:
        """A stretch was written; positions begin anew."""
        self._values.clear()
        self._whole, self._inner, self._pending = [], [], 0
        self._begin()
        for name in self.names:
            self._walker.key(name)
            self._walker.open(_CONTAINER, mapping=True)

    def _begin(self) -> None:
        self._walker = Walker(self.context.core, self._replace, objects=True, values=self.values)
        self._walker.open(_CONTAINER, mapping=True)

    def enter(self, name: bytes) -> None:
        """A table, block or element begins; all in it is secret if its name or its path says so."""
        if len(self.names) >= MAX_CONTAINERS:
            raise Broken
        above = self.secret
        self._walker.key(name)
        self._walker.open(_CONTAINER, mapping=True)
        self.names.append(name)
        self.secrets.append(above or self._walker.claim)

    def leave(self) -> None:
        """The innermost container ends."""
        if self.names:
            self.names.pop()
            self.secrets.pop()
            self._walker.close(_CONTAINER)

    @property
    def secret(self) -> SecretKey | None:
        """The rule that claims all that is in the innermost container."""
        return self.secrets[-1] if self.secrets else None

    def claims(self, name: bytes) -> bool:
        """Whether a text under `name` here is secret, whatever it says."""
        key = self.secret or self._walker.paired(name) or self.context.core.classify(name)
        return key is not None and not key.rule.value

    def key(self, name: bytes) -> None:
        """The name of the next value or bracket."""
        self._walker.key(name)

    def fact(self, name: bytes, value: bytes) -> None:
        """Something that the format says elsewhere, such as the name of a block in its header; never replaced."""
        self._walker.key(name)
        self._values[_CONTAINER] = _Value(value, lambda text: text)
        self._walker.scalar(_CONTAINER, _CONTAINER, value, string=True)

    def open(self, start: int, write: Write, *, mapping: bool) -> None:
        """A list or object begins that may be replaced as a whole."""
        self._values[start] = _Value(None, write)
        self._walker.open(start, mapping=mapping)

    def close(self, end: int) -> None:
        """It ends."""
        self._walker.close(end)

    def value(
        self,
        start: int,
        end: int,
        value: bytes,
        write: Write,
        *,
        string: bool = True,
        rest: tuple[tuple[int, int], ...] = (),
        claimed: bool = True,
    ) -> None:
        """A scalar at buffer[start:end] that says `value`; `claimed` by a container whose name is secret."""
        self._values[start] = _Value(value, write, rest)
        if self._walker.scalar(start, end, value.strip(), string=string):
            return
        secret = self.secret if claimed and string else None
        if secret is not None and not is_harmless(value.strip(), secret, document=True):
            self._replace(Place(start, end, secret.rule.name))
        elif self.touched(start, rest[-1][1] if rest else end):
            clean, rules = self.context.inside(value)
            if clean != value:
                self._inner.append(Edit(start, end, write(clean), rules))
                self._inner += [Edit(low, high, b"", ()) for low, high in rest]

    def text(self, start: int, end: int, *, key: bool = False) -> None:
        """A comment or, with `key`, a name, in which only what is secret by itself matters."""
        if start >= end or not self.touched(start, end, of_themselves=key):
            return
        clean, rules = self.context.inside(self.buffer[start:end])
        if rules:
            self._inner.append(Edit(start, end, clean, rules))

    def touched(self, start: int, end: int, *, of_themselves: bool = False) -> bool:
        """Whether a hit lies in buffer[start:end]; asked in growing order."""
        hits = self.hits
        while self._pending < len(hits) and hits[self._pending].end <= start:
            self._pending += 1
        index = self._pending
        while index < len(hits) and hits[index].start < end:
            hit = hits[index]
            if hit.end > start and (not of_themselves or (hit.kind in _OF_THEMSELVES and hit.start >= start)):
                return True
            index += 1
        return False

    def found(self) -> list[Edit]:
        """The resolved edits of the stretch.

        Raises:
            Broken: if a known secret stands where the grammar has no value.
        """
        edits = resolve([*self._whole, *self._inner])
        index = 0
        for hit in self.hits:
            if hit.kind is not Kind.KNOWN or is_marker(self.buffer[hit.start : hit.end]):
                continue
            while index < len(edits) and edits[index].end <= hit.start:
                index += 1
            if index == len(edits) or edits[index].start >= hit.end:
                raise Broken
        return edits

    def _replace(self, place: Place) -> None:
        if place.start == _CONTAINER:
            return
        known = self._values[place.start]
        new = marker(place.rule)
        if known.text is not None:
            new = self.context.core.replacement(place.rule, known.text.strip())
        self._whole.append(Edit(place.start, place.end, known.write(new), (place.rule,)))
        self._whole += [Edit(low, high, b"", ()) for low, high in known.rest]
