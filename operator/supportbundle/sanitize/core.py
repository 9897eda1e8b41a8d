"""What all streams of one sanitizer share, compiled once and immutable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import re2

from .checks import CHECKS
from .keys import KeyClassifier, SecretKey
from .known import KnownSecret, KnownSecrets
from .rules import PatternRule, RuleSet
from .scan import Scanner, latin1


@dataclass(frozen=True, slots=True)
class Core:
    """Compiled rules and known secrets."""

    rules: RuleSet
    known: KnownSecrets
    classify: KeyClassifier
    scanner: Scanner
    patterns: dict[str, Any]
    """RE2 objects (untyped) by their expression."""

    @classmethod
    def build(cls, rules: RuleSet, known: tuple[KnownSecret, ...]) -> Core:
        """Compile everything.

        Raises:
            Invalid: if the known secrets are too large.
        """
        secrets = KnownSecrets(known)
        classify = KeyClassifier(rules)
        sources = {rule.pattern for rule in rules.patterns} | {rule.value for rule in rules.keys if rule.value}
        patterns = {source: re2.compile(source.encode(), latin1()) for source in sources}
        return cls(rules, secrets, classify, Scanner(rules, secrets, classify), patterns)

    def secret_of(self, rule: PatternRule, buffer: bytes, start: int, end: int) -> tuple[int, int] | None:
        """Where the secret of `rule` lies if its pattern matches at `start`."""
        match = self.patterns[rule.pattern].match(buffer, start, end)
        if match is None:
            return None
        span: tuple[int, int] = match.span(match.re.groupindex.get(b"secret", 0))
        return span if CHECKS[rule.check](buffer[span[0] : span[1]]) else None

    def accepts(self, key: SecretKey, value: bytes) -> bool:
        """Whether `value` has the form that the key's rule asks for, if it asks for one."""
        rule = key.rule
        return not rule.value or (self.patterns[rule.value].fullmatch(value) is not None and CHECKS[rule.check](value))
