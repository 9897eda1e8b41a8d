"""The first look at every byte: where triggers and known secrets stand.

Nearly all input ends here. The result is a short list of places where the precise and slow work has to be done. Where
Hyperscan reports a trigger, RE2 says exactly what matched; the most frequent ones, secret keys before a separator,
are read backwards from their end instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from supportbundle.sanitize.rules.keys import KeyClassifier, SecretKey
from supportbundle.sanitize.rules.records import BlockRule, PatternRule, RegexRule, RuleSet

from .known import KnownSecrets, Span
from .triggers import ANY_PAIR, QUIET_VALUE, Kind, Row, triggers

_WORD: Final = bytes([*range(48, 58), *range(65, 91), *range(97, 123)]) + b"_.-"
_BETWEEN: Final = b" \t\r\n\f\v\\\"'`"
_BACK: Final = 512
"""How far before its end a trigger may begin in a line without end."""
_NEAR: Final = 96
"""Where the beginning of a key's name is looked for first."""
_SECOND: Final = frozenset({b"=", b">"})
_LINE: Final = 4 << 10
"""A line's beginning is looked for so far back."""
_REACH: Final = 4 << 10
"""How far beyond the limit a trigger may reach that begins before it."""
_CACHED: Final = 8192
_CACHED_TEXT: Final = 96
_UNSEEN: Final = object()


_LAST_NAME: Final = re.compile(rb"[\w.\-]+(?: [\w.\-]+)?\Z")
_FLAG_NAME: Final = re.compile(rb"-{1,2}([\w.\- ]*?)[ \t]*+[\\\"',\s\-]*\Z")


class Hit(NamedTuple):
    """A place worth a closer look: buffer[start:end] is the trigger's text; of a REGEX or KNOWN the secret itself."""

    start: int
    end: int
    kind: Kind
    rule: PatternRule | BlockRule | SecretKey | RegexRule | Span | None


