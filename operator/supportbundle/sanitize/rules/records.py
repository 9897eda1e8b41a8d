"""What a rule is: a frozen record with its reason and its own test examples; code knows kinds of rules, never one rule.

A new rule is one new record in a table. User rules (a later source) are more records in the same RuleSet: a set can be
extended and never shortened.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Self

from supportbundle.model import rulepath


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
    seen: str = ""
    """A part that every match of `trigger` has in its first line, for the first look, where `trigger` is dear there."""
    shaped: bool = False
    """Whether the secret is somebody's password, whose shape may be kept; a token has a form and no shape."""


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
    unless: tuple[str, ...] = ()
    """Single words that make a name harmless to this rule (`public` beside `key`)."""
    firm: bool = False
    """Whether the rule claims its names although the allow list knows their last word; `value` must then decide."""
    quiet: bool = False
    """Whether the name says too little to look there: only before a long opaque value, or where other rules look."""
    asked: bool = False
    """Whether somebody asked for this very name: no allow list and no judgement of the value keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegexRule:
    """Somebody's own RE2 expression: its group `secret`, or else the whole match, is replaced wherever it matches.

    It was checked (`custom.py`): it compiles within bounds and matches neither nothing nor a marker. It has no
    trigger: what it needs to match is not known.
    """

    name: str
    reason: str
    pattern: str
    hits: tuple[Hit, ...] = ()
    lookalikes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralRule:
    """Somebody's own text, replaced in every encoding in which a known secret is found."""

    name: str
    reason: str
    value: bytes
    hits: tuple[Hit, ...] = ()
    lookalikes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"LiteralRule(name={self.name!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRule:
    """A secret known by where it stands in a JSON or YAML document, however deep that document is quoted.

    `path` as in `model.rulepath`; the value there is replaced whatever it is.
    """

    name: str
    reason: str
    path: str
    hits: tuple[Hit, ...] = ()
    lookalikes: tuple[str, ...] = ()

    @property
    def trigger(self) -> str:
        """An expression (RE2, `re` and Hyperscan) for the path's last name written as a key; no document without it."""
        name = [step.name for step in rulepath.parse(self.path) if step.name][-1]
        forms = {re.escape(form).replace("/", r"\\*/") for form in (name, json.dumps(name)[1:-1])}
        begin = r"\b" if name[0].isascii() and (name[0].isalnum() or name[0] == "_") else ""
        return begin + "(?:" + "|".join(sorted(forms)) + r""")\\*["'`]?\s{0,16}:"""


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
    regexes: tuple[RegexRule, ...] = ()
    literals: tuple[LiteralRule, ...] = ()
    paths: tuple[PathRule, ...] = ()

    def names(self) -> frozenset[str]:
        """The names that can stand in a marker."""
        named: list[PatternRule | BlockRule | KeyRule | RegexRule | LiteralRule | PathRule] = [
            *self.patterns,
            *self.blocks,
            *self.keys,
            *self.regexes,
            *self.literals,
            *self.paths,
        ]
        return frozenset(rule.name for rule in named)

    def extended(
        self,
        patterns: tuple[PatternRule, ...] = (),
        keys: tuple[KeyRule, ...] = (),
        regexes: tuple[RegexRule, ...] = (),
        literals: tuple[LiteralRule, ...] = (),
        paths: tuple[PathRule, ...] = (),
    ) -> Self:
        """This set with more rules after its own."""
        return replace(
            self,
            patterns=self.patterns + patterns,
            keys=self.keys + keys,
            regexes=self.regexes + regexes,
            literals=self.literals + literals,
            paths=self.paths + paths,
        )
