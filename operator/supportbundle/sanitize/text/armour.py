"""Armoured blocks (PEM): dropped from BEGIN to END, also where other writers' lines stand between their lines.

A container's stdout and stderr, or several threads, share one log, so a block may be torn apart or mixed with another.
`Armour` drops lines in one piece; `OpenBlocks` remembers that an END is missing and finds where the body goes on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize.rules.records import BlockRule

from .swallow import CAP, KEEP, Progress, Swallow

_HEADERS: Final = rb"(?:Proc-Type|DEK-Info|Version|Comment|Charset|Hash|MessageID|Subject|X-[A-Za-z-]+): [^\\\r\n]*"
_PEM_LINE: Final = re.compile(rb"""[ \t>|#*"']*(?:[A-Za-z0-9+/=]+|""" + _HEADERS + rb""")?(?:\\+[nrt]|[\s"',+\\])*""")
_PEM_IN_LINE: Final = re.compile(
    rb"(?:(?:\\+[nrt]|[ \t])*[A-Za-z0-9+/=]{16,}|(?:\\+[nrt])+(?:[A-Za-z0-9+/=]+|" + _HEADERS + rb"))*(?:\\+[nrt]|\s)*"
)
_DIGITS: Final = re.compile(rb"\d+")
STAMP: Final = (
    rb"\d{4}-\d\d-\d\dT[\d:.]{8,24}(?:Z|[+-]\d\d:\d\d)(?: std(?:out|err) [FP])?"
    rb"(?: \[(?:trace|debug|info|warn|error|fatal)\])?"
)
"""What the kubelet and the container runtime put before a line, and the level of one that a script printed."""
_TORN_LINE: Final = rb"(?P<body>[A-Za-z0-9+/]{16,}={0,2}|[A-Za-z0-9+/]{2,}={1,2})[ \t]*+"
_END_OF_LINE: Final = rb"""(?:\r?|(?P<json>(?>(?:\\+[nr])*)\\*"[^\n]*+))"""
"""A whole line of a body among other lines, or one in a string of a JSON line, as docker writes them.

Shorter ones without padding are as likely words.
"""
_MAX_LINES: Final = 200
_MAX_BYTES: Final = 64 << 10
"""How much of other writers' lines is passed while waiting for an END that may be lost."""
_MAX_PREFIXES: Final = 8


@dataclass(slots=True)
class OpenBlocks:
    """Blocks whose END has not come yet, and the prefixes that their lines carry. Empty nearly always."""

    count: int = 0
    rule: BlockRule | None = None
    prefixes: list[bytes] = field(default_factory=list)
    lines_left: int = 0
    bytes_left: int = 0
    cursor: int = 0
    """Where the first line begins that was not looked at; a position in the buffer of the window."""
    waiting: tuple[int, int] | None = None
    """A line of a body, found, whose turn comes after the hits in what stands before it."""

    def enter(self, start: int) -> None:
        """A window begins; positions are in its buffer from now on."""
        self.cursor, self.waiting = start, None

    def begin(self, rule: BlockRule, before: bytes) -> Armour:
        """A block began behind `before`: a log's timestamp then stands before each line of the body too."""
        prefix = rb"\d+".join(map(re.escape, _DIGITS.split(before.strip())))
        self.prefixes = [each for each in self.prefixes if each != prefix][1 - _MAX_PREFIXES :]
        self.prefixes += [prefix] if prefix else []
        self.rule = rule
        self.count += 1
        self._renew()
        return self.armour(rule)

    def armour(self, rule: BlockRule) -> Armour:
        """A state that drops the lines of all open blocks."""
        prefix = re.compile(rb"\s*+(?:(?:" + rb"|".join(self.prefixes) + rb")\s*+)?")
        return Armour(re.compile(rule.end.encode()), prefix, self)

    def ended(self) -> None:
        """One END was seen."""
        self.count = max(0, self.count - 1)
        self._renew()
        if not self.count:
            self.prefixes = []

    def find(
        self, buffer: bytes, position: int, limit: int, end: int, *, all_of_it: bool
    ) -> tuple[int, int, BlockRule] | None:
        """The next line of a body in buffer[position:limit], looking no further than `end`.

        It begins before `limit`, or with `all_of_it` its line does. Returns where its content begins and ends, and
        the rule.
        """
        rule = self.rule
        while self.count and rule is not None:
            self.waiting = self.waiting or self._line(rule, buffer, position, limit, end)
            if self.waiting is None or (self.waiting[0] >= limit and not all_of_it):
                return None
            start, stop = self.waiting
            self.waiting = None
            if position < stop:
                return max(start, position), stop, rule
        return None

    def _line(self, rule: BlockRule, buffer: bytes, position: int, limit: int, end: int) -> tuple[int, int] | None:
        """Where the body lies in the next line that has one; the line begins before `limit`."""
        line = re.compile(
            rb"[ \t]*+(?:(?:" + rb"|".join([*self.prefixes, STAMP]) + rb")[ \t]*+)?" + _TORN_LINE + _END_OF_LINE
        )
        newline = buffer.rfind(b"\n", self.cursor, position)
        self.cursor = newline + 1 or _line_start(buffer, self.cursor, end)
        while self.count and self.cursor < limit:
            start = self.cursor
            newline = buffer.find(b"\n", start, end)
            stop = end if newline < 0 else newline
            self.cursor = stop + 1
            body = line.fullmatch(buffer, start, stop)
            if body:
                return body.start("body"), stop if body.group("json") is None else body.end("body")
            if re.compile(rule.end.encode()).search(buffer, max(start, position), stop):
                self.ended()
            elif start >= position:
                self._pass(stop - start)
        return None

    def _renew(self) -> None:
        self.lines_left, self.bytes_left = _MAX_LINES, _MAX_BYTES

    def _pass(self, size: int) -> None:
        self.lines_left -= 1
        self.bytes_left -= size
        if self.lines_left < 0 or self.bytes_left < 0:
            self.count, self.prefixes = 0, []


@dataclass(slots=True)
class Armour:
    """Lines of a block: up to the END line, or to the first line that cannot be part of it."""

    end: re.Pattern[bytes]
    prefix: re.Pattern[bytes]
    blocks: OpenBlocks
    left: int = CAP
    in_line: bool = True

    def resume(self, buffer: bytes, position: int, end: int, *, final: bool) -> Progress:
        """See Swallow."""
        while position < end:
            newline = buffer.find(b"\n", position, end)
            stop = newline + 1 or end
            found = self.end.search(buffer, position, stop)
            if found:
                self.blocks.ended()
                return Progress(found.end(), b"", None)
            if newline < 0 and not final:
                stop = max(position, end - KEEP)
            body = self._body(buffer, position, stop)
            if body < stop:
                # Inside a line the rest of it stays; a whole line that is no body gets back the break before it.
                return Progress(body, b"" if self.in_line else b"\n", None)
            self._spend(stop - position)
            self.in_line = newline < 0
            position = stop
            if newline < 0:
                break
        if final:
            return Progress(position, b"" if self.in_line else b"\n", None)
        state: Swallow = self
        return Progress(position, b"", state)

    def _body(self, buffer: bytes, position: int, stop: int) -> int:
        """How far the line belongs to the block; `position` if not at all."""
        start = position
        if not self.in_line:
            prefix = self.prefix.match(buffer, position, stop)
            start = prefix.end() if prefix else position
        match = (_PEM_IN_LINE if self.in_line else _PEM_LINE).match(buffer, start, stop)
        reached = match.end() if match else start
        return reached if self.in_line or reached == stop else position

    def _spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise Unsanitizable("a PEM block does not end.", "Look at the file on its node; it may be damaged.")


def _line_start(buffer: bytes, position: int, end: int) -> int:
    """The first line's beginning at or after `position`; beyond `end` if none is seen."""
    if position == 0 or buffer[position - 1 : position] == b"\n":
        return position
    newline = buffer.find(b"\n", position, end)
    return end + 1 if newline < 0 else newline + 1