class Scanner:
    """All triggers of one rule set and all known secrets; immutable but for a cache, shared by threads."""

    def __init__(self, rules: RuleSet, known: KnownSecrets, classify: KeyClassifier) -> None:
        self._known = known
        self._classify = classify
        self._meanings: dict[bytes, object] = {}
        self._triggers = triggers(rules)

    def scan(self, buffer: bytes, start: int, limit: int, end: int) -> list[Hit]:
        """Hits that begin in buffer[start:limit] and may reach up to `end`, in order, allow-listed keys left out."""
        stop = min(end, limit + _REACH)
        data = buffer if start == 0 and stop == len(buffer) else buffer[start:stop]
        found = self._triggers.matcher.find(data)
        known = self._known.seen(data)
        if not found and not known and not self._triggers.regexes:
            return []
        look = _Look(buffer if end == len(buffer) else buffer[:end], start, limit, stop)
        first_key, first_regex = self._triggers.first_key, self._triggers.first_regex
        regexes = False
        for place, number in sorted(found):
            at = place + start
            if number < first_key:
                self._exact(look, number, at)
            elif number < first_regex:
                at = _separator(look, at) if number == first_regex - 1 else at
                if at != look.key_end:
                    self._key_at(look, number - first_key, at)
            else:
                regexes = True
        hits = look.hits
        for row in self._triggers.regexes:
            if regexes or not row.seen:
                hits += _regex_hits(row, look)
        if known:
            spans = self._known.at(look.buffer, start, known)
            hits += [Hit(span.start, span.end, Kind.KNOWN, span) for span in spans if span.start < limit]
        hits.sort(key=_order)
        return hits

    def paired(self, name: bytes) -> SecretKey | None:
        """The rule that claims a value beside which `name` stands, as a hit of kind PAIR would say it."""
        match = ANY_PAIR.match(b'name:"' + name.replace(b":", b"."))
        return None if match is None else self._meaning(match.group(), Kind.PAIR)

    def _exact(self, look: _Look, number: int, at: int) -> None:
        """Every match of the row up to the end of the line of `at`, where Hyperscan saw one end."""
        done = look.done.get(number, look.start)
        if at <= done:
            return
        row, buffer = self._triggers.rows[number], look.buffer
        if row.kind is Kind.PAIR and self._pair_at(look, number, at):
            return
        newline = buffer.rfind(b"\n", max(done, at - _LINE), max(done, at - _BACK))
        low = newline + 1 if newline >= 0 else max(done, at - _BACK)
        newline = buffer.find(b"\n", at, look.stop)
        high = look.stop if newline < 0 else newline
        look.done[number] = high
        for match in row.exact.finditer(buffer, low, high):
            begin, end = match.span()
            if begin >= look.limit:
                break
            if row.kind in {Kind.FLAG, Kind.PAIR}:
                key = self._meaning(buffer[begin:end], row.kind)
                if key is not None:
                    look.hits.append(Hit(begin, end, row.kind, key))
            else:
                look.hits.append(Hit(begin, end, row.kind, row.rule))

    def _pair_at(self, look: _Look, number: int, at: int) -> bool:
        """The usual pair, found without RE2: nothing else of its kind stands between the last one and its name."""
        buffer, done = look.buffer, look.done.get(number, look.start)
        low = max(done, at - _NEAR)
        text = buffer[low:at].lower()
        separator = max(text.rfind(b":"), text.rfind(b"="))
        begin = low + max(text.rfind(b"name", 0, max(separator, 0)), text.rfind(b"key", 0, max(separator, 0)))
        match = ANY_PAIR.match(buffer, begin, look.stop) if begin >= low else None
        if match is None or match.end() < at or begin >= look.limit:
            return False
        key = self._meaning(match.group(), Kind.PAIR)
        look.done[number] = match.end()
        if key is not None:
            look.hits.append(Hit(begin, match.end(), Kind.PAIR, key))
        return True

    def _key_at(self, look: _Look, number: int, at: int) -> None:
        """The secret key whose separator ends at `at`, read backwards."""
        buffer = look.buffer
        low = self._name_start(look, number, at, _NEAR) or self._name_start(look, number, at, _BACK) or look.start
        if low >= look.limit:
            return
        high = at + 1 if buffer[at : at + 1] in _SECOND and buffer[at - 1 : at + 1] in {b":=", b"=>"} else at
        text = buffer[low:high]
        key = self._meanings.get(text, _UNSEEN)
        if key is _UNSEEN:
            key = self._meaning(text, Kind.KEY)
        if key is None and high == at and b"\n" in text and buffer[at : at + 1] in {b" ", b"\t"}:
            high = at + 1  # YAML's explicit key: its value may stand on a line of its own
            key = self._meaning(buffer[low:high], Kind.KEY)
        if isinstance(key, SecretKey):
            look.key_end = at
            look.hits.append(Hit(low, high, Kind.KEY, key))

    def _name_start(self, look: _Look, number: int, at: int, back: int) -> int:
        """Where the name before the separator at `at` begins; 0 if that is further away than `back` or the start."""
        floor = max(at - back, look.start)
        stem = look.buffer[floor : at - 1].rstrip(_BETWEEN)
        length = len(stem.rstrip(_WORD))
        spaced = self._triggers.spaced[number]
        if spaced is not None and length:
            before = len(stem[: length - 1].rstrip(_WORD))
            length = before if spaced.fullmatch(stem, before) else length
        return floor + length if length else 0

    def _meaning(self, text: bytes, kind: Kind) -> SecretKey | None:
        """The rule that claims the name in a trigger's text; None if it is harmless, or no trigger on a second look."""
        known = self._meanings.get(text, _UNSEEN)
        if known is _UNSEEN:
            name = self._name(text, kind)
            known = None if name is None else self._classify(name)
            if len(text) <= _CACHED_TEXT:
                if len(self._meanings) >= _CACHED:
                    self._meanings.clear()
                self._meanings[text] = known
        return known if isinstance(known, SecretKey) else None

    def _name(self, text: bytes, kind: Kind) -> bytes | None:
        if kind is Kind.KEY:
            match = self._triggers.key.fullmatch(text)
            return match.group(1) if match else None
        match = (_LAST_NAME if kind is Kind.PAIR else _FLAG_NAME).search(text.rstrip())
        return None if match is None else match.group(match.lastindex or 0)


class _Look:
    """One scan in progress."""

    __slots__ = ("buffer", "done", "hits", "key_end", "limit", "start", "stop")

    def __init__(self, buffer: bytes, start: int, limit: int, stop: int) -> None:
        self.buffer = buffer
        self.start = start
        self.limit = limit
        self.stop = stop
        self.hits: list[Hit] = []
        self.done: dict[int, int] = {}
        """By row, up to where its matches are all found."""
        self.key_end = -1


def _separator(look: _Look, at: int) -> int:
    """The end of the separator before the value whose first characters end at `at`."""
    floor = max(look.start, at - QUIET_VALUE - _NEAR)
    stem = look.buffer[floor : at - QUIET_VALUE].rstrip(_BETWEEN + b"[")
    return floor + len(stem) - (stem[-2:] in {b":=", b"=>", b"=="})


def _order(hit: Hit) -> tuple[int, int]:
    return hit.start, -hit.end


def _regex_hits(row: Row, look: _Look) -> Iterator[Hit]:
    group = row.exact.groupindex.get(b"secret", 0)
    for match in row.exact.finditer(look.buffer, look.start, len(look.buffer)):
        if match.start() >= look.limit:
            break
        begin, end = match.span(group)
        if begin < 0:  # the group takes no part in this match
            begin, end = match.span()
        if end > begin:
            yield Hit(begin, end, Kind.REGEX, row.rule)
