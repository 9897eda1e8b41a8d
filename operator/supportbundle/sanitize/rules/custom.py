"""Rules that somebody wrote: the admin's floor, a template's, a bundle's own. They only ever add to a rule set.

Each is checked before anything is collected, by name: a rule that cannot work, or does not do what its own examples
say, must never look as if it protected something.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import yaml
from pydantic import TypeAdapter, ValidationError

from supportbundle.errors import Invalid, InvalidRule, Unsanitizable
from supportbundle.model import rulepath
from supportbundle.model.spec import RuleType, SanitizationRule
from supportbundle.sanitize.documents import structure
from supportbundle.sanitize.engine import Sanitizer
from supportbundle.sanitize.find import known
from supportbundle.sanitize.markers import PREFIX, marker

from . import regexes
from .records import Hit, KeyRule, LiteralRule, PathRule, RegexRule, RuleSet

RESERVED: Final = frozenset({known.RULE, structure.SECRET_OBJECT})
"""Names in markers that no record carries."""
MAX_RULES: Final = 200
"""Of all sources together."""
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]*")
_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_SHORTEST_KEY: Final = 3
_SHORTEST_LITERAL: Final = 4


_RULES: Final = TypeAdapter(tuple[SanitizationRule, ...])


def parse(text: bytes) -> tuple[SanitizationRule, ...]:
    """Rules as a file holds them: a list like `spec.sanitization.rules`, in YAML or JSON, or a map with it in `rules`.

    Raises:
        InvalidRule: if it is no such list.
    """
    try:
        document = yaml.safe_load(text)
        rules = document.get("rules") if isinstance(document, dict) else document or []
        if not isinstance(rules, list):
            raise InvalidRule("The sanitizing rules are no list.", "Write them as in docs/sanitizing.md.")
        return _RULES.validate_python(rules)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidRule(f"The sanitizing rules cannot be read: {where}: {first['msg']}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidRule("The sanitizing rules are no YAML.", "Write them as in docs/sanitizing.md.") from error


def extended(base: RuleSet, rules: Sequence[SanitizationRule]) -> RuleSet:
    """`base` with `rules` after its own.

    Raises:
        InvalidRule: naming the rule and what to change.
    """
    names = set(base.names() | RESERVED)
    if len(rules) > MAX_RULES:
        raise InvalidRule(f"There are {len(rules)} sanitizing rules, more than {MAX_RULES}.", "Join some of them.")
    for rule in rules:
        if rule.name in names:
            raise _refused(rule, "its name is taken, by a built-in rule or by one of the admin's.", "Rename it.")
        names.add(rule.name)
        base = _with(base, rule)
    return base


def check(base: RuleSet, rules: Sequence[SanitizationRule]) -> RuleSet:
    """As `extended`, and whether each rule does what its examples say.

    Raises:
        InvalidRule: naming the rule, and the example that fails.
    """
    result = extended(base, rules)
    tried = [(rule, example) for rule in rules for example in rule.examples]
    sanitizer = Sanitizer.build((), result) if tried else None
    for rule, example in tried:
        assert sanitizer is not None, "there is something to try"  # noqa: S101 - states the line above
        stream = sanitizer.open("example")
        try:
            out = stream.feed(example.text.encode()) + stream.finish()
        except Unsanitizable as error:
            raise _refused(rule, f"the example {_quoted(example.text)} cannot be sanitized: {error}") from error
        if example.removed and example.removed.encode() in out:
            text = f"it does not take {_quoted(example.removed)} out of its example {_quoted(example.text)}."
            raise _refused(rule, text, "Correct the pattern or the example.")
        if not example.removed and rule.name in stream.report.counts:
            text = f"it takes something out of its look-alike {_quoted(example.text)}."
            raise _refused(rule, text, "Make the pattern more particular.")
    return result


def _with(base: RuleSet, rule: SanitizationRule) -> RuleSet:
    hits = tuple(Hit(example.text, example.removed) for example in rule.examples if example.removed)
    lookalikes = tuple(example.text for example in rule.examples if not example.removed)
    try:
        match rule.type:
            case RuleType.KEY:
                return base.extended(keys=(_key(rule, hits, lookalikes),))
            case RuleType.PATH:
                rulepath.parse(rule.pattern)
                path = PathRule(name=rule.name, reason=rule.reason, path=rule.pattern, hits=hits, lookalikes=lookalikes)
                return base.extended(paths=(path,))
            case RuleType.REGEX:
                regexes.check(rule.pattern, rule.name)
                regex = RegexRule(
                    name=rule.name, reason=rule.reason, pattern=rule.pattern, hits=hits, lookalikes=lookalikes
                )
                return base.extended(regexes=(regex,))
            case RuleType.LITERAL:
                return base.extended(literals=(_literal(rule, hits, lookalikes),))
    except Invalid as error:
        raise _refused(rule, error.cause, error.next_step) from error


def _key(rule: SanitizationRule, hits: tuple[Hit, ...], lookalikes: tuple[str, ...]) -> KeyRule:
    words = _WORD.findall(rule.pattern)
    if not _KEY.fullmatch(rule.pattern) or len("".join(words)) < _SHORTEST_KEY:
        raise Invalid(
            f"a key's name has at least {_SHORTEST_KEY} letters or digits of ASCII and no others.",
            "Use a rule of type Path for other names.",
        )
    word = "-".join(words).lower()
    return KeyRule(name=rule.name, reason=rule.reason, words=(word,), hits=hits, lookalikes=lookalikes, asked=True)


def _literal(rule: SanitizationRule, hits: tuple[Hit, ...], lookalikes: tuple[str, ...]) -> LiteralRule:
    value = rule.pattern.encode()
    if len(value) < _SHORTEST_LITERAL or "\n" in rule.pattern or "\r" in rule.pattern:
        raise Invalid(f"a literal has at least {_SHORTEST_LITERAL} bytes and stands on one line.", "Use a longer one.")
    if value in marker(rule.name) or value in PREFIX:
        raise Invalid("it is a part of what replaces a secret.", "Use another name or text.")
    return LiteralRule(name=rule.name, reason=rule.reason, value=value, hits=hits, lookalikes=lookalikes)


def _refused(rule: SanitizationRule, cause: str, next_step: str = "") -> InvalidRule:
    return InvalidRule(f"Sanitizing rule {rule.name} ({rule.type}) cannot be used: {cause}", next_step)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}…")  # noqa: PLR2004 - a line of a terminal
