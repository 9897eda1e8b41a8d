"""A stretch of running text, and how what was found in it becomes edits.

`places.py` decides what around a hit is the secret; here is what all its decisions share.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from supportbundle.sanitize.core import Core
from supportbundle.sanitize.edits import Edit
from supportbundle.sanitize.find.scan import Hit
from supportbundle.sanitize.find.triggers import Kind
from supportbundle.sanitize.markers import marker
from supportbundle.sanitize.rules.records import PatternRule

from .armour import STAMP, OpenBlocks
from .dialect import Dialect
from .swallow import Progress, Swallow, Word, line_end

_OBJECT_METRIC: Final = re.compile(rb"kube_\w+\{")
"""Metrics about objects name them and hold nothing of them."""
STAMPED: Final = re.compile(STAMP + rb" ")
_BEFORE_KEY: Final = re.compile(rb"""\s*(?:-\s+)*(?:(?:export|set|setenv|ENV|ARG|declare\s+-x)\s+)?["']?""")
_SPACE: Final = ord(" ")
_UNDERSCORE: Final = ord("_")
_BEFORE_FLAG: Final = frozenset(b" \t\r\n\"'`[(,=\0\\")
PAIR_REACH: Final = 512
_REACH: Final = 64 << 10
"""How far one pattern may look."""
_SHORT_REACH: Final = 512
_PATIENCE: Final = 4 << 20


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
    start: int = 0
    """Before it stands what was written already."""
    line_start: int = 0
    line_end: int = -1
    edited_to: int = -1
    """The end of the last edit: what follows it begins a word of its own."""
    failed_line: int = -1
    """The end of the last line that turned out to be no document."""
    objects: list[int] = field(default_factory=list)
    """Where the kind of a Secret stands."""
    patience: int = _PATIENCE
    """Bytes that looks in vain may still cost at full reach."""

    def enter(self, position: int) -> None:
        """Make the line of `position` the current one; positions only grow, so no byte is searched twice."""
        if position > self.line_end:
            low = max(self.line_end, 0)
            before = max(self.buffer.rfind(mark, low, position) for mark in (b"\n", b"\0", b"\r"))
            self.line_start = before + 1
            self.line_end = line_end(self.buffer, position, self.end)

    def _begins(self, hit: Hit) -> bool:
        """Whether the hit begins where a word or an argument may begin."""
        before = self.buffer[hit.start - 1] if hit.start else _SPACE
        if hit.kind is Kind.FLAG:
            return before in _BEFORE_FLAG
        if isinstance(hit.rule, PatternRule) and hit.rule.boundary:
            return not (chr(before).isalnum() or before == _UNDERSCORE)
        return hit.kind is not Kind.KEY or _OBJECT_METRIC.match(self.buffer, self.line_start, hit.start) is None

    def _from(self, start: int, rule: str, progress: Progress, before: bytes = b"", after: bytes = b"") -> Found:
        """The edit from `start` to wherever a swallowed secret was followed."""
        return self._put(start, progress, before + marker(rule) + after, rule)

    def _single(self, start: int, rule: str, progress: Progress) -> Found:
        """As `_from` for a single value, which may keep its shape if all of it is here."""
        whole = progress.state is None and not progress.text
        text = self._standing_in(rule, start, progress.position) if whole else marker(rule)
        return self._put(start, progress, text, rule)

    def _standing_in(self, rule: str, start: int, stop: int) -> bytes:
        """What stands for the value in buffer[start:stop]; its marker if a pattern would see a shape in this place."""
        low, high = max(self.line_start, start - PAIR_REACH), min(self.end, stop + PAIR_REACH)
        return self.core.standing_in(rule, self.buffer[low:start], self.buffer[start:stop], self.buffer[stop:high])

    @staticmethod
    def _put(start: int, progress: Progress, text: bytes, rule: str) -> Found:
        text += progress.text
        return Found([Edit(start, progress.position, text, (rule,))], progress.state)

    def _reach(self, start: int) -> int:
        """How far a look from `start` may go: less after many in vain, so that a hostile line costs linear time."""
        return min(self.end, start + (_REACH if self.patience > 0 else _SHORT_REACH))

    def _word(self, position: int) -> Progress:
        """The rest of an unquoted value."""
        return Word().resume(self.buffer, position, self.end, final=self.final)

    def _leads(self, position: int, *, stamped: bool = False) -> bool:
        """Whether only indentation or a shell's export stands before `position` on its line.

        With `stamped` also what the container runtime puts before each line: YAML in a log is YAML.
        """
        start = self._text_start(self.line_start) if stamped else self.line_start
        return _BEFORE_KEY.fullmatch(self.buffer, start, position) is not None

    def _text_start(self, line: int) -> int:
        """Where the text of the line begins that begins at `line`."""
        stamp = STAMPED.match(self.buffer, line, self.end)
        return stamp.end() if stamp else line
