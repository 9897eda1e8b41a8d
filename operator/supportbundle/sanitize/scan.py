"""The first look at every byte: one RE2 alternation of all triggers and one automaton of known secrets.

Nearly all input ends here. The result is a short list of places where the precise and slow work has to be done. A
faster engine (a multi-pattern matcher) would replace this file only.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple

import re2

from .keys import KeyClassifier, SecretKey, key_trigger
from .known import KnownSecrets, Span
from .rules import BlockRule, PatternRule, RuleSet

_NAME: Final = r"[\w.\-]*{key}[\w.\-]*"
_CLOSE: Final = r"""(?:\\*["'`])?"""
_PAIR_TRIGGER: Final = r"""(?i:\b(?:name|key))\\*["']?\s*[:=]\s*\\*["']?(?i:{name})"""
_FLAG_TRIGGER: Final = r"""--?(?i:{name})(?:[ \t]+|\\*["'],\s*\\*["']|["']?\r?\n[ \t]*-[ \t]+)"""
_KEY_TRIGGER: Final = r"""(?i:{name})(?:(?:\\*["'`]\s*|[ \t]*)(?::=|=>|[:=])|[ \t]*\n[ \t]*:[ \t])"""
_KIND_TRIGGER: Final = r"""\bkind\\*["']?\s*:\s*\\*["']?Secret(?:List)?\b"""


_CACHED: Final = 8192
_CACHED_TEXT: Final = 64
_UNSEEN: Final = object()


class Kind(Enum):
    """What a hit stands for."""

    PATTERN = "pattern"
    BLOCK = "block"
    KEY = "key"
    FLAG = "flag"
    PAIR = "pair"
    SECRET_OBJECT = "secret-object"  # noqa: S105 - a kind of hit
    KNOWN = "known"


class Hit(NamedTuple):
    """A place worth a closer look: buffer[start:end] is the trigger's text."""

    start: int
    end: int
    kind: Kind
    rule: PatternRule | BlockRule | SecretKey | Span | None


class Scanner:
    """All triggers of one rule set; immutable, shared by threads. RE2 and the automaton release the GIL."""

    def __init__(self, rules: RuleSet, known: KnownSecrets, classify: KeyClassifier) -> None:
        self._known = known
        self._classify = classify
        self._meanings: dict[bytes, object] = {}
        name = _NAME.format(key=key_trigger(rules))
        self._table: list[tuple[str, Kind, PatternRule | BlockRule | None]] = [
            *((rule.begin, Kind.BLOCK, rule) for rule in rules.blocks),
            *((rule.trigger, Kind.PATTERN, rule) for rule in rules.patterns),
            (_KIND_TRIGGER, Kind.SECRET_OBJECT, None),
            (_PAIR_TRIGGER.format(name=name), Kind.PAIR, None),
            (_FLAG_TRIGGER.format(name=name), Kind.FLAG, None),
            (_KEY_TRIGGER.format(name=name), Kind.KEY, None),
        ]
        self._triggers = re2.compile("|".join(f"(?:{row[0]})" for row in self._table).encode(), latin1())
        # Which alternative matched: asked only for the few bytes of a hit, where the standard library is fastest.
        self._which = re.compile("|".join(f"({row[0]})" for row in self._table).encode())
        self._key_of_pair = re.compile(rb"[\w.\-]+\Z")
        self._key_of_other = re.compile(rb"-{0,2}([\w.\-]*[\w.\- ]*?)" + _CLOSE.encode() + rb"""[\s:=>"',\\]*\Z""")

    def scan(self, buffer: bytes, start: int, limit: int, end: int) -> list[Hit]:
        """Hits that begin in buffer[start:limit] and may reach up to `end`, in order, allow-listed keys left out."""
        hits: list[Hit] = []
        for match in self._triggers.finditer(buffer, start, end):
            low, high = match.span()
            if low >= limit:
                break
            hit = self._resolve(buffer, low, high)
            if hit is not None:
                hits.append(hit)
        known = [
            Hit(span.start, span.end, Kind.KNOWN, span)
            for span in self._known.find(buffer[:end] if end < len(buffer) else buffer, start)
            if span.start < limit
        ]
        return sorted(hits + known, key=lambda hit: (hit.start, -hit.end)) if known else hits

    def _resolve(self, buffer: bytes, start: int, end: int) -> Hit | None:
        text = buffer[start:end]
        meaning = self._meanings.get(text, _UNSEEN)
        if meaning is _UNSEEN:
            meaning = self._meaning(text)
            if len(text) <= _CACHED_TEXT:
                if len(self._meanings) >= _CACHED:
                    self._meanings.clear()
                self._meanings[text] = meaning
        if not isinstance(meaning, tuple):
            return None
        return Hit(start, end, *meaning)

    def _meaning(self, text: bytes) -> tuple[Kind, PatternRule | BlockRule | SecretKey | None] | None:
        """The row whose trigger `text` is, and for keys the rule that claims the name; None if it is harmless."""
        which = self._which.fullmatch(text)
        if which is None or which.lastindex is None:
            return None
        _, kind, rule = self._table[which.lastindex - 1]
        if rule is not None or kind is Kind.SECRET_OBJECT:
            return kind, rule
        key = self._classify(self._name(text, kind))
        return None if key is None else (kind, key)

    def _name(self, text: bytes, kind: Kind) -> bytes:
        if kind is Kind.PAIR:
            found = self._key_of_pair.search(text)
            return found.group() if found else text
        match = self._key_of_other.fullmatch(text)
        return match.group(1) if match else text


def latin1() -> re2.Options:
    """Options under which RE2 works on bytes; the memory is for the automaton of all triggers."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 16 << 20
    return options
