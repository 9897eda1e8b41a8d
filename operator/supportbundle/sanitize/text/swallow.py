"""Secrets that go on past the window: what to drop until they end, in bounded memory.

Each state is created where its secret begins. `resume` is called at once, and again with every further window while it
says that it goes on. The marker has been written by then, so a state writes nothing but, at most, a lost line break.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize.find.known import KnownSecrets

from . import quoting

CAP: Final = 1 << 20
"""Bytes after which a block that should end by its own syntax counts as broken."""
KEEP: Final = 128
"""Longer than any armour line: what may be the beginning of a terminator stays for the next window."""


class Progress(NamedTuple):
    """Everything before `position` is dropped and replaced by `text`; `state` goes on in the next window."""

    position: int
    text: bytes
    state: Swallow | None


class Swallow(Protocol):
    """A secret that is being dropped."""

    def resume(self, buffer: bytes, position: int, end: int, *, final: bool) -> Progress:
        """Drop from `position`; `final` says that nothing follows `end`.

        Raises:
            Unsanitizable: if the secret's end is overdue.
        """
        ...


@dataclass(slots=True)
class Indented:
    """The lines below a key that are indented deeper than it, blank ones included; begins at a line's start.

    With `stamp` each line begins with such a prefix of the log, which does not count as indentation.
    """

    indent: int
    stamp: re.Pattern[bytes] | None = None
    in_line: bool = False

    def resume(self, buffer: bytes, position: int, end: int, *, final: bool) -> Progress:  # noqa: D102 - see Swallow
        while position < end:
            newline = buffer.find(b"\n", position, end)
            stop = newline + 1 or end
            if not self.in_line:
                if newline < 0 and not final and self.stamp is not None and end - position < KEEP:
                    return Progress(position, b"", self)
                stamp = self.stamp.match(buffer, position, stop) if self.stamp else None
                begin = stamp.end() if stamp else position
                line = buffer[begin : min(stop, begin + self.indent + 2)]
                content = line.lstrip(b" \t")
                if content.strip() and len(line) - len(content) <= self.indent:
                    return Progress(position, b"", None)
            self.in_line = newline < 0
            position = stop
        return Progress(position, b"", None if final else self)


@dataclass(slots=True)
class Quoted:
    """The content of a string literal up to its closing quote; `lines` allows it to span lines."""

    quote: quoting.Quote
    lines: bool
    left: int = CAP

    def resume(self, buffer: bytes, position: int, end: int, *, final: bool) -> Progress:  # noqa: D102 - see Swallow
        stop = end if self.lines else line_end(buffer, position, end)
        closed = quoting.closing(buffer, position, stop, self.quote)
        if closed >= 0:
            return Progress(closed, b"", None)
        if stop < end or final:
            return Progress(stop, b"", None)
        self.left -= end - position if self.lines else 0
        if self.left < 0:
            raise Unsanitizable("a quoted value does not end.", "Look at the file on its node; it may be damaged.")
        # A run of backslashes belongs to the quote that may follow it.
        kept = len(buffer[max(position, end - KEEP) : end]) - len(buffer[max(position, end - KEEP) : end].rstrip(b"\\"))
        return Progress(end - kept, b"", self)


@dataclass(slots=True)
class Until:
    """Anything up to `token`, which stays."""

    token: bytes

    def resume(self, buffer: bytes, position: int, end: int, *, final: bool) -> Progress:  # noqa: D102 - see Swallow
        found = buffer.find(self.token, position, end)
        if found >= 0:
            return Progress(found, b"", None)
        if final:
            return Progress(end, b"", None)
        return Progress(max(position, end - len(self.token) + 1), b"", self)


@dataclass(slots=True)
class Heredoc:
    """Lines up to the one that holds nothing but `mark`; begins at a line's start."""

    mark: bytes
    in_line: bool = False

    def resume(self, buffer: bytes, position: int, end: int, *, final: bool) -> Progress:  # noqa: D102 - see Swallow
        while position < end:
            newline = buffer.find(b"\n", position, end)
            stop = newline + 1 or end
            if not self.in_line:
                if newline < 0 and not final and end - position < KEEP:
                    return Progress(position, b"", self)
                if buffer[position : min(stop, position + KEEP)].strip() == self.mark:
                    return Progress(position, b"", None)
            self.in_line = newline < 0
            position = stop
        return Progress(position, b"", None if final else self)


@dataclass(slots=True)
class Word:
    """An unquoted value up to its end in running text."""

    def resume(self, buffer: bytes, position: int, end: int, *, final: bool) -> Progress:  # noqa: D102 - see Swallow
        stop = quoting.unquoted(buffer, position, end)
        return Progress(stop, b"", self if stop == end and not final else None)


@dataclass(slots=True)
class RestOfLine:
    """A value up to the line's end; `continued` lets a trailing backslash carry it into the next line."""

    continued: bool
    odd: bool = False
    """Whether an odd number of backslashes stands before where it goes on: a window may end before the line break."""

    def resume(self, buffer: bytes, position: int, end: int, *, final: bool) -> Progress:  # noqa: D102 - see Swallow
        while True:
            stop = line_end(buffer, position, end)
            if stop == end:
                return self._unended(buffer, position, end, final=final)
            text = buffer[position:stop].rstrip(b"\r")
            if not self.continued or not self._odd(text):
                return Progress(position + len(text.rstrip()), b"", None)
            position, self.odd = stop + 1, False

    def _unended(self, buffer: bytes, position: int, end: int, *, final: bool) -> Progress:
        if final:
            return Progress(end, b"", None)
        # A carriage return belongs to the line break that may follow it.
        stop = end - buffer.endswith(b"\r", position, end)
        self.odd = self._odd(buffer[position:stop])
        return Progress(stop, b"", self)

    def _odd(self, text: bytes) -> bool:
        """Whether an odd number of backslashes ends all that was seen of the line, of which `text` is the rest."""
        slashes = len(text) - len(text.rstrip(b"\\"))
        return (slashes + (self.odd and slashes == len(text))) % 2 == 1


@dataclass(slots=True)
class Form:
    """The rest of a known secret whose beginning stood at the end of the window."""

    known: KnownSecrets
    number: int
    offset: int

    def resume(self, buffer: bytes, position: int, end: int, *, final: bool) -> Progress:  # noqa: D102 - see Swallow
        stop, self.offset = self.known.follow(buffer[:end], position, self.number, self.offset)
        return Progress(stop, b"", self if stop == end and not final else None)


def line_end(buffer: bytes, position: int, end: int) -> int:
    """The next line break, a carriage return alone too, or NUL (the separator of /proc/PID/environ), or `end`."""
    newline = buffer.find(b"\n", position, end)
    stop = end if newline < 0 else newline
    zero = buffer.find(b"\0", position, stop)
    stop = stop if zero < 0 else zero
    # One that ends the line's text belongs to the line break, or is the last byte seen, and does no harm.
    alone = buffer.find(b"\r", position, stop - 1)
    return stop if alone < 0 else alone
