"""What became of the files: told on standard error, and written in the form of a bundle's redactions.json."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from supportbundle.archive.manifest import Redacted, redactions
from supportbundle.cli.atomic import new_file
from supportbundle.model.gap import printable
from supportbundle.sanitize import Report

DONE, INCOMPLETE = 0, 3
"""Exit codes: everything is there; something was left out. 1 says that nothing was written."""
_LINE: Final = 1000
_EVERY: Final = 0.2


@dataclass(frozen=True, slots=True)
class Outcome:
    """One input file: what was taken out by file, and what was left out, each with its path and why."""

    files: tuple[Redacted, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    omitted: int = 0
    size: int = 0
    """Bytes of input."""

    @classmethod
    def of(cls, path: str, report: Report, size: int) -> Outcome:
        """The outcome of a file that was written; members of an archive count under their own names."""
        prefix = f"{path}/" if path else ""
        files = [_redacted(prefix + name, inner) for name, inner in report.members]
        own = _redacted(path or "-", report)
        left = tuple((prefix + part.name, part.why) for part in report.parts)
        return cls(tuple(files) or (own,), left, report.omitted, size)

    @classmethod
    def lost(cls, path: str, why: str) -> Outcome:
        """The outcome of a file that was not written."""
        return cls(left_out=((path or "-", why),), omitted=1)


def _redacted(path: str, report: Report) -> Redacted:
    """Names of files need not be valid text; views of a report cannot go from process to process."""
    name = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return Redacted(name, dict(report.counts), dict(report.lines))


def tell(outcomes: Sequence[Outcome], reasons: Mapping[str, str], report: Path | None) -> int:
    """Say what is missing, write the report; returns the exit code."""
    left = [each for outcome in outcomes for each in outcome.left_out]
    omitted = sum(outcome.omitted for outcome in outcomes)
    for path, why in left:
        warn(f"left out: {path}: {why}")
    if omitted > len(left):
        warn(f"{omitted - len(left)} more are left out.")
    if report is not None:
        files = [file for outcome in outcomes for file in outcome.files]
        more = {"leftOut": [{"path": printable(path, _LINE), "why": printable(why, _LINE)} for path, why in left]}
        with new_file(report) as file:
            file.write(redactions(files, reasons, more if left else {}))
    return INCOMPLETE if omitted else DONE


def warn(text: str) -> None:
    """One line on standard error; names come from strangers."""
    print(f"supportbundle: {printable(text, _LINE)}", file=sys.stderr)  # noqa: T201 - a command line speaks


class Progress:
    """A line on the terminal that counts; nothing if standard error is none."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._shown = sys.stderr.isatty()
        self._last = 0.0
        self._done = self._size = 0

    def watch(self, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """Collect outcomes as they come."""
        collected = []
        for outcome in outcomes:
            collected.append(outcome)
            self._done += 1
            self._size += outcome.size
            self._show(last=False)
        self._show(last=True)
        return collected

    def _show(self, *, last: bool) -> None:
        now = time.monotonic()
        if self._shown and (last or now - self._last > _EVERY):
            self._last = now
            end = "\n" if last else ""
            text = f"\r{self._done} of {self._total} files, {self._size >> 20} MiB"
            print(text, end=end, file=sys.stderr, flush=True)  # noqa: T201 - a command line speaks
