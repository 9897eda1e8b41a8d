"""What a rule is: a frozen record with its reason and its own test examples; code knows kinds of rules, never one rule.

A new rule is one new record in a table. User rules (a later source) are more records in the same RuleSet: a set can be
extended and never shortened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Hit:
    """A text in which the rule must take out `secret`."""

    text: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRule:
    """A secret known by its own form, wherever it stands.

    `trigger` is a short RE2 expression that holds a literal; all triggers run as one alternation over every byte, so
    it must match wherever `pattern` matches, from the same start. `pattern` (RE2) runs only there; its group
    `secret`, or else the whole match, is replaced. `check` names an entry of `checks.CHECKS` that the secret must
    also pass.
    """

    name: str
    reason: str
    trigger: str
    pattern: str
    hits: tuple[Hit, ...]
    lookalikes: tuple[str, ...] = ()
    check: str = ""
    boundary: bool = True
    """Whether the match must not be preceded by a letter, digit or underscore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRule:
    """A secret of many lines between two armour lines; `begin` and `end` are RE2 expressions on one line."""

    name: str
    reason: str
    begin: str
    end: str
    hits: tuple[Hit, ...]
    lookalikes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRule:
    """A secret known by the name of the key that it stands under.

    `words` are hyphenated word groups looked for anywhere in the name once case and separators are removed (`api-key`
    finds `apiKey`, `API_KEY`, `x-api-key`); `last` are single words that count only as the name's last word. `value`,
    an RE2 expression, and `check`, as in PatternRule, restrict the rule to values of that form; then containers are
    left alone.
    """

    name: str
    reason: str
    words: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    value: str = ""
    check: str = ""
    hits: tuple[Hit, ...]
    lookalikes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AllowList:
    """Key names that only look secret, in lower case without separators.

    `exact` are whole names; `last` and `first` are single words in that place; `anywhere` are words that make the
    whole name harmless.
    """

    exact: frozenset[str]
    last: frozenset[str]
    first: frozenset[str]
    anywhere: frozenset[str]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of one sanitizer; earlier records win where two match at one place."""

    patterns: tuple[PatternRule, ...]
    blocks: tuple[BlockRule, ...]
    keys: tuple[KeyRule, ...]
    allowed: AllowList

    def names(self) -> frozenset[str]:
        """The names that can stand in a marker."""
        named: list[PatternRule | BlockRule | KeyRule] = [*self.patterns, *self.blocks, *self.keys]
        return frozenset(rule.name for rule in named)

    def extended(self, patterns: tuple[PatternRule, ...] = (), keys: tuple[KeyRule, ...] = ()) -> Self:
        """This set with more rules after its own."""
        return replace(self, patterns=self.patterns + patterns, keys=self.keys + keys)
