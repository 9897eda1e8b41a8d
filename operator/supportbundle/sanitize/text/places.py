"""Running text around one hit: which bytes are the secret, and what has to be dropped beyond the window.

Text here is anything without a document's structure: logs, command output, .env and INI files, documents that do not
parse. Every decision looks at the line of the hit and at most a few lines after it.
"""

from __future__ import annotations

import re
from typing import Final

from supportbundle.sanitize.documents.structure import are_references
from supportbundle.sanitize.edits import Edit
from supportbundle.sanitize.find.known import Span
from supportbundle.sanitize.find.scan import Hit
from supportbundle.sanitize.find.triggers import Kind
from supportbundle.sanitize.markers import marker
from supportbundle.sanitize.rules.harmless import is_harmless, is_prose, is_type
from supportbundle.sanitize.rules.keys import SecretKey
from supportbundle.sanitize.rules.records import BlockRule, PatternRule, RegexRule

from . import quoting
from .swallow import Form, Heredoc, Indented, Progress, Quoted, RestOfLine, Swallow, Until, Word, line_end
from .window import PAIR_REACH, STAMPED, Found, Window

_CLOSED_KEY: Final = re.compile(rb"""(\\*)(["'`])\s*(?::=|=>|[:=])\Z""")
_STRING_PREFIX: Final = re.compile(rb"""[bBfFrRuU]{1,2}(?=["'])""")
"""What Python writes before a string's quote."""
_SPACES: Final = re.compile(rb"[ \t]*")
_ANY_SPACE: Final = re.compile(rb"\s*")
_JUDGED: Final = re.compile(rb"<redacted:[a-z0-9-]+>(?=[\s\"',;])")
_QUOTE_BEGINS: Final = frozenset({b'"', b"'", b"`", b"\\"})
_BLOCK_SCALAR: Final = re.compile(rb"[|>][+\-\d]{0,2}[ \t]*(?:#[^\n]*)?\r?")
_OTHER_PAIRS: Final = re.compile(rb"\s[\w.\-]+=")
_WORD: Final = re.compile(rb"\S{1,64}")
_UPPER: Final = re.compile(rb"[A-Z0-9_]+\s*=")
_OPEN_ARGUMENT: Final = re.compile(rb"""(\\*)(["'])\Z""")
_PAIR_VALUE: Final = re.compile(rb"""(?i)(?:^|[\s"'`,;{(\\])value\\*["'`]?\s*[:=]\s*""")
_COST: Final = 16
"""How much dearer a byte is where brackets are counted than where an expression runs."""
_QUOTED_KEY: Final = re.compile(rb"""["']([\w.\-/$]{1,256})\\*["']\s*:""")
_DESCRIBES: Final = frozenset({b"type", b"$ref", b"properties"})
"""Keys of a schema, which describes a secret and holds none."""
_LIST: Final = ord("[")
_HEREDOC: Final = re.compile(rb"<<-?([A-Za-z_]\w*)[ \t]*\r?\Z")
_PAIR_ENDS: Final = re.compile(rb"""[{}]|\n\s*-\s|(?i:\bname\\*["']?\s*[:=])""")
_SCALAR_LINE: Final = re.compile(rb"""[^\s:{}\[\]#|>&*-][^\s]*|["'].*["']""")
_SCALAR_BEGINS: Final = re.compile(rb"""[^\s:{}\[\]#|>&*\-"'][^\s]*|["'].*""")
"""The same of a line that goes on beyond the window."""


