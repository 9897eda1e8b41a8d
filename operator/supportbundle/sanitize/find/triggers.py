"""All triggers of one rule set, compiled once: what the first look at every byte looks for.

Hyperscan's expressions may be wider or shorter than what they stand for; RE2 and `re` say what it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Final, NamedTuple

import re2

from supportbundle.sanitize.rules.keys import key_trigger, quiet_words
from supportbundle.sanitize.rules.records import BlockRule, PatternRule, RegexRule, RuleSet

from .matcher import MULTILINE, PREFILTER, Matcher, understood

_NAME: Final = r"[\w.\-]*{key}[\w.\-]*"
_PHRASE: Final = r"[\w.\- ]*{key}[\w.\- ]*"
_PAIR: Final = r"""(?i:\b(?:name|key))\\*["']?\s*[:=]\s*(?:\\*["'](?i:{phrase})|(?i:{phrase})\r?\n|(?i:{name}))"""
"""A name of several words is one where quotes or the line's end say where it ends."""
ANY_PAIR: Final = re.compile(_PAIR.format(phrase=r"[\w.\- ]++", name=r"[\w.\-]++").encode())
"""A name beside a value; whether it is a secret's is left to its classification."""
_PAIR_SEEN: Final = r"""(?i:\b(?:name|key))\\*["']?\s*[:=]\s*\\*["']?[\w.\- ]*(?i:{key})"""
_FLAG: Final = r"""--?(?i:{name})(?:[ \t]+|\\*["'],\s*(?:\\*["'])?|["']?\r?\n[ \t]*-[ \t]+)"""
_KIND: Final = r"""\bkind\\*["']?\s*:\s*\\*["']?Secret(?:List)?\b"""
_KEY: Final = r"""((?i:{name}))(?:(?:\\*["'`]\s*|[ \t]*)(?::=|=>|[:=])|[ \t]*\n[ \t]*:[ \t])"""
_KEY_SEEN: Final = r"""(?i:{word})[\w.\-]*[\\"'`\s]*[:=]"""
"""Wider than `_KEY` and cheaper; what it adds is sorted out at the few places where it strikes."""

_QUIET_SEEN: Final = r"""(?i:{word})\d?[\\"'`\s]{{0,6}}[:=][>=]?[\\"'`\s\[]{{0,6}}[\w+/.~\-]{{16}}"""
"""A name that says little counts only before so long an opaque value."""
QUIET_VALUE: Final = 16


class Kind(Enum):
    """What a hit stands for."""

    PATTERN = "pattern"
    BLOCK = "block"
    KEY = "key"
    FLAG = "flag"
    PAIR = "pair"
    SECRET_OBJECT = "secret-object"  # noqa: S105 - a kind of hit
    PATH = "path"
    REGEX = "regex"
    KNOWN = "known"


class Row(NamedTuple):
    """A trigger: `seen` is Hyperscan's expression; `source` is RE2's, which says where the match begins and ends."""

    kind: Kind
    rule: PatternRule | BlockRule | RegexRule | None
    seen: bytes
    source: bytes

    @property
    def exact(self) -> Any:  # noqa: ANN401 - RE2 ships no types
        """The RE2 object."""
        return compiled(self.source)


@dataclass(frozen=True, slots=True)
class Triggers:
    """The compiled expressions; in the matcher stand the rows, then the words of keys, then others' expressions."""

    rows: tuple[Row, ...]
    regexes: tuple[Row, ...]
    spaced: tuple[re.Pattern[bytes] | None, ...]
    """By word of keys: what a name of two words looks like (`api key`), None if no blank can stand in it."""
    key: re.Pattern[bytes]
    """What a key's trigger is, exactly; its first group is the name."""
    matcher: Matcher

    @property
    def first_key(self) -> int:
        """The number of the first word of keys in the matcher; the last one stands for the quiet ones."""
        return len(self.rows)

    @property
    def first_regex(self) -> int:
        """The number of the first expression of somebody's own."""
        return len(self.rows) + len(self.spaced)


@lru_cache(maxsize=8)
def triggers(rules: RuleSet) -> Triggers:
    """The triggers of `rules`: compiling takes most of the time that a sanitizer takes to build."""
    every_name = _NAME.format(key=key_trigger(rules, quiet=True))
    words = _key_words(rules)
    rows, regexes = tuple(_rows(rules, key_trigger(rules))), tuple(_regex(rule) for rule in rules.regexes)
    keys = [_KEY_SEEN.format(word=word).encode() for word in words]
    keys.append(_QUIET_SEEN.format(word=quiet_words(rules)).encode())
    own = [row.seen for row in regexes if row.seen]
    flags = [0] * (len(rows) + len(keys)) + [PREFILTER | MULTILINE] * len(own)
    return Triggers(
        rows,
        regexes,
        (*map(_two_words, words), None),
        re.compile(_KEY.format(name=every_name).encode()),
        Matcher([*(row.seen for row in rows), *keys, *own], flags),
    )


def _rows(rules: RuleSet, key: str) -> Iterator[Row]:
    name = _NAME.format(key=key)
    table: list[tuple[Kind, PatternRule | BlockRule | None, str, str]] = [
        *((Kind.BLOCK, rule, rule.begin, rule.begin) for rule in rules.blocks),
        *((Kind.PATTERN, rule, rule.seen or rule.trigger, rule.trigger) for rule in rules.patterns),
        *((Kind.PATH, None, rule.trigger, rule.trigger) for rule in rules.paths),
        (Kind.SECRET_OBJECT, None, _KIND, _KIND),
        (Kind.PAIR, None, _PAIR_SEEN.format(key=key), _pair(key)),
        (Kind.FLAG, None, _FLAG.format(name=name), _FLAG.format(name=name)),
    ]
    for kind, rule, seen, exact in table:
        yield Row(kind, rule, seen.encode(), exact.encode())


def _pair(key: str) -> str:
    return _PAIR.format(name=_NAME.format(key=key), phrase=_PHRASE.format(key=key))


def _regex(rule: RegexRule) -> Row:
    """A rule of somebody's own; what Hyperscan does not know is looked for in every window."""
    pattern = rule.pattern.encode()
    seen = pattern if understood(pattern, PREFILTER | MULTILINE) else b""
    return Row(Kind.REGEX, rule, seen, b"(?m)" + pattern)


def _key_words(rules: RuleSet) -> list[str]:
    """Expressions of which every secret name holds one; a word that another one is part of adds nothing."""
    keys = [rule for rule in rules.keys if not rule.quiet]
    words = [word for rule in keys for word in rule.words]
    single = {word for word in words if "-" not in word} | {word for rule in keys for word in rule.last}
    needed = {word for word in single if not any(other in word for other in single - {word})}
    out = {re.escape(word) for word in needed}
    for word in words:
        parts = word.split("-")
        if len(parts) > 1:
            # Without a blank between its parts it is found by a single word in one of them.
            covered = any(other in part for other in needed for part in parts)
            out.add((" " if covered else "[ ._-]?").join(map(re.escape, parts)))
    return sorted(out)


def _two_words(word: str) -> re.Pattern[bytes] | None:
    """What a name of two words looks like (`api key`); None if no blank can stand in it."""
    return re.compile(rb"(?i:[\w.\-]*%b[\w.\-]*)" % word.encode()) if " " in word else None


@lru_cache(maxsize=4096)
def compiled(source: bytes) -> Any:  # noqa: ANN401 - as above
    """An RE2 object on bytes, made when it is first needed: few of all rules ever are."""
    return re2.compile(source, latin1())


def latin1() -> re2.Options:
    """Options under which RE2 works on bytes."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 16 << 20
    return options
