"""Whether a key's name says that its value is secret: case, separators and camel case do not matter."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from .records import KeyRule, RuleSet

_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_CACHED: Final = 4096
_LONGEST: Final = 256
_CARRIERS: Final = frozenset({"value", "data", "plain", "current", "old", "new", "default", "text", "raw"})
"""Last segments of a dotted name that say nothing themselves (`db.password.value`)."""


_DIGEST_OF: Final = ["checksum"]
"""Charts keep digests of what they have rendered in annotations such as `checksum/secret`."""


class SecretKey(NamedTuple):
    """A key name that a rule claims."""

    rule: KeyRule
    plural: bool
    """`tokens`, `secrets`: a number under it is a count."""
    bare: bool
    """The whole name is one short word such as `pass` or `auth`, which running text uses freely."""
    working_directory: bool
    """`PWD` and `OLDPWD`, which every shell exports."""


class _Prepared(NamedTuple):
    """A rule's words without hyphens, and those of them that a dot may divide (`api.key`)."""

    record: KeyRule
    parts: tuple[str, ...]
    compounds: tuple[str, ...]
    unless: frozenset[str]

    @classmethod
    def of(cls, rule: KeyRule) -> _Prepared:
        parts = tuple(word.replace("-", "") for word in rule.words)
        compounds = tuple(part for part, word in zip(parts, rule.words, strict=True) if "-" in word)
        return cls(rule, parts, compounds, frozenset(rule.unless))


class KeyClassifier:
    """Classifies key names by the key rules and the allow list; shared by threads, its cache is only a cache."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = [_Prepared.of(rule) for rule in rules.keys if not (rule.asked or rule.firm)]
        self._firm = [_Prepared.of(rule) for rule in rules.keys if rule.firm]
        self._asked = [_Prepared.of(rule) for rule in rules.keys if rule.asked]
        self._allowed = rules.allowed
        self._cache: dict[bytes, SecretKey | None] = {}

    def __call__(self, name: bytes) -> SecretKey | None:
        """The rule for `name`, or None if it is harmless."""
        try:
            return self._cache[name]
        except KeyError:
            found = self._classify(name[-_LONGEST:].decode("utf-8", "replace"))
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            if len(name) <= _LONGEST:
                self._cache[name] = found
            return found

    def _classify(self, name: str) -> SecretKey | None:
        segments = [words for part in re.split(r"[./]", name) if (words := _words(part))]
        while len(segments) > 1 and _CARRIERS.issuperset(segments[-1]):
            segments.pop()
        if not segments:
            return None
        words = segments[-1]
        joined = "".join(words)
        across = "".join(word for segment in segments[-2:] for word in segment)
        for rule in self._asked:
            if any(part in joined for part in rule.parts) or any(part in across for part in rule.compounds):
                return SecretKey(rule.record, plural=False, bare=False, working_directory=False)
        if len(segments) > 1 and segments[0] == _DIGEST_OF:
            return None
        rules = self._firm if self._is_allowed(words, joined) else [*self._rules, *self._firm]
        letters = [word for word in words if not word.isdigit()]
        for rule in rules:
            record = rule.record
            whole = any(part in joined for part in rule.parts) or (letters and letters[-1] in record.last)
            if (whole or any(part in across for part in rule.compounds)) and rule.unless.isdisjoint(words):
                plural = joined.endswith("s") and not joined.endswith(("ss", "pass"))
                bare = name.lower() in record.last and not record.value
                return SecretKey(record, plural, bare, name in {"PWD", "OLDPWD"})
        return None

    def _is_allowed(self, words: list[str], joined: str) -> bool:
        allowed = self._allowed
        letters = [word for word in words if not word.isdigit()] or words
        return (
            joined in allowed.exact
            or letters[-1] in allowed.last
            or (len(letters) > 1 and letters[0] in allowed.first)
            or not allowed.anywhere.isdisjoint(words)
        )


def _words(segment: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(segment)]


def key_trigger(rules: RuleSet, *, quiet: bool = False) -> str:
    """RE2 alternation of everything that can make a name secret, separators optional; `quiet` names on request."""
    keys = [rule for rule in rules.keys if quiet or not rule.quiet]
    groups = {"[ ._-]?".join(map(re.escape, word.split("-"))) for rule in keys for word in rule.words}
    groups |= {re.escape(word) for rule in keys for word in rule.last}
    return "(?:" + "|".join(sorted(groups)) + ")"


def quiet_words(rules: RuleSet) -> str:
    """Alternation of the words of quiet rules."""
    keys = [rule for rule in rules.keys if rule.quiet]
    words = {"[._-]?".join(map(re.escape, word.split("-"))) for rule in keys for word in (*rule.words, *rule.last)}
    return "(?:" + "|".join(sorted(words)) + ")"