class Places(Window):
    """Resolves the hits of one window."""

    __slots__ = ()

    def look(self, hit: Hit) -> Found:
        """Resolve one hit."""
        self.enter(hit.start)
        if hit.kind is Kind.SECRET_OBJECT:
            self.objects.append(hit.start)
        if hit.start != self.edited_to and not self._begins(hit):
            return Found()
        rule = self._ending(hit) if hit.kind is Kind.PATH else hit.rule
        if isinstance(rule, PatternRule):
            return self._pattern(hit, rule)
        if isinstance(rule, BlockRule):
            return self._block(hit, rule)
        if isinstance(rule, Span):
            state = Form(self.core.known, rule.form, rule.offset)
            name = self.core.known.rule(rule.form)
            return self._from(rule.start, name, state.resume(self.buffer, rule.end, self.end, final=self.final))
        if isinstance(rule, RegexRule):
            return self._regex(hit, rule)
        handlers = {Kind.KEY: self._key, Kind.PATH: self._key, Kind.FLAG: self._flag, Kind.PAIR: self._pair}
        handler = handlers.get(hit.kind)
        return handler(hit, rule) if handler is not None and rule is not None else Found()

    def _ending(self, hit: Hit) -> SecretKey | None:
        """The path rule that ends in this quoted key, in a line too long or too broken to be read as a document."""
        closed = _CLOSED_KEY.search(self.buffer, hit.start, hit.end)
        if closed is None or self.buffer[hit.start - 1 : hit.start] != closed.group(2):
            return None
        return self.core.paths.ending_in(self.buffer[hit.start : closed.start()])

    def _pattern(self, hit: Hit, rule: PatternRule) -> Found:
        stop = self._reach(hit.start)
        more = stop < self.end or not self.final
        span = self.core.secret_of(rule, self.buffer, hit.start, stop)
        if span is None:
            self.patience -= stop - hit.start
            # A token longer than all that was looked at cannot match; it is dropped for how it begins.
            endless = more and quoting.unquoted(self.buffer, hit.start, stop) == stop
            return self._from(hit.start, rule.name, self._word(stop)) if endless else Found()
        if span[1] == stop and more:
            return self._from(span[0], rule.name, self._word(stop))
        # Blanks at its end are no secret, and they may be what ends a value that begins before it.
        low, high = span[0], span[0] + len(self.buffer[slice(*span)].rstrip(b" \t"))
        if low == high:
            return Found()
        text = self._standing_in(rule.name, low, high) if rule.shaped else marker(rule.name)
        return Found([Edit(low, high, text, (rule.name,))])

    def _regex(self, hit: Hit, rule: RegexRule) -> Found:
        """What a rule of somebody's own matched; where the window cuts it, the rest of the line goes too."""
        if hit.end < self.end or self.final:
            return Found([Edit(hit.start, hit.end, marker(rule.name), (rule.name,))])
        return self._from(hit.start, rule.name, Progress(hit.end, b"", RestOfLine(continued=False)))

    def _block(self, hit: Hit, rule: BlockRule) -> Found:
        before = self.buffer[max(self.line_start, hit.start - 256) : hit.start]
        state = self.blocks.begin(rule, before)
        return self._from(hit.start, rule.name, state.resume(self.buffer, hit.end, self.end, final=self.final))

    def torn(self, position: int, limit: int, *, all_of_it: bool) -> Found | None:
        """The next piece, beginning in buffer[position:limit], of a block that other lines have torn apart.

        With `all_of_it` also one that begins later, in a line that does not.
        """
        piece = self.blocks.find(self.buffer, position, limit, self.end, all_of_it=all_of_it)
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
            if start > self.line_end and self._text_start(self.line_start) > self.line_start:
                start = _end(_SPACES, self.buffer, self._text_start(start), self.end)
            return self._after_quoted_key(key, start, quoting.Quote(closed.group(2), depth))
        lines = self._lines(key, start) if self.dialect.assignments else None
        if lines is not None:
            return lines
        quote = quoting.opening(self.buffer, start, self.end)
        if quote is not None:
            leads = self._leads(hit.start)
            return self._quoted(key, *quote, lines=self.dialect.assignments and leads)
        if declared or self.buffer[start : start + 1] == b"=":
            return Found()
        if start >= self.line_end:
            return self._next_line(hit, key) if colon and self._leads(hit.start, stamped=True) else Found()
        return self._unquoted(hit, key, start, colon=colon)

    def _lines(self, key: SecretKey, start: int) -> Found | None:
        """A value of many lines in TOML's quotes or a heredoc, of a document too large for its own reader."""
        mark = self.buffer[start : start + 3]
        state: Swallow
        if mark in {b'"""', b"'''"}:
            begin, state = start + 3, Until(mark)
        elif found := _HEREDOC.match(self.buffer, start, self.line_end):
            begin, state = min(self.line_end + 1, self.end), Heredoc(found.group(1))
        else:
            return None
        progress = state.resume(self.buffer, begin, self.end, final=self.final)
        if _stays(self.buffer[begin : progress.position].strip(), key, progress.state) or key.rule.value:
            return Found()
        return self._from(begin, key.rule.name, progress, after=b"" if begin == start + 3 else b"\n")

    def _quoted(self, key: SecretKey, quote: quoting.Quote, start: int, *, lines: bool = False) -> Found:
        progress = Quoted(quote, lines).resume(self.buffer, start, self.end, final=self.final)
        value = self.buffer[start : progress.position]
        if _stays(value, key, progress.state) or not self.core.accepts(key, value):
            return Found()
        ended = self.buffer[progress.position : progress.position + 1] in _QUOTE_BEGINS
        # A quote that nothing closes: an earlier pass has judged what stood here, when it was a line of its own.
        if progress.state is None and not ended and _JUDGED.match(value):
            return Found()
        return self._single(start, key.rule.name, progress)

    def _after_quoted_key(self, key: SecretKey, start: int, quote: quoting.Quote) -> Found:
        """The value in `"key": value`, of a JSON-like text that did not parse or does not end in this window."""
        start = _end(_STRING_PREFIX, self.buffer, start, self.end)
        opened = quoting.opening(self.buffer, start, self.end)
        if opened is not None:
            return self._quoted(key, *opened)
        if self.buffer[start : start + 1] in {b"[", b"{"}:
            return self._brackets(key, start, quote)
        stop = quoting.json_word(self.buffer, start, self.end)
        value = self.buffer[start:stop]
        state = None if self.final or stop < self.end else Word()
        if is_prose(value) or _stays(value, key, state, document=True) or not self.core.accepts(key, value):
            return Found()
        return self._from(start, key.rule.name, Progress(stop, b"", state), before=quote.token, after=quote.token)

    def _brackets(self, key: SecretKey, start: int, quote: quoting.Quote) -> Found:
        """A list or object under a quoted key: over lines it is of a document behind prefixes, as a log shows it."""
        if self.buffer[start + 1 : self.line_end].strip():
            return self._bracket(key, start, quote) if self.buffer[start] == _LIST else Found()
        reach = self._reach(start)
        stop = quoting.balanced(self.buffer, start, reach, quote.depth)
        if stop < 0:
            self.patience -= _COST * (reach - start)
        value = self.buffer[start : max(stop, start)]
        if stop < 0 or key.rule.value or b"<redacted:" in value:
            return Found()
        if value[0] == _LIST:
            keep = b"{" in value or is_harmless(value, key, document=True)
        else:
            names = [match.group(1) for match in _QUOTED_KEY.finditer(value)]
            keep = are_references(self.core, names) or not _DESCRIBES.isdisjoint(names)
        if keep:
            return Found()
        return Found([Edit(start, stop, quote.token + marker(key.rule.name) + quote.token, (key.rule.name,))])

    def _bracket(self, key: SecretKey, start: int, quote: quoting.Quote) -> Found:
        """A list of scalars under a secret's name; lists of objects have keys of their own."""
        if self.patience <= 0:
            return self._from(start, key.rule.name, self._word(start))
        reach = min(self.line_end, self._reach(start))
        stop = quoting.balanced(self.buffer, start, reach, quote.depth)
        self.patience -= _COST * (reach - start) if stop < 0 else 0
        value = self.buffer[start + 1 : stop - 1]
        if stop < 0 or b"{" in value or is_harmless(value, key, document=False) or not self.core.accepts(key, value):
            return Found()
        return Found([Edit(start, stop, quote.token + marker(key.rule.name) + quote.token, (key.rule.name,))])

    def _unquoted(self, hit: Hit, key: SecretKey, start: int, *, colon: bool) -> Found:
        if self.buffer[start : start + 1] == b"[":
            return self._bracket(key, start, quoting.Quote(b'"', 0))
        leads = self._leads(hit.start, stamped=colon)
        # Behind a marker stands what an earlier pass has judged, perhaps as another dialect.
        if (key.bare and colon) or _JUDGED.match(self.buffer, start, self.line_end):
            return Found()
        if colon and leads and _BLOCK_SCALAR.fullmatch(self.buffer, start, self.line_end):
            return self._block_scalar(hit, key, start)
        word = _WORD.match(self.buffer, start, self.line_end)
        spaced = start > hit.end
        told = word is not None and (is_prose(word.group()) or is_type(word.group()))
        if colon and spaced and told and not self.dialect.assignments:
            return Found()
        state: Swallow = Word()
        if leads and self._to_line_end(hit, start, colon=colon and spaced):
            state = RestOfLine(continued=not colon and self.dialect.assignments)
        elif key.rule.value and not key.rule.quiet and self.patience > 0:
            state = RestOfLine(continued=False)
        for each in (state, Word())[: 2 if key.rule.value else 1]:
            progress = each.resume(self.buffer, start, self.end, final=self.final)
            value = self.buffer[start : progress.position].rstrip()
            if not _stays(value, key, progress.state) and self.core.accepts(key, value):
                return self._single(start, key.rule.name, progress)
            self.patience -= len(value)
        return Found()

    def _to_line_end(self, hit: Hit, start: int, *, colon: bool) -> bool:
        """Whether the value is all that is left of the line: not in logfmt, whose lines hold more pairs."""
        if self.dialect.assignments:
            return True
        if not colon and _UPPER.fullmatch(self.buffer, hit.start, hit.end) is None:
            return False
        return _OTHER_PAIRS.search(self.buffer, start, self.line_end) is None

    def _block_scalar(self, hit: Hit, key: SecretKey, start: int) -> Found:
        stop = self.line_end + 1
        begin = self._text_start(self.line_start)
        indent = _end(_SPACES, self.buffer, begin, hit.start) - begin
        state = Indented(indent, STAMPED if begin > self.line_start else None)
        progress = state.resume(self.buffer, min(stop, self.end), self.end, final=self.final)
        rule = key.rule.name
        edits = [
            Edit(start, self.line_end, marker(rule), (rule,)),
            Edit(min(stop, self.end), progress.position, b"", ()),
        ]
        return Found(edits, progress.state)

    def _next_line(self, hit: Hit, key: SecretKey) -> Found:
        """`password:` and its value alone on the following, deeper line."""
        text = self._text_start(self.line_start)
        indent = _end(_SPACES, self.buffer, text, hit.start) - text
        begin = min(self.line_end + 1, self.end)
        stop = line_end(self.buffer, begin, self.end)
        begin = self._text_start(begin) if text > self.line_start else begin
        start = _end(_SPACES, self.buffer, min(begin, self.end), stop)
        progress = RestOfLine(continued=False).resume(self.buffer, start, self.end, final=self.final)
        value = self.buffer[start : progress.position].rstrip()
        scalar = _SCALAR_LINE if progress.state is None else _SCALAR_BEGINS
        if start - begin <= indent or not scalar.fullmatch(value) or key.rule.value:
            return Found()
        if progress.state is None and (value.endswith(b":") or is_prose(value)):
            return Found()
        if _stays(value, key, progress.state):
            return Found()
        return self._single(start, key.rule.name, progress)

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
        if _JUDGED.match(self.buffer, hit.end, self.line_end):
            return Found()
        progress = Word().resume(self.buffer, hit.end, self.end, final=self.final)
        value = self.buffer[hit.end : progress.position]
        if value[:1] in {b"-", b"=", b":", b"|"} or is_prose(value) or _stays(value, key, progress.state):
            return Found()
        return self._single(hit.end, key.rule.name, progress)

    def _pair(self, hit: Hit, key: SecretKey) -> Found:
        """`name: DB_PASSWORD` with its `value: x` close by, in either order (an environment entry in a dump)."""
        after = self.buffer[hit.end : min(self.end, hit.end + PAIR_REACH)]
        ends = _PAIR_ENDS.search(after)
        found = _PAIR_VALUE.search(after, 0, ends.start() if ends else len(after))
        if found:
            return self._pair_value(key, hit.end + found.end())
        floor = max(self.line_start, self.start)
        low = max(floor, self.buffer.rfind(b"{", floor, hit.start), hit.start - PAIR_REACH)
        before = _PAIR_VALUE.search(self.buffer, low, hit.start)
        return self._pair_value(key, before.end()) if before else Found()

    def _pair_value(self, key: SecretKey, start: int) -> Found:
        quote = quoting.opening(self.buffer, start, self.end)
        if quote is not None:
            return self._quoted(key, *quote)
        if _JUDGED.match(self.buffer, start, self.end):
            return Found()
        progress = Word().resume(self.buffer, start, self.end, final=self.final)
        value = self.buffer[start : progress.position]
        stays = _stays(value, key, progress.state, document=True)
        return Found() if stays else self._single(start, key.rule.name, progress)


def _stays(value: bytes, key: SecretKey, state: Swallow | None, *, document: bool = False) -> bool:
    """Whether a value is no secret: only the whole of it can tell, not what the window shows of one that goes on."""
    return state is None and is_harmless(value, key, document=document)


def _end(pattern: re.Pattern[bytes], buffer: bytes, start: int, end: int) -> int:
    match = pattern.match(buffer, start, end)
    return match.end() if match else start
