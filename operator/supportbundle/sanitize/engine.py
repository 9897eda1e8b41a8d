"""The sanitizer's front: one `Sanitizer` for a Job, one `Stream` for each member, one `LeakCheck` for each result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from supportbundle.errors import Unsanitizable

from . import sniff
from .binary import Binary
from .builtin import BUILTIN
from .context import Context, Limits
from .core import Core
from .known import KnownSecret
from .leak import LeakCheck, LeakRules
from .pprof import Profile
from .reader import Reader
from .readers import open_text, sanitize_text
from .report import Report
from .rules import RuleSet
from .unicode import Transcoded


class Sanitizer:
    """Compiled rules and known secrets; immutable, shared by any number of threads."""

    def __init__(self, core: Core, leaks: LeakRules, limits: Limits) -> None:
        self._core = core
        self._leaks = leaks
        self._limits = limits

    @classmethod
    def build(cls, known: Sequence[KnownSecret], rules: RuleSet = BUILTIN, limits: Limits | None = None) -> Self:
        """Compile everything once.

        Raises:
            Invalid: if the known secrets are more than known.MAX_TOTAL bytes.
        """
        secrets = tuple(known)
        return cls(Core.build(rules, secrets), LeakRules.build(secrets), limits or Limits())

    def open(self, path: str) -> Stream:
        """A stream for one member; `path` in the archive is a hint only."""
        return Stream(self, path)

    def leak_check(self) -> LeakCheck:
        """A check of one finished member."""
        return LeakCheck(self._leaks)

    def reader(self, head: bytes, path: str, report: Report, *, whole: bool) -> Reader:
        """The reader for content that begins with `head`; `whole` says that this is all of it.

        Raises:
            Unsanitizable: if no reader can prove this kind of content clean.
        """
        context = Context(self._core, sanitize_text, self._limits)
        if head.startswith(sniff.GZIP):
            return Profile(context, report, self.leak_check())
        if name := sniff.archive(head):
            raise Unsanitizable(f"archives inside are not opened yet ({name}).", "Collect the files that it holds.")
        if codec := sniff.utf16(head):
            return Transcoded(_Text(context, path, report), codec)
        if sniff.is_binary(head):
            return Binary(self._core)
        return open_text(context, report, head, path, whole=whole)


class _Text:
    """Holds text back until its kind can be told; then its reader takes over."""

    def __init__(self, context: Context, path: str, report: Report) -> None:
        self._context = context
        self._path = path
        self._report = report
        self._head = b""
        self._reader: Reader | None = None

    def feed(self, data: bytes) -> bytes:
        """See Reader."""
        if self._reader is not None:
            return self._reader.feed(data)
        self._head += data
        return self._begin(whole=False) if len(self._head) >= sniff.HEAD else b""

    def finish(self) -> bytes:
        """See Reader."""
        out = self._begin(whole=True) if self._reader is None else b""
        return out + (self._reader.finish() if self._reader is not None else b"")

    def _begin(self, *, whole: bool) -> bytes:
        head, self._head = self._head, b""
        self._reader = open_text(self._context, self._report, head[: sniff.HEAD], self._path, whole=whole)
        return self._reader.feed(head)


class Stream:
    """One member being sanitized, by one thread at a time. Any split into chunks gives the same output."""

    def __init__(self, sanitizer: Sanitizer, path: str) -> None:
        self._sanitizer = sanitizer
        self._path = path
        self._head = b""
        self._reader: Reader | None = None
        self.report = Report()

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; returns what is finished, maybe nothing.

        Raises:
            Unsanitizable: if the content cannot be proven clean; the whole member must then be discarded.
        """
        if self._reader is not None:
            return self._reader.feed(chunk)
        self._head += chunk
        return self._begin(whole=False) if len(self._head) >= sniff.HEAD else b""

    def finish(self) -> bytes:
        """The end of the content.

        Raises:
            Unsanitizable: as feed.
        """
        out = b"" if self._reader is not None else self._begin(whole=True)
        return out + (self._reader.finish() if self._reader is not None else b"")

    def _begin(self, *, whole: bool) -> bytes:
        head, self._head = self._head, b""
        first = head[: sniff.HEAD]
        self._reader = self._sanitizer.reader(first, self._path, self.report, whole=whole and len(head) <= sniff.HEAD)
        return self._reader.feed(head)
