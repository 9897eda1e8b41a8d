"""The sanitizer's front: one `Sanitizer` for a Job, one `Stream` for each member, one `LeakCheck` for each result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

from supportbundle.errors import Unsanitizable

from . import sniff
from .archives import Archive, Archives, Names, closed, kind
from .binary import Binary
from .context import Context, Limits
from .core import Core
from .find.known import KnownSecret
from .leaks.leak import LeakCheck, LeakRules
from .pprof import Profile
from .pseudonyms import Pseudonymizer
from .reader import Reader
from .readers import open_text, sanitize_text
from .report import Report
from .rules.builtin import BUILTIN
from .rules.records import RuleSet
from .unicode import Transcoded


class Sanitizer:
    """Compiled rules and known secrets; immutable, shared by any number of threads."""

    def __init__(
        self, core: Core, leaks: LeakRules, limits: Limits, archives: Archives, pseudonyms: Pseudonymizer | None
    ) -> None:
        self.archives = archives
        self._pseudonyms = pseudonyms
        self._core = core
        self._leaks = leaks
        self._limits = limits

    @classmethod
    def build(
        cls,
        known: Sequence[KnownSecret],
        rules: RuleSet = BUILTIN,
        limits: Limits | None = None,
        *,
        keep_shape: bool = False,
        archives: Archives | None = None,
        pseudonyms: Pseudonymizer | None = None,
    ) -> Self:
        """Compile everything once; with `keep_shape` single values are replaced by their shape.

        What `pseudonyms` names is replaced last, in text alone.

        Raises:
            Invalid: if the known secrets are more than known.MAX_TOTAL bytes.
        """
        secrets = tuple(known)
        core = Core.build(rules, secrets, keep_shape=keep_shape)
        return cls(core, LeakRules.build(secrets), limits or Limits(), archives or Archives(), pseudonyms)

    def open(self, path: str, report: Report | None = None) -> Stream:
        """A stream for one member, which counts in `report`; `path` in the archive is a hint only."""
        return Stream(self, path, report or Report())

    def leak_check(self) -> LeakCheck:
        """A check of one finished member."""
        return LeakCheck(self._leaks)

    def context(self) -> Context:
        """The rules, for readers of parts."""
        return Context(self._core, sanitize_text, self._limits)

    def names(self, path: str) -> Names:  # noqa: ARG002 - for who reports where a name stands
        """The names of members of the archive at `path`."""
        return Names(self.context(), self.archives.limits.name, self.leak_check(), self._pseudonyms)

    def profile(self, path: str, report: Report) -> Reader:  # noqa: ARG002 - as names
        """The reader of a whole gzip'd profile."""
        return Profile(self.context(), report, self.leak_check(), self._pseudonyms)

    def reader(self, head: bytes, path: str, report: Report, *, whole: bool) -> Reader:
        """The reader for content that begins with `head`; `whole` says that this is all of it.

        Raises:
            Unsanitizable: if no reader can prove this kind of content clean.
        """
        context = self.context()
        if kind(head):
            return Archive(self, path, report)
        if name := closed(head):
            raise Unsanitizable(f"a file packed in a way that is not opened ({name}).", "Collect the files it holds.")
        if codec := sniff.wide(head):
            return self._renaming(Transcoded(_Text(context, path, report), codec), report)
        if sniff.is_binary(head):
            return Binary(self._core)
        return self._renaming(open_text(context, report, head, path, whole=whole), report)

    def _renaming(self, reader: Reader, report: Report) -> Reader:
        return self._pseudonyms.after(reader, report) if self._pseudonyms else reader


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

    def __init__(self, sanitizer: Sanitizer, path: str, report: Report) -> None:
        self._sanitizer = sanitizer
        self._path = path
        self._head = b""
        self._reader: Reader | None = None
        self.report = report

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
        """The end of the content, joined; `ending` is for callers who cannot hold all of an archive.

        Raises:
            Unsanitizable: as feed.
        """
        return b"".join(self.ending())

    def ending(self) -> Iterator[bytes]:
        """The end of the content, in pieces of bounded size.

        Raises:
            Unsanitizable: as feed; also after some pieces.
            TooLarge: if the volume for temporary files is full.
        """
        if self._reader is None:
            yield self._begin(whole=True)
        if isinstance(self._reader, Archive):
            yield from self._reader.ending()
        elif self._reader is not None:
            yield self._reader.finish()

    def _begin(self, *, whole: bool) -> bytes:
        head, self._head = self._head, b""
        first = head[: sniff.HEAD]
        self._reader = self._sanitizer.reader(first, self._path, self.report, whole=whole and len(head) <= sniff.HEAD)
        return self._reader.feed(head)
