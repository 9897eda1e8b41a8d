"""The leak check alone, on a content and all that is packed in it: where something is found, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import sniff
from supportbundle.sanitize.leaks.leak import Finding, LeakRules, LeakScan
from supportbundle.sanitize.reader import Reader
from supportbundle.sanitize.report import Report
from supportbundle.sanitize.unicode import Transcoded

from .kinds import Kind, closed, kind
from .limits import Account, Archives
from .names import Names
from .reader import Archive
from .source import Source
from .unpack import Framing, unpack

Found = Callable[[str, int, Finding], None]
"""Told a path, the line (from 1; 0 in a binary) and what was found there."""
_APART = 512
"""Bytes within which the same rule means the same secret."""


class Search:
    """Looks through contents one after the other; may stand where a sanitizer serves archives."""

    def __init__(self, rules: LeakRules, archives: Archives, found: Found) -> None:
        self.archives = archives
        self._rules = rules
        self._found = found

    def content(self, chunks: Iterable[bytes], path: str) -> Report:
        """Look through one content; the report names the parts that could not be opened.

        Raises:
            Unsanitizable: if all of it cannot be opened.
        """
        report = Report()
        source = Source(chunks)
        head = source.peek(sniff.HEAD + 1)
        if kind(head):
            archive = Archive(self, path, report)
            for piece in source.rest():
                archive.feed(piece)
            for _ in archive.ending():
                pass
            return report
        reader = self.reader(head[: sniff.HEAD], path, report, whole=len(head) <= sniff.HEAD)
        for piece in source.rest():
            reader.feed(piece)
        reader.finish()
        return report

    def names(self, path: str) -> Names:
        """Names, all of them looked at and none changed."""
        return Names(None, self.archives.limits.name, _Listener(self._watch(f"{path} (names)", text=False)))

    def leak_check(self) -> _Silent:
        """The reader has looked already."""
        return _Silent()

    def profile(self, path: str, report: Report) -> Reader:  # noqa: ARG002 - nothing is counted
        """A reader of a whole gzip'd profile."""
        return _Profile(self._watch(path, text=False), Account(self.archives.limits, 1 << 30))

    def reader(self, head: bytes, path: str, report: Report, *, whole: bool) -> Reader:  # noqa: ARG002 - as profile
        """A reader that passes everything on.

        Raises:
            Unsanitizable: for packed contents that cannot be opened.
        """
        if name := closed(head):
            raise Unsanitizable(f"a file packed in a way that is not opened ({name}).", "Unpack it first.")
        if codec := sniff.wide(head):
            return Transcoded(self._watch(path, text=True), codec)
        return self._watch(path, text=not sniff.is_binary(head))

    def _watch(self, path: str, *, text: bool) -> _Watch:
        return _Watch(self._rules, self._found, path, text=text)


class _Watch:
    """A Reader that changes nothing and counts lines up to each finding."""

    def __init__(self, rules: LeakRules, found: Found, path: str, *, text: bool) -> None:
        self._scan = LeakScan(rules, self._on_finding)
        self._tell = found
        self._path = path
        self._text = text
        self._data = b""
        self._start = self._counted = 0
        self._line = 1
        self._last: dict[str, int] = {}

    def feed(self, data: bytes) -> bytes:
        """See Reader."""
        self._data, self._counted = data, 0
        self._scan.feed(data)
        self._line += data.count(b"\n", self._counted)
        self._start += len(data)
        return data

    def finish(self) -> bytes:
        """See Reader."""
        self._data, self._counted = b"", 0
        self._scan.finish()
        return b""

    def _on_finding(self, finding: Finding) -> None:
        end = max(0, finding.end - self._start)
        if end > self._counted:
            self._line += self._data.count(b"\n", self._counted, end)
            self._counted = end
        last = self._last.get(finding.rule, -_APART)
        self._last[finding.rule] = finding.end
        if finding.end - last >= _APART or (
            finding.end - last > 1 and self._text and b"\n" in self._between(last, end)
        ):
            self._tell(self._path, self._line if self._text else 0, finding)

    def _between(self, last: int, end: int) -> bytes:
        return self._data[max(0, last - self._start) : end]


class _Listener:
    """A Watch in the place of a leak check."""

    def __init__(self, watch: _Watch) -> None:
        self._watch = watch

    def feed(self, data: bytes) -> None:
        """See Check."""
        self._watch.feed(data)

    def finish(self) -> None:
        """See Check."""
        self._watch.finish()


class _Silent:
    """A leak check that finds nothing."""

    def feed(self, data: bytes) -> None:
        """See Check."""

    def finish(self) -> None:
        """See Check."""


class _Profile:
    """A whole profile: what it unfolds to is looked at, what it was is passed on."""

    def __init__(self, watch: _Watch, account: Account) -> None:
        self._watch = watch
        self._account = account

    def feed(self, data: bytes) -> bytes:
        """See Reader."""
        for piece in unpack(Kind.GZIP, Source([data]), Framing(), self._account):
            self._watch.feed(piece)
        return data

    def finish(self) -> bytes:
        """See Reader."""
        return self._watch.finish()
