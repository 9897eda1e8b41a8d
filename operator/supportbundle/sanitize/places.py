"""Running text around one hit: which bytes are the secret, and what has to be dropped beyond the window.

Text here is anything without a document's structure: logs, command output, .env and INI files, documents that do not
parse. Every decision looks at the line of the hit and at most a few lines after it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from . import quoting
from .armour import OpenBlocks
from .core import Core
from .dialect import Dialect
from .edits import Edit
from .harmless import is_harmless, is_prose
from .keys import SecretKey
from .known import RULE as KNOWN_RULE
from .known import Span
from .markers import marker
from .rules import BlockRule, PatternRule
from .scan import Hit, Kind
from .swallow import Form, Indented, Progress, Quoted, RestOfLine, Swallow, Word, line_end

_CLOSED_KEY: Final = re.compile(rb"""(\\*)(["'`])\s*(?::=|=>|[:=])\Z""")
_SPACES: Final = re.compile(rb"[ \t]*")
_ANY_SPACE: Final = re.compile(rb"\s*")
_JUDGED: Final = re.compile(rb"<redacted:[a-z0-9-]+>(?=\s)")
_BEFORE_KEY: Final = re.compile(rb"""\s*(?:-\s+)*(?:(?:export|set|setenv|ENV|ARG|declare\s+-x)\s+)?["']?""")
_BLOCK_SCALAR: Final = re.compile(rb"[|>][+\-\d]{0,2}[ \t]*(?:#[^\n]*)?\r?")
_OTHER_PAIRS: Final = re.compile(rb"\s[\w.\-]+=")
_WORD: Final = re.compile(rb"\S{1,64}")
_UPPER: Final = re.compile(rb"[A-Z0-9_]+\s*=")
_OPEN_ARGUMENT: Final = re.compile(rb"""(\\*)(["'])\Z""")
_PAIR_VALUE: Final = re.compile(rb"""(?i)(?:^|[\s"'`,;{(\\])value\\*["'`]?\s*[:=]\s*""")
_SPACE: Final = ord(" ")
_UNDERSCORE: Final = ord("_")
_BEFORE_FLAG: Final = frozenset(b" \t\r\n\"'`[(,=\0\\")
_PAIR_REACH: Final = 512
_PAIR_ENDS: Final = re.compile(rb"""[{}]|\n\s*-\s|(?i:\bname\\*["']?\s*[:=])""")
_SCALAR_LINE: Final = re.compile(rb"""[^\s:{}\[\]#|>&*-][^\s]*|["'].*["']""")


@dataclass(slots=True)
class Found:
    """What came of one hit."""

    edits: list[Edit] = field(default_factory=list)
    state: Swallow | None = None


@dataclass(slots=True)
class Window:
    """A stretch of text that is looked at: buffer[:end]; `final` says that the text ends there."""

    core: Core
    dialect: Dialect
    blocks: OpenBlocks
    buffer: bytes
    end: int
    final: bool
    line_start: int = 0
    line_end: int = -1
    edited_to: int = -1
    """The end of the last edit: what follows it begins a word of its own."""
    failed_line: int = -1
    """The end of the last line that turned out to be no document."""

    def enter(self, position: int) -> None:
        """Make the line of `position` the current one; positions only grow, so no byte is searched twice."""
        if position > self.line_end:
            low = max(self.line_end, 0)
            before = max(self.buffer.rfind(b"\n", low, position), self.buffer.rfind(b"\0", low, position))
            self.line_start = before + 1
            self.line_end = line_end(self.buffer, position, self.end)

    def look(self, hit: Hit) -> Found:
        """Resolve one hit."""
        self.enter(hit.start)
        if hit.start != self.edited_to and not self._begins(hit):
            return Found()
        rule = hit.rule
        if isinstance(rule, PatternRule):
            return self._pattern(hit, rule)
        if isinstance(rule, BlockRule):
            return self._block(hit, rule)
        if isinstance(rule, Span):
            state = Form(self.core.known, rule.form, rule.offset)
            return self._from(rule.start, KNOWN_RULE, state.resume(self.buffer, rule.end, self.end, final=self.final))
        handlers = {Kind.KEY: self._key, Kind.FLAG: self._flag, Kind.PAIR: self._pair}
        handler = handlers.get(hit.kind)
        return handler(hit, rule) if handler is not None and rule is not None else Found()

    def _begins(self, hit: Hit) -> bool:
        """Whether the hit begins where a word or an argument may begin."""
        before = self.buffer[hit.start - 1] if hit.start else _SPACE
        if hit.kind is Kind.FLAG:
            return before in _BEFORE_FLAG
        if isinstance(hit.rule, PatternRule) and hit.rule.boundary:
            return not (chr(before).isalnum() or before == _UNDERSCORE)
        return True

    def _from(self, start: int, rule: str, progress: Progress, before: bytes = b"", after: bytes = b"") -> Found:
        """The edit from `start` to wherever a swallowed secret was followed."""
        text = before + marker(rule) + after + progress.text
        return Found([Edit(start, progress.position, text, (rule,))], progress.state)

    def _pattern(self, hit: Hit, rule: PatternRule) -> Found:
        span = self.core.secret_of(rule, self.buffer, hit.start, self.end)
        if span is None:
            # A token longer than all that was looked at cannot match; it is dropped for how it begins.
            endless = not self.final and quoting.unquoted(self.buffer, hit.start, self.end) == self.end
            return self._from(hit.start, rule.name, Progress(self.end, b"", Word())) if endless else Found()
        if span[1] == self.end and not self.final:
            return self._from(span[0], rule.name, Progress(span[1], b"", Word()))
        return Found([Edit(*span, marker(rule.name), (rule.name,))])

    def _block(self, hit: Hit, rule: BlockRule) -> Found:
        before = self.buffer[max(self.line_start, hit.start - 256) : hit.start]
        state = self.blocks.begin(rule, before)
        return self._from(hit.start, rule.name, state.resume(self.buffer, hit.end, self.end, final=self.final))

    def torn(self, position: int, limit: int) -> Found | None:
        """The next piece, beginning in buffer[position:limit], of a block that other lines have torn apart."""
        piece = self.blocks.find(self.buffer, position, limit, self.end)
        if piece is None:
            return None
        start, stop, rule = piece
        state = self.blocks.armour(rule)
        return self._from(start, rule.name, state.resume(self.buffer, stop, self.end, final=self.final))

    def _key(self, hit: Hit, key: SecretKey) -> Found:
        text = self.buffer[hit.start : hit.end]
        closed = _CLOSED_KEY.search(text)
        declared = text.endswith(b":=")
        colon = text.endswith(b":")
        space = _ANY_SPACE if closed else _SPACES
        start = _end(space, self.buffer, hit.end, self.end)
        if closed:
            depth = quoting.depth_of(len(closed.group(1)))
            return self._after_quoted_key(key, start, quoting.Quote(closed.group(2), depth))
        quote = quoting.opening(self.buffer, start, self.end)
        if quote is not None:
            leads = self._leads(hit.start)
            return self._quoted(key, *quote, lines=self.dialect.assignments and leads)
        if declared or self.buffer[start : start + 1] == b"=":
            return Found()
        if start >= self.line_end:
            return self._next_line(hit, key) if colon and self._leads(hit.start) else Found()
        if self.buffer[start : start + 1] == b"[":
            return self._bracket(key, start, quoting.Quote(b'"', 0))
        return self._unquoted(hit, key, start, colon=colon)

    def _leads(self, position: int) -> bool:
        """Whether only indentation or a shell's export stands before `position` on its line."""
        return _BEFORE_KEY.fullmatch(self.buffer, self.line_start, position) is not None

    def _quoted(self, key: SecretKey, quote: quoting.Quote, start: int, *, lines: bool = False) -> Found:
        progress = Quoted(quote, lines).resume(self.buffer, start, self.end, final=self.final)
        value = self.buffer[start : progress.position]
        if is_harmless(value, key, document=False) or not self.core.accepts(key, value):
            return Found()
        return self._from(start, key.rule.name, progress)

    def _after_quoted_key(self, key: SecretKey, start: int, quote: quoting.Quote) -> Found:
        """The value in `"key": value`, of a JSON-like text that did not parse or does not end in this window."""
        opened = quoting.opening(self.buffer, start, self.end)
        if opened is not None:
            return self._quoted(key, *opened)
        if self.buffer[start : start + 1] == b"[":
            return self._bracket(key, start, quote)
        if self.buffer[start : start + 1] == b"{":
            return Found()
        stop = quoting.json_word(self.buffer, start, self.end)
        value = self.buffer[start:stop]
        if is_prose(value) or is_harmless(value, key, document=True) or not self.core.accepts(key, value):
            return Found()
        state = None if self.final or stop < self.end else Word()
        return self._from(start, key.rule.name, Progress(stop, b"", state), before=quote.token, after=quote.token)

    def _bracket(self, key: SecretKey, start: int, quote: quoting.Quote) -> Found:
        """A list of scalars under a secret's name; lists of objects have keys of their own."""
        stop = quoting.balanced(self.buffer, start, self.line_end, quote.depth)
        value = self.buffer[start + 1 : stop - 1]
        if stop < 0 or b"{" in value or is_harmless(value, key, document=False) or not self.core.accepts(key, value):
            return Found()
        return Found([Edit(start, stop, quote.token + marker(key.rule.name) + quote.token, (key.rule.name,))])

    def _unquoted(self, hit: Hit, key: SecretKey, start: int, *, colon: bool) -> Found:
        leads = self._leads(hit.start)
        # Behind a marker stands what an earlier pass has judged, perhaps as another dialect.
        if (key.bare and colon) or _JUDGED.match(self.buffer, start, self.line_end):
            return Found()
        if colon and leads and _BLOCK_SCALAR.fullmatch(self.buffer, start, self.line_end):
            return self._block_scalar(hit, key, start)
        word = _WORD.match(self.buffer, start, self.line_end)
        spaced = start > hit.end
        if colon and spaced and word and is_prose(word.group()) and not self.dialect.assignments:
            return Found()
        state: Swallow = Word()
        if leads and self._to_line_end(hit, start, colon=colon and spaced):
            state = RestOfLine(continued=not colon and self.dialect.assignments)
        elif key.rule.value:
            state = RestOfLine(continued=False)
        progress = state.resume(self.buffer, start, self.end, final=self.final)
        value = self.buffer[start : progress.position].rstrip()
        if is_harmless(value, key, document=False) or not self.core.accepts(key, value):
            return Found()
        return self._from(start, key.rule.name, progress)

    def _to_line_end(self, hit: Hit, start: int, *, colon: bool) -> bool:
        """Whether the value is all that is left of the line: not in logfmt, whose lines hold more pairs."""
        if self.dialect.assignments:
            return True
        if not colon and _UPPER.fullmatch(self.buffer, hit.start, hit.end) is None:
            return False
        return _OTHER_PAIRS.search(self.buffer, start, self.line_end) is None

    def _block_scalar(self, hit: Hit, key: SecretKey, start: int) -> Found:
        stop = self.line_end + 1
        indent = _end(_SPACES, self.buffer, self.line_start, hit.start) - self.line_start
        progress = Indented(indent).resume(self.buffer, min(stop, self.end), self.end, final=self.final)
        rule = key.rule.name
        edits = [
            Edit(start, self.line_end, marker(rule), (rule,)),
            Edit(min(stop, self.end), progress.position, b"", ()),
        ]
        return Found(edits, progress.state)

    def _next_line(self, hit: Hit, key: SecretKey) -> Found:
        """`password:` and its value alone on the following, deeper line."""
        indent = _end(_SPACES, self.buffer, self.line_start, hit.start) - self.line_start
        begin = self.line_end + 1
        stop = line_end(self.buffer, min(begin, self.end), self.end)
        start = _end(_SPACES, self.buffer, min(begin, self.end), stop)
        value = self.buffer[start:stop].rstrip()
        if start - begin <= indent or not _SCALAR_LINE.fullmatch(value) or key.rule.value:
            return Found()
        if value.endswith(b":") or is_harmless(value, key, document=False) or is_prose(value):
            return Found()
        return Found([Edit(start, start + len(value), marker(key.rule.name), (key.rule.name,))])

    def _flag(self, hit: Hit, key: SecretKey) -> Found:
        """`--password x` on a command line, or `"--password", "x"` in a list of arguments."""
        if key.rule.value:
            return Found()
        opened = _OPEN_ARGUMENT.search(self.buffer, hit.start, hit.end)
        if opened:
            quote = quoting.Quote(opened.group(2), quoting.depth_of(len(opened.group(1))))
            return self._quoted(key, quote, hit.end)
        argument = quoting.opening(self.buffer, hit.end, self.end)
        if argument is not None:
            return self._quoted(key, *argument)
        progress = Word().resume(self.buffer, hit.end, self.end, final=self.final)
        value = self.buffer[hit.end : progress.position]
        if value[:1] in {b"-", b"=", b":", b"|"} or is_prose(value) or is_harmless(value, key, document=False):
            return Found()
        return self._from(hit.end, key.rule.name, progress)

    def _pair(self, hit: Hit, key: SecretKey) -> Found:
        """`name: DB_PASSWORD` with its `value: x` close by, in either order (an environment entry in a dump)."""
        if key.rule.value:
            return Found()
        after = self.buffer[hit.end : min(self.end, hit.end + _PAIR_REACH)]
        ends = _PAIR_ENDS.search(after)
        found = _PAIR_VALUE.search(after, 0, ends.start() if ends else len(after))
        if found:
            return self._pair_value(key, hit.end + found.end())
        low = max(self.line_start, self.buffer.rfind(b"{", self.line_start, hit.start), hit.start - _PAIR_REACH)
        before = _PAIR_VALUE.search(self.buffer, low, hit.start)
        return self._pair_value(key, before.end()) if before else Found()

    def _pair_value(self, key: SecretKey, start: int) -> Found:
        quote = quoting.opening(self.buffer, start, self.end)
        if quote is not None:
            return self._quoted(key, *quote)
        progress = Word().resume(self.buffer, start, self.end, final=self.final)
        value = self.buffer[start : progress.position]
        return Found() if is_harmless(value, key, document=True) else self._from(start, key.rule.name, progress)


def _end(pattern: re.Pattern[bytes], buffer: bytes, start: int, end: int) -> int:
    match = pattern.match(buffer, start, end)
    return match.end() if match else start
