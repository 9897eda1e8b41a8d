"""What all streams of one sanitizer share, compiled once and immutable."""

from __future__ import annotations

from dataclasses import dataclass

from .documents.paths import PathSet
from .find.known import KnownSecret, KnownSecrets
from .find.scan import Scanner
from .find.triggers import Kind, compiled
from .markers import is_marker, marker
from .rules.checks import CHECKS
from .rules.keys import KeyClassifier, SecretKey
from .rules.records import PatternRule, RuleSet
from .shape import shape


@dataclass(frozen=True, slots=True)
class Core:
    """Compiled rules and known secrets."""

    rules: RuleSet
    known: KnownSecrets
    classify: KeyClassifier
    scanner: Scanner
    paths: PathSet
    keep_shape: bool = False

    @classmethod
    def build(cls, rules: RuleSet, known: tuple[KnownSecret, ...], *, keep_shape: bool = False) -> Core:
        """Compile everything.

        Raises:
            Invalid: if the known secrets are too large.
        """
        secrets = KnownSecrets(known, rules.literals)
        classify = KeyClassifier(rules)
        scanner = Scanner(rules, secrets, classify)
        return cls(rules, secrets, classify, scanner, PathSet(rules.paths), keep_shape)

    def replacement(self, rule: str, value: bytes) -> bytes:
        """What stands for a single `value` that `rule` takes out: its marker, or its shape if that is to be kept."""
        if not self.keep_shape or is_marker(value):
            return marker(rule)
        shaped = shape(value)
        # Whatever is found in a shape, such as a known secret that looks like one, would be taken out another time.
        of_itself = {Kind.PATTERN, Kind.BLOCK, Kind.REGEX, Kind.KNOWN}
        if shaped is None or any(
            hit.kind in of_itself for hit in self.scanner.scan(shaped, 0, len(shaped), len(shaped))
        ):
            return marker(rule)
        return shaped

    def standing_in(self, rule: str, before: bytes, value: bytes, after: bytes) -> bytes:
        """As `replacement` for a value between other text: nobody knows there what an escape in it means.

        What a pattern finds in a shape for the sake of what stands before it would be taken out another time.
        """
        if not self.keep_shape or b"\\" in value or b"%" in value or not value.isascii():
            return marker(rule)
        shaped = self.replacement(rule, value)
        text, start, end = before + shaped + after, len(before), len(before) + len(shaped)
        for hit in self.scanner.scan(text, 0, end, len(text)):
            if isinstance(hit.rule, PatternRule) and not hit.rule.shaped:
                span = self.secret_of(hit.rule, text, hit.start, len(text))
                if span is not None and span[0] < end and start < span[1]:
                    return marker(rule)
        return shaped

    def secret_of(self, rule: PatternRule, buffer: bytes, start: int, end: int) -> tuple[int, int] | None:
        """Where the secret of `rule` lies if its pattern matches at `start`."""
        match = compiled(rule.pattern.encode()).match(buffer, start, end)
        if match is None:
            return None
        span: tuple[int, int] = match.span(match.re.groupindex.get(b"secret", 0))
        return span if CHECKS[rule.check](buffer[span[0] : span[1]]) else None

    def accepts(self, key: SecretKey, value: bytes) -> bool:
        """Whether `value` has the form that the key's rule asks for, if it asks for one."""
        rule = key.rule
        return not rule.value or (
            compiled(rule.value.encode()).fullmatch(value) is not None and CHECKS[rule.check](value)
        )
